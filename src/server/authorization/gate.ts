import type { DurableDocument, Gate } from '../durable-document.ts'
import type { UpdateSender } from '../shadow-document.ts'
import type { Judgement } from './admission.ts'
import { Admitted } from './admitted.ts'
import { checkUpdate } from './check.ts'
import { CREATOR_CLAIM, writerClaim } from './claims.ts'
import type { Grammar } from './grammar.ts'

/**
 * Judges what clients submit for a document.
 *
 * @param isUncreated whether it is a conversation's that nobody has created
 */
export function gateOf(
  { doc, owners }: Pick<DurableDocument<UpdateSender>, 'doc' | 'owners'>,
  grammar: Grammar,
  isUncreated: () => boolean = () => false,
): Gate<UpdateSender> {
  const ownerOf = (writer: number) => owners.get(writer)
  return {
    convene() {
      const admitted = new Admitted(doc)
      return {
        judge({ sender }, decoded): Judgement {
          const { identity = '' } = sender
          const verdict = checkUpdate(decoded, identity, { admitted, ownerOf, grammar })
          if (verdict.kind !== 'accepted') return verdict
          const { newWriters, changesStanding } = verdict
          admitted.add(decoded)
          const keys = newWriters.map(writerClaim)
          if (changesStanding && isUncreated()) keys.push(CREATOR_CLAIM)
          // At once: what comes next in the batch may be of somebody else. The claim puts it right if it is lost.
          for (const writer of newWriters) owners.set(writer, identity)
          const accepted = { kind: 'accepted', changesStanding } as const
          return keys.length > 0 ? { ...accepted, claims: { owner: identity, keys } } : accepted
        },
      }
    },
  }
}
