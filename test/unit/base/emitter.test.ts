import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { Emitter } from '../../../src/base/emitter.ts'

type Events = {
  ping: (n: number) => void
  pong: (text: string) => void
}

let emitter: Emitter<Events>
let calls: unknown[]
const a = (n: number) => calls.push(`a${n}`)
const b = (n: number) => calls.push(`b${n}`)

beforeEach(() => {
  emitter = new Emitter()
  calls = []
})

afterEach(() => {
  vi.restoreAllMocks()
  vi.unstubAllGlobals()
})

describe('subscribing', () => {
  it('calls listeners in the order they came, and says whether there was one', () => {
    expect(emitter.emit('ping', 0)).toBe(false)
    emitter.on('ping', a).on('ping', b).on('ping', a)
    expect(emitter.emit('ping', 1)).toBe(true)
    expect(calls).toEqual(['a1', 'b1', 'a1'])
  })

  it('forgets the last of several equal listeners first', () => {
    emitter.on('ping', a).on('ping', b).on('ping', a).off('ping', a)
    emitter.emit('ping', 1)
    expect(calls).toEqual(['a1', 'b1'])
    emitter
      .removeListener('ping', a)
      .removeListener('ping', a)
      .off('pong', () => {})
    emitter.emit('ping', 2)
    expect(calls).toEqual(['a1', 'b1', 'b2'])
  })

  it('forgets all listeners of one event, or of every event', () => {
    emitter.on('ping', a).on('pong', () => calls.push('pong'))
    emitter.removeAllListeners('ping').emit('ping', 1)
    emitter.emit('pong', 'x')
    expect(calls).toEqual(['pong'])
    emitter.on('ping', a).removeAllListeners()
    expect(emitter.emit('ping', 2)).toBe(false)
    expect(emitter.emit('pong', 'x')).toBe(false)
    expect(calls).toEqual(['pong'])
  })

  it('counts listeners', () => {
    emitter.on('ping', a).once('ping', b).addListener('ping', b)
    expect(emitter.listenerCount('ping')).toBe(3)
    expect(emitter.listenerCount('pong')).toBe(0)
    emitter.emit('ping', 1)
    expect(emitter.listenerCount('ping')).toBe(2)
  })

  it('refuses what is no function', () => {
    for (const listener of [undefined, null, 5, 'x', {}]) {
      for (const method of [
        'on',
        'once',
        'addListener',
        'onWithReplay',
        'onceWithReplay',
      ] as const) {
        expect(() => emitter[method]('ping', listener as never)).toThrow(TypeError)
      }
    }
    expect(emitter.listenerCount('ping')).toBe(0)
  })

  it('refuses what is no function, also when there is something to replay', () => {
    emitter.emit('ping', 1)
    expect(() => emitter.onWithReplay('ping', 5 as never)).toThrow(TypeError)
    expect(() => emitter.onceWithReplay('ping', 5 as never)).toThrow(TypeError)
  })

  it('takes names like those of an object for names of events', () => {
    for (const name of ['__proto__', 'constructor', 'toString']) {
      const odd = name as 'ping'
      expect(emitter.emit(odd, 1)).toBe(false)
      expect(emitter.on(odd, a).emit(odd, 2)).toBe(true)
    }
    expect(calls).toEqual(['a2', 'a2', 'a2'])
  })
})

