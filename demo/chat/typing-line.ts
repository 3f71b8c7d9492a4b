import { readProfile } from '../profile.ts'
import { element } from '../ui/element.ts'
import type { Section } from '../ui/section.ts'

/** Who else is typing. */
export function typingLine(): Section {
  const line = element('p', { class: 'typing', 'aria-live': 'polite' })
  return {
    element: line,
    update: ({ participants }) => {
      const names = participants
        .filter(({ isTyping }) => isTyping)
        .map(typist => readProfile(typist).name)
      const text = sentence(names)
      if (line.textContent !== text) line.textContent = text
    },
  }
}

function sentence(names: string[]): string {
  if (names.length === 0) return ''
  const list = new Intl.ListFormat('en').format(names)
  return `${list} ${names.length === 1 ? 'is' : 'are'} typing…`
}
