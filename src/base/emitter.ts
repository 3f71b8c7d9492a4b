/** Maps event names to listener signatures. */
export type EventMap<E> = { [K in keyof E]: (...args: never[]) => void }

type AnyListener = (...args: unknown[]) => void

/** A listener as it was given, and what is called: they differ for `once`. */
interface Registration {
  listener: AnyListener
  once: boolean
}

/**
 * Typed events in Node's shape, with the replaying additions of the Twilio SDK.
 *
 * Unlike Node's: a listener that throws is reported (`reportError`, or the console) and stops neither the
 * others nor whoever emits, and `error` without a listener does not throw.
 */
export class Emitter<E extends EventMap<E>> {
  // Both are allocated on first use: a conversation may hold ten thousand emitters nobody listens to.
  #registrations: Map<keyof E, Registration[]> | undefined
  /** Event, arguments, event, arguments …: most emitters tell of one or two events. */
  #lastArgs: unknown[] | undefined

  on<K extends keyof E>(event: K, listener: E[K]): this {
    return this.#add(event, listener, false)
  }

  once<K extends keyof E>(event: K, listener: E[K]): this {
    return this.#add(event, listener, true)
  }

  off<K extends keyof E>(event: K, listener: E[K]): this {
    this.#remove(event, ({ listener: known }) => known === (listener as unknown))
    return this
  }

  addListener<K extends keyof E>(event: K, listener: E[K]): this {
    return this.on(event, listener)
  }

  removeListener<K extends keyof E>(event: K, listener: E[K]): this {
    return this.off(event, listener)
  }

  removeAllListeners(event?: keyof E): this {
    if (event === undefined) this.#registrations = undefined
    else this.#registrations?.delete(event)
    return this
  }

  /** Calls `listener` at once with the arguments of the last such event, if there was one, then subscribes it. */
  onWithReplay<K extends keyof E>(event: K, listener: E[K]): this {
    this.#replay(event, listener)
    return this.on(event, listener)
  }

  addListenerWithReplay<K extends keyof E>(event: K, listener: E[K]): this {
    return this.onWithReplay(event, listener)
  }

  /** Calls `listener` once: at once with the arguments of the last such event, or at the next one. */
  onceWithReplay<K extends keyof E>(event: K, listener: E[K]): this {
    return this.#replay(event, listener) ? this : this.once(event, listener)
  }

  listenerCount(event: keyof E): number {
    return this.#registrations?.get(event)?.length ?? 0
  }

  /** Calls the listeners in the order they were added; says whether there was one. */
  emit<K extends keyof E>(event: K, ...args: Parameters<E[K]>): boolean {
    return this.emitAll(event, args)
  }

  /** @internal As `emit`. The array is kept; what several emitters tell of can be one array for all. */
  emitAll<K extends keyof E>(event: K, args: Parameters<E[K]>): boolean {
    const known = this.#lastArgs?.indexOf(event) ?? -1
    // Not by `push`, which reserves room for more.
    if (!this.#lastArgs || known < 0) this.#lastArgs = [...(this.#lastArgs ?? []), event, args]
    else this.#lastArgs[known + 1] = args
    return this.dispatch(event, args)
  }

  /** @internal As `emitAll`, but what there is to replay is up to `replayOf`. */
  dispatch<K extends keyof E>(event: K, args: Parameters<E[K]>): boolean {
    // Lists are replaced, never changed, so this loop sees those who were subscribed when it began.
    const list = this.#registrations?.get(event)
    if (!list) return false
    for (const registration of list) {
      // Gone already if the event came again while it was told.
      if (registration.once && !this.#remove(event, known => known === registration)) continue
      callSafely(registration.listener, args)
    }
    return true
  }

  #add<K extends keyof E>(event: K, listener: E[K], once: boolean): this {
    assertFunction(event, listener)
    const list = this.#registrations?.get(event) ?? []
    this.#set(event, [...list, { listener: listener as unknown as AnyListener, once }])
    return this
  }

  #remove(event: keyof E, matches: (registration: Registration) => boolean): boolean {
    const list = this.#registrations?.get(event) ?? []
    const index = list.findLastIndex(matches)
    if (index >= 0) this.#set(event, list.toSpliced(index, 1))
    return index >= 0
  }

  #set(event: keyof E, list: Registration[]): void {
    this.#registrations ??= new Map()
    if (list.length > 0) this.#registrations.set(event, list)
    else this.#registrations.delete(event)
  }

  /** @internal The arguments of the last such event. */
  replayOf(event: keyof E): unknown[] | undefined {
    const known = this.#lastArgs?.indexOf(event) ?? -1
    return known < 0 ? undefined : (this.#lastArgs?.[known + 1] as unknown[])
  }

  #replay<K extends keyof E>(event: K, listener: E[K]): boolean {
    assertFunction(event, listener)
    const args = this.replayOf(event)
    if (args) callSafely(listener as unknown as AnyListener, args)
    return args !== undefined
  }
}

function assertFunction(event: PropertyKey, listener: unknown): void {
  if (typeof listener === 'function') return
  throw new TypeError(`The listener of "${String(event)}" must be a function`)
}

/** Calls a function of the app; whatever it throws is reported, not passed on. */
export function callSafely(callback: (...args: unknown[]) => void, args: unknown[]): void {
  try {
    callback(...args)
  } catch (error) {
    // There may be no such function, or one of the app that throws.
    try {
      reportError(error)
    } catch {
      console.error(error)
    }
  }
}