describe('while an event is told', () => {
  it('listeners that are added hear the next one, and those that are removed still hear this one', () => {
    const c = (n: number) => calls.push(`c${n}`)
    emitter.on('ping', n => {
      calls.push(`first${n}`)
      emitter.off('ping', b)
      emitter.on('ping', c)
    })
    emitter.on('ping', b)
    emitter.emit('ping', 1)
    expect(calls).toEqual(['first1', 'b1'])
    emitter.emit('ping', 2)
    expect(calls).toEqual(['first1', 'b1', 'first2', 'c2'])
  })

  it('a listener that throws is reported and stops nobody', () => {
    const report = vi.fn()
    vi.stubGlobal('reportError', report)
    const error = new Error('mine')
    emitter.on('ping', a)
    emitter.on('ping', () => {
      throw error
    })
    emitter.on('ping', b)
    expect(emitter.emit('ping', 1)).toBe(true)
    expect(calls).toEqual(['a1', 'b1'])
    expect(report).toHaveBeenCalledExactlyOnceWith(error)
  })

  it('a listener that throws is reported on the console where nothing else reports', () => {
    vi.stubGlobal('reportError', undefined)
    const log = vi.spyOn(console, 'error').mockImplementation(() => {})
    const error = new Error('mine')
    emitter.on('ping', () => {
      throw error
    })
    emitter.emit('ping', 1)
    expect(log).toHaveBeenCalledExactlyOnceWith(error)
  })

  it('a listener that throws is reported on the console where what reports throws itself', () => {
    const error = new Error('mine')
    vi.stubGlobal('reportError', () => {
      throw error
    })
    const log = vi.spyOn(console, 'error').mockImplementation(() => {})
    emitter.on('ping', () => {
      throw error
    })
    emitter.on('ping', a)
    emitter.emit('ping', 1)
    expect(calls).toEqual(['a1'])
    expect(log).toHaveBeenCalledExactlyOnceWith(error)
  })

  it('an error without listener throws nothing', () => {
    const errors = new Emitter<{ error: (error: Error) => void }>()
    expect(errors.emit('error', new Error('nobody listens'))).toBe(false)
  })
})

describe('once', () => {
  it('calls once', () => {
    emitter.once('ping', a)
    emitter.emit('ping', 1)
    emitter.emit('ping', 2)
    expect(calls).toEqual(['a1'])
  })

  it('can be taken back', () => {
    emitter.once('ping', a).off('ping', a)
    expect(emitter.emit('ping', 1)).toBe(false)
  })

  it('calls once also when the event comes again while it is told', () => {
    emitter.on('ping', n => {
      if (n === 1) emitter.emit('ping', 2)
    })
    emitter.once('ping', a)
    emitter.emit('ping', 1)
    expect(calls).toEqual(['a2'])
  })

  it('leaves a lasting subscription of the same function alone, whichever came first', () => {
    emitter.once('ping', a).on('ping', a)
    for (const n of [1, 2, 3]) emitter.emit('ping', n)
    expect(calls).toEqual(['a1', 'a1', 'a2', 'a3'])
    calls = []
    emitter.removeAllListeners().on('ping', b).once('ping', b)
    for (const n of [1, 2, 3]) emitter.emit('ping', n)
    expect(calls).toEqual(['b1', 'b1', 'b2', 'b3'])
  })
})

describe('replay', () => {
  it('tells the last event to whoever comes later, also when nobody listened then', () => {
    emitter.emit('ping', 1)
    emitter.emit('ping', 2)
    emitter.onWithReplay('ping', a)
    expect(calls).toEqual(['a2'])
    emitter.emit('ping', 3)
    expect(calls).toEqual(['a2', 'a3'])
    emitter.addListenerWithReplay('ping', b)
    expect(calls).toEqual(['a2', 'a3', 'b3'])
  })

  it('tells nothing where nothing was', () => {
    emitter.emit('pong', 'x')
    emitter.onWithReplay('ping', a)
    expect(calls).toEqual([])
  })

  it('subscribes once only if there was nothing to replay', () => {
    emitter.onceWithReplay('ping', a)
    emitter.emit('ping', 1)
    emitter.emit('ping', 2)
    emitter.onceWithReplay('ping', b)
    emitter.emit('ping', 3)
    expect(calls).toEqual(['a1', 'b2'])
  })

  it('reports a listener that throws, and subscribes it', () => {
    const report = vi.fn()
    vi.stubGlobal('reportError', report)
    emitter.emit('ping', 1)
    emitter.onWithReplay('ping', n => {
      throw new Error(String(n))
    })
    expect(report).toHaveBeenCalledOnce()
    expect(emitter.listenerCount('ping')).toBe(1)
  })
})
