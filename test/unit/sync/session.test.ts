import { afterEach, describe, expect, it, vi } from 'vitest'
import { Awareness } from 'y-protocols/awareness'
import * as Y from 'yjs'
import { ConversationsError } from '../../../src/base/errors.ts'
import type {
  Persistence,
  ProviderContext,
  Transport,
  TransportContext,
  TransportHandle,
} from '../../../src/sync/provider.ts'
import { Session, type SessionOptions } from '../../../src/sync/session.ts'

const never = new Promise<never>(() => {})
const opened: Session[] = []

afterEach(async () => {
  await Promise.all(opened.splice(0).map(session => session.destroy()))
})

/** A session, and in order everything it did to its providers and said to its listeners. */
function open(options: Partial<SessionOptions> = {}) {
  const log: string[] = []
  const session = new Session({
    name: 'room',
    persistence: undefined,
    transports: [],
    flushWrites: () => log.push('flush writes'),
    ...options,
  })
  opened.push(session)
  const errors: ConversationsError[] = []
  session.on('status', status => log.push(status))
  session.on('synced', isSynced => log.push(isSynced ? 'synced' : 'not synced'))
  session.on('error', error => errors.push(error))
  session.on('destroyed', () => log.push('destroyed'))
  session.awareness.on('update', () => {
    log.push(session.awareness.getLocalState() ? 'present' : 'absent')
  })
  if (!options.doc) session.doc.on('destroy', () => log.push('document destroyed'))
  return { session, log, errors }
}

function persistenceInto(log: () => string[], overrides: object = {}): Persistence {
  return () => {
    log().push('load')
    return {
      whenLoaded: Promise.resolve(),
      async flush() {
        log().push('flush')
      },
      async destroy() {
        log().push('persistence destroyed')
      },
      ...overrides,
    }
  }
}

/** A transport that does nothing but keep what it was given. */
function plug(log: () => string[] = () => [], handle: Partial<TransportHandle> = {}) {
  const contexts: TransportContext[] = []
  const transport: Transport = context => {
    contexts.push(context)
    log().push('attach')
    return {
      connect: () => log().push('connect'),
      disconnect: () => log().push('disconnect'),
      destroy: () => {
        log().push('transport destroyed')
      },
      ...handle,
    }
  }
  const context = () => contexts[0] as TransportContext
  return { transport, context }
}

describe('the order of things', () => {
  it('is load, then attach, then connect; and backwards at the end', async () => {
    let log: string[] = []
    const { transport } = plug(() => log)
    const opening = open({ persistence: persistenceInto(() => log), transports: [transport] })
    log = opening.log
    const { session } = opening
    await session.load()
    session.awareness.setLocalState({ identity: 'alice' })
    expect(log).toEqual(['load', 'present'])
    session.start()
    await session.destroy()
    expect(log).toEqual([
      'load',
      'present',
      'attach',
      'connect',
      'flush writes',
      'absent',
      'transport destroyed',
      'flush',
      'persistence destroyed',
      'absent',
      'document destroyed',
      'destroyed',
    ])
  })

  it('waits for each step of the end', async () => {
    const steps: string[] = []
    const slowly = (step: string) => async () => {
      await new Promise(resolve => setImmediate(resolve))
      steps.push(step)
    }
    const { session } = open({
      persistence: () => ({
        whenLoaded: Promise.resolve(),
        flush: slowly('flushed'),
        destroy: slowly('persistence'),
      }),
      transports: [plug(undefined, { destroy: slowly('transport') }).transport],
    })
    await session.load()
    session.start()
    await session.destroy()
    expect(steps).toEqual(['transport', 'flushed', 'persistence'])
  })

  it('attaches nothing before it is told to start, and nothing after the end', async () => {
    const { transport, context } = plug()
    const { session } = open({ transports: [transport] })
    await session.load()
    expect(context()).toBe(undefined)
    await session.destroy()
    session.start()
    expect(context()).toBe(undefined)
  })

  it('destroys once, and whoever asks again waits for the same end', async () => {
    let finish: () => void = () => {}
    const held = new Promise<void>(resolve => {
      finish = resolve
    })
    const { session, log } = open({
      transports: [plug(() => [], { destroy: () => held }).transport],
    })
    session.start()
    const first = session.destroy()
    let isOver = false
    const second = session.destroy().then(() => {
      isOver = true
    })
    await new Promise(resolve => setImmediate(resolve))
    expect(isOver).toBe(false)
    finish()
    await Promise.all([first, second])
    expect(log.filter(entry => entry === 'destroyed')).toHaveLength(1)
  })

  it('destroys once also when a listener asks for it on the way', async () => {
    const { transport, context } = plug()
    const { session, log } = open({ transports: [transport] })
    session.start()
    context().onStatus('connected')
    session.on('status', () => void session.destroy())
    session.on('destroyed', () => void session.destroy())
    await session.destroy()
    expect(log.filter(entry => entry === 'destroyed' || entry === 'document destroyed')).toEqual([
      'document destroyed',
      'destroyed',
    ])
  })

  it('does not announce a bare awareness', () => {
    const { session } = open()
    expect(session.awareness.getLocalState()).toBe(null)
  })

  it("uses an app's own document and awareness, and leaves both alive, with what the app says there", async () => {
    const doc = new Y.Doc()
    const awareness = new Awareness(doc)
    awareness.setLocalState({ cursor: 5 })
    const destroyed = vi.fn()
    doc.on('destroy', destroyed)
    awareness.on('destroy', destroyed)
    const { session } = open({ doc, awareness })
    expect(session.doc).toBe(doc)
    session.start()
    await session.destroy()
    expect(destroyed).not.toHaveBeenCalled()
    expect(awareness.getLocalState()).toEqual({ cursor: 5 })
    doc.destroy()
  })
})

