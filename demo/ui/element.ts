export type Child = Node | string | null | undefined | false

/** Creates an element. Functions are listeners (`onclick`), booleans say whether an attribute is there. */
export function element<K extends keyof HTMLElementTagNameMap>(
  tag: K,
  attributes: Record<string, string | number | boolean | ((event: Event) => void)> = {},
  ...children: Child[]
): HTMLElementTagNameMap[K] {
  const created = document.createElement(tag)
  for (const [name, value] of Object.entries(attributes)) {
    if (typeof value === 'function') created.addEventListener(name.slice(2), value)
    else if (typeof value === 'boolean') created.toggleAttribute(name, value)
    else created.setAttribute(name, String(value))
  }
  created.append(...children.filter(child => child instanceof Node || typeof child === 'string'))
  return created
}

/** A button that submits nothing. */
export function button(
  label: string,
  onclick: () => void,
  attributes: Record<string, string> = {},
): HTMLButtonElement {
  return element('button', { type: 'button', onclick, ...attributes }, label)
}

/** A label with its control. */
export function field(label: string, control: HTMLElement): HTMLLabelElement {
  return element('label', { class: 'field' }, element('span', {}, label), control)
}

/** A titled part of the page. */
export function card(title: string, ...children: Child[]): HTMLElement {
  return element(
    'section',
    { class: 'card', 'aria-label': title },
    element('h2', {}, title),
    ...children,
  )
}

/** Shows a value in a control without moving the caret of somebody who has just typed that value. */
export function setValue(input: HTMLInputElement, value: string): void {
  if (input.value !== value) input.value = value
}
