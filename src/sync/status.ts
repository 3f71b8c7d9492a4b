import type { TransportStatus } from './provider.ts'

/*
 * The connection status as a pure machine. `off` is what nobody wants connected; `down` is wanted and is not: both
 * are `disconnected` to the outside, but only `off` is deaf to a transport that is late with its news.
 */

export type ConnectionState = 'off' | 'down' | 'connecting' | 'connected' | 'denied'

/** The app's wishes, and what a transport reports. */
export type ConnectionEvent = 'connect' | 'disconnect' | TransportStatus

/** Total: no `Partial`, so the compiler asks for every pair. */
export const TRANSITIONS: Record<ConnectionState, Record<ConnectionEvent, ConnectionState>> = {
  off: {
    connect: 'down',
    disconnect: 'off',
    connecting: 'off',
    connected: 'off',
    disconnected: 'off',
    denied: 'off',
  },
  down: {
    connect: 'down',
    disconnect: 'off',
    connecting: 'connecting',
    connected: 'connected',
    disconnected: 'down',
    denied: 'denied',
  },
  connecting: {
    connect: 'connecting',
    disconnect: 'off',
    connecting: 'connecting',
    connected: 'connected',
    disconnected: 'down',
    denied: 'denied',
  },
  connected: {
    connect: 'connected',
    disconnect: 'off',
    connecting: 'connecting',
    connected: 'connected',
    disconnected: 'down',
    denied: 'denied',
  },
  // Final until the app asks again.
  denied: {
    connect: 'down',
    disconnect: 'off',
    connecting: 'denied',
    connected: 'denied',
    disconnected: 'denied',
    denied: 'denied',
  },
}

/** What an app is told. */
export type ConnectionStatus = TransportStatus

export function toStatus(state: ConnectionState): ConnectionStatus {
  return state === 'off' || state === 'down' ? 'disconnected' : state
}

const BEST_FIRST: readonly ConnectionStatus[] = [
  'connected',
  'connecting',
  'denied',
  'disconnected',
]

/** The status of several connections that lead to the same peers: the best of them. */
export function bestOf(statuses: Iterable<ConnectionStatus>): ConnectionStatus {
  const all = new Set(statuses)
  return BEST_FIRST.find(status => all.has(status)) ?? 'disconnected'
}

/**
 * The status of several documents together: the worst of them, `disconnected` where there are none. One that is
 * connecting for the first time does not count while others are connected, so that opening it does not look like trouble.
 */
export function worstOf(statuses: Iterable<ConnectionStatus>): ConnectionStatus {
  const all = new Set(statuses)
  return (
    (['denied', 'disconnected', 'connected', 'connecting'] as const).find(s => all.has(s)) ??
    'disconnected'
  )
}