describe('connecting', () => {
  it("leaves nothing behind on an app's own document, and hears of its end", async () => {
    const doc = new Y.Doc()
    const listeners = () => [...doc._observers.values()].flatMap(set => [...set])
    const before = listeners()
    const { session } = open({ doc })
    expect(listeners()).not.toEqual(before)
    await session.destroy()
    expect(listeners()).toEqual(before)

    const { awareness } = open({ doc }).session
    awareness.setLocalState({ x: 1 })
    doc.destroy()
    expect(awareness.getLocalState()).toBe(null)
  })

  it('does not connect while nobody wants it, except tabs', () => {
    const log: string[] = []
    const tabs: string[] = []
    const { session } = open({
      transports: [plug(() => log).transport, plug(() => tabs, { isLocal: true }).transport],
      isConnectionWanted: () => false,
    })
    session.start()
    expect(log).toEqual(['attach'])
    expect(tabs).toEqual(['attach', 'connect'])
    session.connect()
    session.disconnect()
    expect(log).toEqual(['attach', 'connect', 'disconnect'])
    expect(tabs).toEqual(['attach', 'connect', 'connect'])
    session.disconnect({ tabs: true })
    expect(tabs.at(-1)).toBe('disconnect')
  })

  it('takes anything for the options of a disconnect', () => {
    const { session } = open({ transports: [plug().transport] })
    session.start()
    for (const options of [null, undefined, 5, 'x']) session.disconnect(options as never)
    expect(session.status).toBe('disconnected')
  })

  it('tells the status once per change, and that everything was exchanged', () => {
    const { transport, context } = plug()
    const { session, log } = open({ transports: [transport] })
    session.start()
    for (const status of ['connecting', 'connecting', 'connected', 'connected'] as const) {
      context().onStatus(status)
    }
    context().onSynced(true)
    context().onSynced(true)
    expect(session.isSynced).toBe(true)
    context().onStatus('disconnected')
    expect(session.isSynced).toBe(false)
    context().onSynced(false)
    context().onStatus('connecting')
    context().onStatus('denied')
    expect(log).toEqual([
      'connecting',
      'connected',
      'synced',
      'disconnected',
      'not synced',
      'connecting',
      'denied',
    ])
  })

  it('counts tabs only where there is nothing else', () => {
    const tabs = plug(undefined, { isLocal: true })
    const remote = plug()
    const both = open({ transports: [tabs.transport, remote.transport] })
    both.session.start()
    tabs.context().onStatus('connected')
    tabs.context().onSynced(true)
    expect([both.session.status, both.session.isSynced]).toEqual(['disconnected', false])
    remote.context().onStatus('connected')
    remote.context().onSynced(true)
    expect([both.session.status, both.session.isSynced]).toEqual(['connected', true])

    const alone = plug(undefined, { isLocal: true })
    const { session } = open({ transports: [alone.transport] })
    session.start()
    alone.context().onStatus('connected')
    expect(session.status).toBe('connected')
  })

  it('is as good as its best transport', () => {
    const [one, two] = [plug(), plug()]
    const { session } = open({ transports: [one.transport, two.transport] })
    session.start()
    one.context().onStatus('denied')
    expect(session.status).toBe('denied')
    two.context().onStatus('connecting')
    expect(session.status).toBe('connecting')
    two.context().onStatus('connected')
    two.context().onStatus('disconnected')
    expect(session.status).toBe('denied')
  })

  it('starts again after a denial only when asked', () => {
    const { transport, context } = plug()
    const { session } = open({ transports: [transport] })
    session.start()
    context().onStatus('denied')
    context().onStatus('connected')
    expect(session.status).toBe('denied')
    session.connect()
    context().onStatus('connected')
    expect(session.status).toBe('connected')
  })
})

