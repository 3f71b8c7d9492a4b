import { type DemoParticipant, readProfile } from '../profile.ts'
import { avatar } from './avatar.ts'
import { button, card, element } from './element.ts'
import type { Run, Section, View } from './section.ts'

const LENGTH = 20

/** Twenty messages that are only numbers, and how far everybody has read. */
export function readingStrip(run: Run): Section {
  let current: View | undefined
  let selected = 7

  const cells = Array.from({ length: LENGTH }, (_, index) => {
    const input = element('input', {
      type: 'radio',
      name: 'message',
      value: index,
      onchange: () => {
        selected = index
        update()
      },
    })
    const readers = element('span', { class: 'readers' })
    const said = element('span', { class: 'unseen' })
    const cell = element(
      'label',
      { class: 'cell' },
      input,
      element(
        'span',
        { class: 'number' },
        element('span', { class: 'unseen' }, 'message '),
        String(index),
      ),
      said,
      readers,
    )
    return { input, cell, readers, said }
  })
  const strip = element(
    'div',
    { class: 'strip', role: 'radiogroup', 'aria-label': 'Messages' },
    ...cells.map(({ cell }) => cell),
  )
  const advance = button('', () =>
    run(written(({ conversation }) => conversation.advanceLastReadMessageIndex(selected))),
  )
  const rewind = button('', () =>
    run(
      written(({ conversation }) =>
        conversation.updateLastReadMessageIndex(selected === 0 ? null : selected - 1),
      ),
    ),
  )
  const summary = element('p', { class: 'quiet summary' })

  async function written(write: (view: View) => Promise<unknown>): Promise<void> {
    if (current) await write(current)
  }

  function update(): void {
    if (!current) return
    const { participants, me } = current
    const mine = me?.lastReadMessageIndex ?? -1
    cells.forEach(({ input, cell, readers, said }, index) => {
      const here = participants.filter(participant => cellOf(participant) === index)
      cell.classList.toggle('is-read', index <= mine)
      input.checked = index === selected
      readers.replaceChildren(...here.map(avatar))
      said.textContent = here
        .map(reader => `, ${readProfile(reader).name} has read up to here`)
        .join('')
    })
    advance.textContent = `Read up to ${selected}`
    rewind.textContent = `Mark unread from ${selected}`
    advance.disabled = !me
    rewind.disabled = !me || selected > mine
    summary.textContent = participants.map(summarise).join(' · ')
  }

  return {
    element: card(
      'Read up to',
      strip,
      element('div', { class: 'controls' }, advance, rewind),
      summary,
    ),
    update: view => {
      current = view
      update()
    },
  }
}

/** Peers may have read further than is shown here. */
function cellOf({ lastReadMessageIndex }: DemoParticipant): number {
  return lastReadMessageIndex === null ? -1 : Math.min(lastReadMessageIndex, LENGTH - 1)
}

function summarise(participant: DemoParticipant): string {
  const { lastReadMessageIndex } = participant
  const { name } = readProfile(participant)
  return lastReadMessageIndex === null
    ? `${name}: nothing read`
    : `${name}: read up to ${lastReadMessageIndex}`
}
