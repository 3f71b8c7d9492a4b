import { button, element } from '../ui/element.ts'

export interface EditFormOptions {
  readonly text: string
  onSave(text: string): void
  onEnd(): void
}

/** Takes the place of a message's text while its author changes it. */
export function editForm({ text, onSave, onEnd }: EditFormOptions): HTMLFormElement {
  const input = element('textarea', { 'aria-label': 'New text', rows: 2, maxlength: 32_768 })
  input.value = text
  function save(event: Event): void {
    event.preventDefault()
    const changed = input.value.trim()
    if (changed !== '' && changed !== text) onSave(changed)
    onEnd()
  }
  const form = element(
    'form',
    { class: 'edit', onsubmit: save },
    input,
    element(
      'div',
      { class: 'controls' },
      element('button', { type: 'submit' }, 'Save'),
      button('Cancel', onEnd),
    ),
  )
  input.addEventListener('keydown', event => {
    if (event.key === 'Enter' && !event.shiftKey && !event.isComposing) save(event)
    if (event.key === 'Escape') onEnd()
  })
  // Once it is in the page.
  queueMicrotask(() => input.focus())
  return form
}
