import type * as Y from 'yjs'
import { isTime, ROOTS } from '../../schema/format.ts'
import { decodeHorizon } from '../../schema/horizon-codec.ts'
import type { ServerContext } from '../options.ts'
import type { Authority } from './authority.ts'
import type { ConversationFacts, OutboxFacts, TimeFacts, ValueLimits } from './facts.ts'

/*
 * What writes are judged by, looked up when it is asked for: these objects live as long as their documents.
 */

export interface FactsContext extends Pick<ServerContext, 'clock'> {
  readonly maxClockSkewMs: number
  readonly valueLimits: ValueLimits
}

export class UserFacts implements TimeFacts {
  readonly limits: ValueLimits
  readonly maxClockSkewMs: number
  readonly #doc: Y.Doc
  readonly #clock: FactsContext['clock']

  constructor(doc: Y.Doc, { valueLimits, maxClockSkewMs, clock }: FactsContext) {
    this.#doc = doc
    this.limits = valueLimits
    this.maxClockSkewMs = maxClockSkewMs
    this.#clock = clock
  }

  get nowMs(): number {
    return this.#clock.now()
  }

  get newestTime(): number {
    return newestTime(this.#doc)
  }
}

export class AuthorityFacts extends UserFacts implements ConversationFacts, OutboxFacts {
  readonly #authority: Authority

  constructor(authority: Authority, doc: Y.Doc, context: FactsContext) {
    super(doc, context)
    this.#authority = authority
  }

  get permissions() {
    return this.#authority.permissions
  }

  get creator() {
    return this.#authority.standings.creator
  }

  get createdMs(): number {
    return this.#authority.standings.creation?.dateCreated ?? 0
  }

  get messageCount() {
    return this.#authority.messageCount
  }

  roleOf(participantKey: string) {
    return this.#authority.standings.roleOf(participantKey)
  }

  recordsOf(participantKey: string) {
    return this.#authority.standings.recordsOf(participantKey)
  }

  authorOf(writer: number) {
    return this.#authority.authorOf(writer)
  }
}

/** Of a document with participants. In those of messages nothing goes on from the newest time. */
function newestTime(doc: Y.Doc): number {
  let newest = 0
  const look = (time: unknown) => {
    if (isTime(time)) newest = Math.max(newest, time)
  }
  const places = { fields: 1, participants: 0, roles: 1, attributes: 1 } as const
  for (const [root, place] of Object.entries(places)) {
    for (const stored of doc.getMap(ROOTS[root as keyof typeof places]).values()) {
      if (Array.isArray(stored)) look(stored[place])
    }
  }
  for (const stored of doc.getMap(ROOTS.horizons).values()) look(decodeHorizon(stored)?.time)
  return newest
}
