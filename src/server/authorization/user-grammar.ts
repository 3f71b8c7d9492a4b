import { userSid } from '../../base/ids.ts'
import { parseAttributeKey } from '../../schema/attribute-map.ts'
import { ROOTS, WHOLE } from '../../schema/format.ts'
import { DEFAULT_PERMISSIONS } from '../../schema/permissions.ts'
import { conversationGrammar } from './conversation-grammar.ts'
import type { TimeFacts, ValueLimits } from './facts.ts'
import { type Grammar, type Objection, refuse } from './grammar.ts'
import type { Place } from './place.ts'

/** Of a user's document: a conversation's with nobody in it, and theirs alone. @param sid its name */
export function userGrammar(
  sid: string,
  facts: TimeFacts & { readonly limits: ValueLimits },
): Grammar {
  /** Hashing takes longer than all the rest. */
  let owner: string | undefined
  const isOwner = (identity: string) => {
    if (identity !== owner && userSid(identity) === sid) owner = identity
    return identity === owner
  }
  return {
    personalRoot: undefined,
    review: context => {
      const { author } = context
      const whole = conversationGrammar({
        creator: author,
        createdMs: 0,
        roleOf: () => undefined,
        recordsOf: () => [],
        permissions: DEFAULT_PERMISSIONS,
        messageCount: undefined,
        limits: facts.limits,
        newestTime: facts.newestTime,
        nowMs: facts.nowMs,
        maxClockSkewMs: facts.maxClockSkewMs,
      }).review(context)
      const objectTo = (place: Place | null): Objection | undefined => {
        if (!isOwner(author)) return refuse(`the user is not ${author}`)
        return isOfUser(place) ? undefined : refuse('a user has a name and attributes only')
      }
      return {
        changesStanding: false,
        write: writing => objectTo(writing.place) ?? whole.write(writing),
        erase: erasure => objectTo(erasure.place) ?? whole.erase(erasure),
      }
    },
  }
}

function isOfUser(place: Place | null): boolean {
  if (!place?.key) return false
  if (place.root === ROOTS.fields) return true
  return place.root === ROOTS.attributes && parseAttributeKey(place.key)?.entity === WHOLE
}
