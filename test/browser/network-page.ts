import { Awareness } from 'y-protocols/awareness'
import * as Y from 'yjs'
import { broadcastChannel } from '../../src/sync/broadcast-channel.ts'
import type { TransportContext, TransportStatus } from '../../src/sync/provider.ts'
import { websocket } from '../../src/sync/websocket/index.ts'

export interface PageOptions {
  /** Of the server; without it there is none. */
  url?: string
  /** Adds `broadcastChannel()`. */
  withTabs?: boolean
  /** Tokens that are given out one after the other; the last one stays. */
  tokens?: string[]
}

export interface PageRoom {
  doc: Y.Doc
  root: Y.Map<unknown>
  awareness: Awareness
  /** Of the server, with the time of `performance.now()`. */
  statuses: Array<{ status: TransportStatus; atMs: number }>
  errors: string[]
  whenStatus(status: TransportStatus): Promise<void>
  whenSynced: Promise<void>
  whenValue(key: string, value: unknown): Promise<void>
  /** Resolves when so many clients are present, this one included. */
  whenPresent(count: number): Promise<void>
}

/** One document in this page with the transports that `options` name, connected. */
export function openRoom(options: PageOptions): PageRoom {
  const doc = new Y.Doc()
  const root = doc.getMap('root')
  const awareness = new Awareness(doc)
  awareness.setLocalState({ name: location.search })
  const statuses: PageRoom['statuses'] = []
  const errors: string[] = []
  const target = new EventTarget()
  const changed = () => target.dispatchEvent(new Event('change'))
  const when = (isTrue: () => boolean) =>
    new Promise<void>(resolve => {
      const check = () => {
        if (!isTrue()) return
        target.removeEventListener('change', check)
        resolve()
      }
      target.addEventListener('change', check)
      check()
    })
  doc.on('update', changed)
  awareness.on('update', changed)
  let synced = 0
  const context: TransportContext = {
    name: 'room',
    doc,
    awareness,
    onStatus() {},
    onSynced(isSynced) {
      synced += isSynced ? 1 : -1
      changed()
    },
    onError: error => errors.push(error.code),
    flushWrites() {},
  }
  const { tokens } = options
  const transports = [
    ...(options.withTabs ? [broadcastChannel()(context)] : []),
    ...(options.url
      ? [
          websocket({
            url: options.url,
            ...(tokens && {
              getToken: () => (tokens.length > 1 ? tokens.shift() : tokens[0]) ?? '',
            }),
          })({
            ...context,
            onStatus(status) {
              statuses.push({ status, atMs: performance.now() })
              changed()
            },
          }),
        ]
      : []),
  ]
  addEventListener('pagehide', () => awareness.setLocalState(null))
  for (const transport of transports) transport.connect()
  return {
    doc,
    root,
    awareness,
    statuses,
    errors,
    whenStatus: status => when(() => statuses.at(-1)?.status === status),
    whenSynced: when(() => synced === transports.length),
    whenValue: (key, value) => when(() => root.get(key) === value),
    whenPresent: count => when(() => awareness.states.size === count),
  }
}
