import type { Message } from '../../src/index.ts'
import { button, element } from '../ui/element.ts'
import { readReactions } from './message-attributes.ts'

/** How people react to a message; pressing one adds oneself, or takes it back. */
export function reactionBar(onToggle: (reaction: string) => void) {
  const bar = element('div', { class: 'reactions', hidden: true })
  const chips = new Map<string, HTMLButtonElement>()

  function chip(reaction: string): HTMLButtonElement {
    const known = chips.get(reaction)
    if (known) return known
    const created = button('', () => onToggle(reaction), { 'data-reaction': reaction })
    chips.set(reaction, created)
    bar.append(created)
    return created
  }

  /** @param nameOf what an identity is called */
  function update(message: Message, identity: string, nameOf: (identity: string) => string): void {
    const reactions = readReactions(message)
    for (const [reaction, shown] of chips) {
      if (reactions.has(reaction)) continue
      shown.remove()
      chips.delete(reaction)
    }
    for (const [reaction, identities] of reactions) {
      const shown = chip(reaction)
      const names = new Intl.ListFormat('en').format(identities.map(nameOf))
      shown.textContent = `${reaction} ${identities.length}`
      shown.title = names
      shown.setAttribute('aria-label', `${reaction}: ${names}`)
      shown.setAttribute('aria-pressed', String(identities.includes(identity)))
    }
    bar.hidden = reactions.size === 0
  }

  return { element: bar, update }
}
