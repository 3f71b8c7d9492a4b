import type { ConnectionStatus } from '../../src/index.ts'
import { BURST } from '../chat/burst.ts'
import { initialProfile, readProfile } from '../profile.ts'
import { button, element } from './element.ts'
import type { Section, View } from './section.ts'

export interface DeviceBarOptions {
  readonly identity: string
  /** Shown inside the page with both people. */
  readonly isFramed: boolean
  readonly isCut: () => boolean
  onFlip(isCut: boolean): void
  onReload(): void
  /** Sends very many messages. */
  onBurst(): void
  /** Tries to write for somebody else. */
  onForge(): void
  /** Joins or leaves. */
  onToggleMembership(): void
}

const STATUS_TEXTS: Record<ConnectionStatus, string> = {
  connected: 'Connected',
  connecting: 'Connecting…',
  disconnected: 'No connection',
  denied: 'Refused',
}

/** Whose device it is, how it is connected, and the switch that cuts its network. */
export function deviceBar(
  options: DeviceBarOptions,
): Section & { setStatus(status: ConnectionStatus): void } {
  const { identity, isFramed, isCut } = options
  const initial = initialProfile(identity)
  const name = element('h1', {}, initial.name)
  const chip = element('span', { class: 'chip', role: 'status' })
  const network = button('Network', () => options.onFlip(!isCut()), {
    role: 'switch',
    class: 'switch',
  })
  const reload = button('Reload', options.onReload)
  const burst = button(`Send ${BURST.toLocaleString('en')}`, options.onBurst)
  const forge = button('Forge', options.onForge, {
    title: 'Tries to say that the other person has read everything',
  })
  const membership = button('Join', options.onToggleMembership)
  const elsewhere = isFramed
    ? element(
        'a',
        { href: `/?user=${encodeURIComponent(identity)}`, target: '_blank' },
        'Open in a tab',
      )
    : element('a', { href: '/' }, 'Both side by side')

  function setStatus(status: ConnectionStatus): void {
    const isOff = isCut()
    network.setAttribute('aria-checked', String(!isOff))
    chip.dataset.status = isOff ? 'cut' : status
    const text = isOff ? 'Network cut' : STATUS_TEXTS[status]
    if (chip.textContent !== text) chip.textContent = text
    document.documentElement.toggleAttribute('data-cut', isOff)
  }

  function update({ me, conversation }: View): void {
    const profile = me ? readProfile(me) : initial
    const { unreadCount } = conversation
    name.replaceChildren(profile.name, ...(unreadCount > 0 ? [unreadBadge(unreadCount)] : []))
    const count = unreadCount > 0 ? `(${unreadCount}) ` : ''
    document.title = `${count}${profile.name} · y-conversations`
    document.documentElement.dataset.colour = profile.colour
    membership.textContent = me ? 'Leave' : 'Join'
    burst.disabled = !me
    membership.disabled = conversation.isReadOnly
    setStatus(conversation.connectionStatus)
  }

  setStatus('connecting')
  const bar = element(
    'header',
    { class: 'device-bar' },
    element('div', { class: 'whose' }, name, elsewhere, chip),
    element('div', { class: 'controls' }, network, reload, membership, burst, forge),
  )
  return { element: bar, update, setStatus }
}

function unreadBadge(count: number): HTMLElement {
  return element(
    'span',
    { class: 'badge' },
    count.toLocaleString('en'),
    element('span', { class: 'unseen' }, ' unread'),
  )
}