describe('a transport that is late or early with its news', () => {
  it('is not believed after a disconnect', () => {
    const { transport, context } = plug()
    const { session, log } = open({ transports: [transport] })
    session.start()
    context().onStatus('connected')
    session.disconnect()
    context().onStatus('connected')
    context().onSynced(true)
    expect([session.status, session.isSynced]).toEqual(['disconnected', false])
    expect(log).toEqual(['connected', 'disconnected'])
  })

  it('is not believed after the end', async () => {
    const { transport, context } = plug()
    const { session, log } = open({ transports: [transport] })
    session.start()
    await session.destroy()
    const before = [...log]
    context().onStatus('connected')
    context().onSynced(true)
    context().onStatus('denied')
    expect(log).toEqual(before)
    expect([session.status, session.isSynced]).toEqual(['disconnected', false])
  })

  it('may call back before it has returned', () => {
    const hasty: Transport = context => {
      context.onStatus('connecting')
      context.onSynced(false)
      return { connect: () => context.onStatus('connected'), disconnect() {}, destroy() {} }
    }
    const { session, log, errors } = open({ transports: [hasty] })
    session.start()
    expect(session.status).toBe('connected')
    expect(log).toEqual(['connected'])
    expect(errors).toEqual([])
  })

  it('may call back while it is told to connect or disconnect', () => {
    const sync: Transport = ({ onStatus, onSynced }) => ({
      connect() {
        onStatus('connecting')
        onStatus('connected')
        onSynced(true)
      },
      disconnect() {
        onStatus('disconnected')
        onSynced(false)
      },
      destroy() {
        onStatus('disconnected')
      },
    })
    const { session, log } = open({ transports: [sync] })
    session.start()
    session.disconnect()
    session.connect()
    expect(log).toEqual([
      'connecting',
      'connected',
      'synced',
      'disconnected',
      'not synced',
      'connecting',
      'connected',
      'synced',
    ])
  })

  it('is not connected again after the end', async () => {
    const log: string[] = []
    const { session } = open({ transports: [plug(() => log).transport] })
    session.start()
    await session.destroy()
    session.connect()
    expect(log).toEqual(['attach', 'connect', 'transport destroyed'])
    expect(session.status).toBe('disconnected')
  })
})

