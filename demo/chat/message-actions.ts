import { button, element } from '../ui/element.ts'
import { icon } from '../ui/icon.ts'
import { REACTIONS } from './message-attributes.ts'

export interface MessageActionsOptions {
  readonly isOwn: boolean
  onReact(reaction: string): void
  onEdit(): void
  onRemove(): void
  onMarkUnread(): void
}

/** What can be done with a message; opened by a button beside it. */
export function messageActions(options: MessageActionsOptions) {
  const { isOwn, onReact, onEdit, onRemove, onMarkUnread } = options
  const act = (action: () => void) => () => {
    setOpen(false)
    opener.focus()
    action()
  }
  const opener = element(
    'button',
    {
      type: 'button',
      class: 'opener',
      'aria-expanded': 'false',
      onclick: () => setOpen(opener.ariaExpanded !== 'true'),
    },
    icon('dots'),
  )
  const bar = element(
    'div',
    { class: 'actions', role: 'group', 'aria-label': 'Actions', hidden: true },
    ...REACTIONS.map(reaction =>
      button(
        reaction,
        act(() => onReact(reaction)),
        { class: 'reaction', 'aria-label': `React with ${reaction}` },
      ),
    ),
    isOwn && button('Edit', act(onEdit)),
    isOwn && button('Remove', act(onRemove)),
    button('Mark unread', act(onMarkUnread)),
  )
  bar.addEventListener('keydown', ({ key }) => {
    if (key === 'Escape') act(() => {})()
  })

  function setOpen(isOpen: boolean): void {
    bar.hidden = !isOpen
    opener.setAttribute('aria-expanded', String(isOpen))
  }

  /** @param isEnabled whether this user may do anything */
  function update(index: number, isEnabled: boolean): void {
    opener.setAttribute('aria-label', `Actions for message ${index}`)
    opener.disabled = !isEnabled
    if (!isEnabled) setOpen(false)
  }

  return { opener, bar, update }
}
