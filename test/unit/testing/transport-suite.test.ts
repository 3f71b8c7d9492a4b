import { expect, test } from 'vitest'
import { Awareness, removeAwarenessStates } from 'y-protocols/awareness'
import * as Y from 'yjs'
import type { Transport, TransportContext, TransportHandle } from '../../../src/sync/provider.ts'
import { createMemoryNetwork, describeTransport } from '../../../src/testing/index.ts'
import { collect } from './collect.ts'

/** Flaws of a transport, each put upon the memory network: what it does to the context, and to the handle. */
const flaws: Record<
  string,
  {
    context?: (context: TransportContext) => Partial<TransportContext>
    handle?: (handle: TransportHandle, context: TransportContext) => Partial<TransportHandle>
  }
> = {
  'carries nothing': { context: () => ({ doc: new Y.Doc() }) },
  'one room for all': { context: () => ({ name: 'everywhere' }) },
  'never synced': { context: () => ({ onSynced() {} }) },
  'synced before it is': {
    context: ({ onSynced, onStatus }) => ({
      onSynced() {},
      onStatus(status) {
        onStatus(status)
        onSynced(status === 'connected')
      },
    }),
  },
  'stays synced': {
    context: ({ onSynced }) => ({ onSynced: isSynced => isSynced && onSynced(true) }),
  },
  'says every status twice': {
    context: ({ onStatus }) => ({
      onStatus(status) {
        onStatus(status)
        onStatus(status)
      },
    }),
  },
  'connects by itself': {
    handle(handle) {
      handle.connect()
      return {}
    },
  },
  'says disconnected without being it': {
    handle: (_, { onStatus, onSynced }) => ({
      disconnect() {
        onStatus('disconnected')
        onSynced(false)
      },
    }),
  },
  'connects once only': {
    handle(handle) {
      let hasConnected = false
      const connect = () => {
        if (!hasConnected) handle.connect()
        hasConnected = true
      }
      return { connect }
    },
  },
  'destroyed, it lives on': { handle: () => ({ destroy() {} }) },
  'destroyed once only': {
    handle(handle) {
      let isDestroyed = false
      const destroy = () => {
        if (isDestroyed) throw new Error('already destroyed')
        isDestroyed = true
        return handle.destroy()
      }
      return { destroy }
    },
  },
  'no awareness': { context: ({ doc }) => ({ awareness: new Awareness(doc) }) },
  'takes in no awareness': {
    context: ({ awareness, doc }) => ({ awareness: oneWay(awareness, doc) }),
  },
  'does not say why peers are gone': {
    handle: (handle, { awareness }) => ({
      disconnect() {
        const others = [...awareness.getStates().keys()].filter(id => id !== awareness.clientID)
        removeAwarenessStates(awareness, others, handle)
        handle.disconnect()
      },
    }),
  },
  'takes away the own state': {
    handle: (handle, { awareness }) => ({
      disconnect() {
        handle.disconnect()
        removeAwarenessStates(awareness, [awareness.clientID], handle)
      },
    }),
  },
  'answers awareness with awareness': {
    context({ awareness }) {
      awareness.on('update', (_: unknown, origin: unknown) => {
        if (origin !== 'local') awareness.setLocalState(awareness.getLocalState())
      })
      return {}
    },
  },
}

/** An awareness that shows the own state to a transport, and takes no other. */
function oneWay(awareness: Awareness, doc: Y.Doc): Awareness {
  const copy = new Awareness(doc)
  const follow = () => copy.setLocalState(awareness.getLocalState())
  awareness.on('change', (_: unknown, origin: unknown) => {
    if (origin === 'local') follow()
  })
  follow()
  return copy
}

function withFlaw(name: string, transport: Transport): Transport {
  const flaw = flaws[name]
  return context => {
    const handle = transport({ ...context, ...flaw?.context?.(context) })
    const changed = flaw?.handle?.(handle, context) ?? {}
    return {
      connect: changed.connect ?? (() => handle.connect()),
      disconnect: changed.disconnect ?? (() => handle.disconnect()),
      destroy: changed.destroy ?? (() => handle.destroy()),
    }
  }
}

function suite(flaw: string) {
  return collect(framework =>
    describeTransport(
      'a transport',
      {
        createNetwork: () => ({ network: createMemoryNetwork(), peers: [] as string[] }),
        transport({ network, peers }) {
          const peer = String(peers.length)
          peers.push(peer)
          return withFlaw(flaw, network.transport(peer))
        },
        cut({ network, peers }) {
          if (flaw !== 'silent about a cut') network.partition(peers.map(peer => [peer]))
        },
        mend({ network }) {
          if (flaw !== 'does not come back') network.heal()
        },
        countMessages: ({ network }) => network.stats.messages,
        sendGarbage({ network }) {
          if (flaw === 'knocked out by garbage') network.partition([['0'], ['1']])
        },
        patienceMs: 100,
      },
      framework,
    ),
  )
}

// Every check must notice some flaw, else it proves nothing.
const noticed = [
  ['carries writes both ways', 'carries nothing'],
  ['carries writes both ways', 'says every status twice'],
  ['brings concurrent writes of three devices together', 'carries nothing'],
  ['gives a late joiner everything by the time it says synced', 'synced before it is'],
  ['takes what a device wrote before it was connected', 'carries nothing'],
  ['merges what both sides wrote while one of them was disconnected', 'connects once only'],
  ['keeps rooms apart', 'one room for all'],
  ['does nothing before connect is called', 'connects by itself'],
  ['tells connected, synced, disconnected and no longer synced, in this order', 'never synced'],
  ['tells connected, synced, disconnected and no longer synced, in this order', 'stays synced'],
  ['carries nothing while disconnected', 'says disconnected without being it'],
  ['may be connected and disconnected twice', 'connects once only'],
  ['survives a quick change of mind', 'connects once only'],
  ['is over when it is destroyed', 'destroyed, it lives on'],
  ['may be destroyed twice, and without ever having been connected', 'destroyed once only'],
  ['carries awareness states, and changes of them', 'no awareness'],
  ['shows a late joiner who is there, and the others the late joiner', 'takes in no awareness'],
  [
    'takes away the state of a device that disconnects, and brings it back with the device',
    'says disconnected without being it',
  ],
  ['takes away the state of a device that is destroyed', 'destroyed, it lives on'],
  [
    'says of peers that are taken away whether they left or the own connection is lost',
    'does not say why peers are gone',
  ],
  [
    'leaves the own state alone, also when the document has got another client id',
    'takes away the own state',
  ],
  [
    'reports a cut, comes back by itself, and merges what was written meanwhile',
    'silent about a cut',
  ],
  [
    'reports a cut, comes back by itself, and merges what was written meanwhile',
    'does not come back',
  ],
  ['falls silent when everything has been said', 'answers awareness with awareness'],
  ['survives bytes that mean nothing', 'knocked out by garbage'],
] as const

test.each(noticed)('the check "%s" notices: %s', async (title, flaw) => {
  const run = suite(flaw).get(title)
  await expect(run?.()).rejects.toThrow()
})

test('every check notices something', () => {
  const titles = suite('none').keys()
  expect(new Set(noticed.map(([title]) => title))).toEqual(new Set(titles))
})
