import * as Y from 'yjs'
import { chatKey, parseSlotKey } from '../../schema/format.ts'
import type { DecodedUpdate } from '../update-check.ts'
import type { Admitted } from './admitted.ts'
import { type Draft, readDraft } from './draft.ts'
import type { Grammar, Objection, Review } from './grammar.ts'

export type Verdict =
  | {
      readonly kind: 'accepted'
      /** Client ids that nobody has claimed yet: to be claimed for the author before the update is stored. */
      readonly newWriters: readonly number[]
      /** It changes who is who: nothing may be checked against the state before it is applied. */
      readonly changesStanding: boolean
    }
  /** It rests on what the document lacks: ask for that, and apply nothing. */
  | { readonly kind: 'gap' }
  /** It is not allowed now, but may be as soon as something else has arrived. */
  | { readonly kind: 'waiting'; readonly reason: string }
  | {
      readonly kind: 'refused'
      /** Foreign-writer = it has what others wrote, or what was written before anybody was asked who they are. */
      readonly code: 'forbidden' | 'foreign-writer'
      readonly reason: string
      /**
       * The client ids whose structs and deletions the rest might be accepted without. Of `forbidden` only where all
       * that is wrong are deletions of what others wrote, which may also come from somebody who may do it.
       */
      readonly writers?: readonly number[]
    }

export interface CheckState {
  readonly admitted: Admitted
  /**
   * The identity that has claimed a client id, `''` for the server's own; undefined = nobody. What is accepted must count
   * here at once, durable or not.
   */
  ownerOf(writer: number): string | undefined
  readonly grammar: Grammar
}

/** Whether an update may be applied; pure, and in time that depends on the update alone. */
export function checkUpdate(decoded: DecodedUpdate, author: string, state: CheckState): Verdict {
  if (author === '') return forbidden('who writes has no identity')
  const { admitted, grammar } = state
  const draft = readDraft(decoded, admitted)
  const { foreign, fresh } = sortWriters(decoded, draft, author, state)
  const review = grammar.review({
    author,
    draft,
    ownerOf: writer => (fresh.has(writer) ? author : state.ownerOf(writer)),
    isTaken: (root, key) => isTaken(admitted, root, key),
  })
  if (foreign.size > 0) {
    for (const { writer } of refusedErasures(draft, review)) {
      if (state.ownerOf(writer) !== author) foreign.add(writer)
    }
    const writers = [...foreign]
    const reason = `${author} does not write under ${names(writers)}`
    return { kind: 'refused', code: 'foreign-writer', reason, writers }
  }
  if (draft.isGapped) return { kind: 'gap' }
  return judge(draft, review, author, state, [...fresh])
}

function judge(
  draft: Draft,
  review: Review,
  author: string,
  { ownerOf }: CheckState,
  newWriters: readonly number[],
): Verdict {
  let waiting: Objection | undefined
  for (const writing of draft.writings) {
    // Garbage that lies nowhere does nothing.
    const objection = writing.place && review.write(writing)
    if (objection?.kind === 'refused') return forbidden(objection.reason)
    waiting ??= objection ?? undefined
  }
  const others = new Set<number>()
  let reason = ''
  for (const erasure of draft.erasures) {
    const objection = review.erase(erasure)
    if (objection?.kind === 'refused') {
      if (ownerOf(erasure.writer) === author) return forbidden(objection.reason)
      others.add(erasure.writer)
      reason ||= objection.reason
    } else waiting ??= objection
  }
  if (others.size > 0) return { ...forbidden(reason), writers: [...others] }
  if (waiting) return { kind: 'waiting', reason: waiting.reason }
  return { kind: 'accepted', newWriters, changesStanding: review.changesStanding }
}

/** Of the client ids that write something new those that are not the author's, and those that nobody has. */
function sortWriters(
  { structs }: DecodedUpdate,
  { writings }: Draft,
  author: string,
  { admitted, ownerOf, grammar }: CheckState,
): { foreign: Set<number>; fresh: Set<number> } {
  const foreign = new Set<number>()
  const fresh = new Set<number>()
  for (const struct of structs) {
    const { client, clock } = struct.id
    if (struct instanceof Y.Skip || fresh.has(client) || foreign.has(client)) continue
    const known = admitted.clockOf(client)
    if (clock + struct.length <= known) continue
    const owner = ownerOf(client)
    if (owner === author) continue
    if (owner === undefined && known === 0) fresh.add(client)
    else foreign.add(client)
  }
  if (fresh.size === 0) return { foreign, fresh }
  // Somebody may pass on what they heard from others directly; there it says whose it is.
  for (const { writer, place } of writings) {
    if (!place?.key || place.root !== grammar.personalRoot || !fresh.has(writer)) continue
    const slot = parseSlotKey(place.key)
    if (slot?.number !== writer || slot.owner === chatKey(author)) continue
    foreign.add(writer)
    fresh.delete(writer)
  }
  return { foreign, fresh }
}

function* refusedErasures({ erasures }: Draft, review: Review) {
  for (const erasure of erasures) if (review.erase(erasure)) yield erasure
}

/** Of what is admitted nothing is asked that could change this: see `Verdict.changesStanding`. */
function isTaken({ doc }: Admitted, root: string, key: string): boolean {
  const item = doc.share.get(root)?._map.get(key)
  return item !== undefined && !item.deleted
}

function forbidden(reason: string) {
  return { kind: 'refused', code: 'forbidden', reason } as const
}

function names(writers: readonly number[]): string {
  const shown = writers.slice(0, 5).join(', ')
  return writers.length > 5 ? `${shown} and ${writers.length - 5} more` : shown
}
