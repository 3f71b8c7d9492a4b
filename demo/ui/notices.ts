import { button, element } from './element.ts'

/** Trouble, in words, until it is dismissed. */
export function notices() {
  const area = element('div', { class: 'notices', role: 'alert' })

  function show(message: string, action?: { label: string; run: () => void }): void {
    const shown = [...area.children].find(({ firstChild }) => firstChild?.textContent === message)
    shown?.remove()
    const notice: HTMLElement = element(
      'div',
      { class: 'notice' },
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
