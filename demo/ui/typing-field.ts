import { readProfile } from '../profile.ts'
import { card, element, field } from './element.ts'
import type { Run, Section, View } from './section.ts'

/** A field whose text goes nowhere: others only see that somebody types. */
export function typingField(run: Run): Section {
  let current: View | undefined
  const input = element('input', {
    type: 'text',
    autocomplete: 'off',
    oninput: () => {
      if (input.value !== '' && current) run(current.conversation.typing())
    },
  })
  const line = element('p', { class: 'typing', 'aria-live': 'polite' })

  return {
    element: card('Typing', field('Others see that you type; nothing is sent', input), line),
    update: view => {
      current = view
      input.disabled = !view.me
      const names = view.participants
        .filter(({ isTyping }) => isTyping)
        .map(typist => readProfile(typist).name)
      const text = sentence(names)
      if (line.textContent !== text) line.textContent = text
      line.classList.toggle('is-typing', names.length > 0)
    },
  }
}

function sentence(names: string[]): string {
  if (names.length === 0) return 'Nobody else is typing.'
  const list = new Intl.ListFormat('en').format(names)
  return `${list} ${names.length === 1 ? 'is' : 'are'} typing…`
}