describe('providers that fail', () => {
  const cause = new Error('theirs')
  const throws = () => {
    throw cause
  }
  const typed = new ConversationsError('storage', 'no', { reason: 'quota' })

  it('are told of as errors, and loading goes on', async () => {
    const failing: [Persistence, unknown][] = [
      [throws, cause],
      [() => undefined as never, expect.any(TypeError)],
      [persistenceInto(() => [], { whenLoaded: Promise.reject(cause) }), cause],
    ]
    for (const [persistence, why] of failing) {
      const { session, errors } = open({ persistence })
      await session.load()
      expect(errors).toEqual([expect.any(ConversationsError)])
      expect(errors[0]).toMatchObject({ code: 'storage', cause: why })
      await session.flush()
      await session.destroy()
    }
  })

  it('are told of as they say it themselves', async () => {
    const { session, errors } = open({
      persistence: context => {
        context.onError(typed)
        return persistenceInto(() => [], { whenLoaded: Promise.reject(typed) })(context)
      },
    })
    await session.load()
    expect(errors).toEqual([typed, typed])
  })

  it('do not keep a write from returning, nor the end from coming', async () => {
    const log: string[] = []
    for (const fails of [throws, () => Promise.reject(cause)]) {
      const { session, errors } = open({
        persistence: persistenceInto(() => [], { flush: fails, destroy: fails }),
        transports: [
          plug(undefined, { destroy: fails }).transport,
          plug(() => log).transport,
          plug(undefined, { destroy: fails }).transport,
        ],
      })
      await session.load()
      session.start()
      await session.flush()
      expect(errors).toHaveLength(1)
      await session.destroy()
      expect(errors.map(({ code }) => code)).toEqual([
        'storage',
        'transport',
        'transport',
        'storage',
        'storage',
      ])
      expect(errors.every(error => error.cause === cause)).toBe(true)
    }
    expect(log.filter(entry => entry === 'transport destroyed')).toHaveLength(2)
  })

  it('do not keep other transports from being attached and connected', () => {
    const log: string[] = []
    const broken: Transport[] = [
      throws,
      () => undefined as never,
      plug(undefined, { connect: throws, disconnect: throws }).transport,
    ]
    const { session, errors } = open({ transports: [...broken, plug(() => log).transport] })
    session.start()
    expect(log).toEqual(['attach', 'connect'])
    expect(errors.map(({ code }) => code)).toEqual(['transport', 'transport', 'transport'])
    session.disconnect()
    expect(log).toEqual(['attach', 'connect', 'disconnect'])
  })

  it('do not keep it open when they never finish to load', async () => {
    const destroy = vi.fn(async () => {})
    const { session } = open({
      persistence: persistenceInto(() => [], { whenLoaded: never, destroy }),
    })
    const loading = session.load()
    await session.destroy()
    await loading
    expect(destroy).toHaveBeenCalledOnce()
  })

  it('are given a context that works without its object', () => {
    let given: ProviderContext | undefined
    const { session, errors } = open({
      transports: [
        ({ onError, flushWrites, onStatus, onSynced, ...context }) => {
          given = { ...context, onError }
          onError(typed)
          flushWrites()
          return {
            connect: () => onStatus('connected'),
            disconnect: () => onSynced(false),
            destroy() {},
          }
        },
      ],
    })
    session.start()
    expect(given).toMatchObject({ name: 'room', doc: session.doc, awareness: session.awareness })
    expect(errors).toEqual([typed])
  })
})

describe('a page', () => {
  /** Just enough of a browser. */
  function stubPage() {
    const page = new EventTarget()
    const tab = Object.assign(new EventTarget(), { visibilityState: 'visible' })
    vi.stubGlobal('window', page)
    vi.stubGlobal('document', tab)
    return { page, tab }
  }

  afterEach(() => {
    vi.unstubAllGlobals()
  })

  it('that goes away says so, and comes back as it was from the cache', async () => {
    const { page, tab } = stubPage()
    const { session, log } = open()
    session.start()
    session.awareness.setLocalState({ identity: 'alice' })
    page.dispatchEvent(new Event('pagehide'))
    expect(session.awareness.getLocalState()).toBe(null)
    page.dispatchEvent(Object.assign(new Event('pageshow'), { persisted: true }))
    expect(session.awareness.getLocalState()).toEqual({ identity: 'alice' })
    tab.visibilityState = 'hidden'
    tab.dispatchEvent(new Event('visibilitychange'))
    expect(log).toEqual(['present', 'flush writes', 'absent', 'present', 'flush writes'])
    await session.destroy()
    page.dispatchEvent(new Event('pagehide'))
    expect(log.filter(entry => entry === 'flush writes')).toHaveLength(3)
  })
})
