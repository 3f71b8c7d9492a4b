import { button, element } from '../ui/element.ts'
import { icon } from '../ui/icon.ts'
import type { Run, Section, View } from '../ui/section.ts'
import { formatSize } from './attachment.ts'

/** Where messages are written, with one file if need be. */
export function composer(run: Run, onSent: () => void): Section {
  let current: View | undefined

  const text = element('textarea', {
    rows: 1,
    maxlength: 32_768,
    autocomplete: 'off',
    'aria-label': 'Message',
    oninput: () => {
      grow()
      if (text.value !== '' && current) run(current.conversation.typing())
    },
  })
  const file = element('input', {
    type: 'file',
    class: 'unseen',
    tabindex: -1,
    'aria-label': 'File',
    onchange: () => showFile(),
  })
  const chosen = element('p', { class: 'chosen', hidden: true })
  const attach = element(
    'button',
    { type: 'button', class: 'round', 'aria-label': 'Attach a file', onclick: () => file.click() },
    icon('clip'),
  )
  const submit = element(
    'button',
    { type: 'submit', class: 'round send', 'aria-label': 'Send' },
    icon('send'),
  )
  const form = element(
    'form',
    { class: 'composer', onsubmit: send },
    chosen,
    file,
    attach,
    text,
    submit,
  )
  text.addEventListener('keydown', event => {
    if (event.key === 'Enter' && !event.shiftKey && !event.isComposing) send(event)
  })

  function grow(): void {
    text.style.height = 'auto'
    text.style.height = `${Math.min(text.scrollHeight + 2, 140)}px`
  }

  function showFile(): void {
    const [one] = file.files ?? []
    chosen.hidden = !one
    chosen.replaceChildren(
      ...(one
        ? [
            element('span', {}, `${one.name} · ${formatSize(one.size)}`),
            button('×', clearFile, { 'aria-label': 'Send no file' }),
          ]
        : []),
    )
  }

  function clearFile(): void {
    file.value = ''
    showFile()
    text.focus()
  }

  function send(event: Event): void {
    event.preventDefault()
    const body = text.value.trim()
    const [media] = file.files ?? []
    if (!current?.me || (body === '' && !media)) return
    const message = current.conversation.prepareMessage().setBody(body === '' ? null : body)
    if (media) message.addMedia({ contentType: null, filename: media.name, media })
    onSent()
    run(message.buildAndSend())
    text.value = ''
    if (media) clearFile()
    grow()
  }

  return {
    element: form,
    update: view => {
      current = view
      for (const control of [text, attach, submit]) control.disabled = !view.me
      text.placeholder = view.me ? 'Write a message' : 'Join to write'
    },
  }
}
