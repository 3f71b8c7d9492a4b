import { type DemoParticipant, readProfile } from '../profile.ts'
import { element } from './element.ts'

/** The initial of a participant in their colour; what it means is said in words beside it. */
export function avatar(participant: DemoParticipant): HTMLElement {
  const { name, colour } = readProfile(participant)
  const initial = [...name][0]?.toUpperCase() ?? '?'
  return element(
    'span',
    { class: 'avatar', 'data-colour': colour, 'aria-hidden': 'true', title: name },
    initial,
  )
}
