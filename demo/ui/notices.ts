import { button, element } from './element.ts'

export interface NoticeAction {
  readonly label: string
  run(): void
}

/** Trouble, in words, until it is dismissed. */
export function notices() {
  const area = element('div', { class: 'notices', role: 'alert' })

  /** @param kind of those of one kind the last one is shown; default: the message */
  function show(message: string, action?: NoticeAction, kind = message): void {
    for (const shown of area.querySelectorAll<HTMLElement>('.notice')) {
      if (shown.dataset.kind === kind) shown.remove()
    }
    const notice: HTMLElement = element(
      'div',
      { class: 'notice', 'data-kind': kind },
      element('p', {}, message),
      action &&
        button(action.label, () => {
          notice.remove()
          action.run()
        }),
      button('Dismiss', () => notice.remove()),
    )
    area.append(notice)
  }

  return { element: area, show }
}
