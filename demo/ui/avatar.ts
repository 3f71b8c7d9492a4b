import type { Profile } from '../profile.ts'
import { element } from './element.ts'

/** The initial of a person in their colour; what it means is said in words beside it. */
export function avatar({ name, colour }: Pick<Profile, 'name' | 'colour'>): HTMLElement {
  const initial = [...name][0]?.toUpperCase() ?? '?'
  return element(
    'span',
    { class: 'avatar', 'data-colour': colour, 'aria-hidden': 'true', title: name },
    initial,
  )
}
