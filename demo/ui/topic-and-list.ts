import { readItems } from '../profile.ts'
import { button, card, element, field, setValue } from './element.ts'
import type { Run, Section, View } from './section.ts'

/** What everybody may change at the same time: one value, of which the later one stays, and a list, which merges. */
export function topicAndList(run: Run): Section {
  let current: View | undefined

  const topic = element('input', {
    type: 'text',
    maxlength: 80,
    autocomplete: 'off',
    placeholder: 'What is it about?',
    oninput: () => {
      if (current) run(current.conversation.updateFriendlyName(topic.value))
    },
  })

  function writeItems(items: string[]): void {
    if (!current) return
    const { conversation } = current
    const { attributes } = conversation
    const others = typeof attributes === 'object' && !Array.isArray(attributes) ? attributes : {}
    run(conversation.updateAttributes({ ...others, items }))
  }

  const list = element('ul', { class: 'items' })
  const next = element('input', {
    type: 'text',
    maxlength: 40,
    autocomplete: 'off',
    placeholder: 'Add on both sides',
    'aria-label': 'Something to add to the list',
  })
  const add = element(
    'form',
    {
      class: 'add',
      onsubmit: event => {
        event.preventDefault()
        const item = next.value.trim()
        if (!current || item === '') return
        writeItems([...readItems(current.conversation), item])
        next.value = ''
      },
    },
    next,
    element('button', { type: 'submit' }, 'Add'),
  )

  function remove(index: number): void {
    if (!current) return
    writeItems(readItems(current.conversation).toSpliced(index, 1))
    next.focus()
  }

  return {
    element: card(
      'Shared by all',
      field('Topic', topic),
      element('div', { class: 'field' }, element('span', {}, 'To bring'), list, add),
    ),
    update: view => {
      current = view
      setValue(topic, view.conversation.friendlyName ?? '')
      const items = readItems(view.conversation)
      list.hidden = items.length === 0
      if (list.dataset.shown === JSON.stringify(items)) return
      list.dataset.shown = JSON.stringify(items)
      list.replaceChildren(
        ...items.map((item, index) =>
          element(
            'li',
            {},
            element('span', {}, item),
            button('×', () => remove(index), { 'aria-label': `Remove ${item}` }),
          ),
        ),
      )
    },
  }
}
