import { ConversationsError } from '../base/errors.ts'
import { AwarenessExchange } from './awareness-exchange.ts'
import type { Transport, TransportContext, TransportHandle } from './provider.ts'
import {
  encodeAwarenessQuery,
  encodeSyncStep1,
  encodeUpdate,
  type Receiver,
  receive,
} from './wire.ts'

export interface BroadcastChannelOptions {
  /** Tabs with the same name share their documents, for instance one name per user. Default: an empty name. */
  name?: string
}

/**
 * Joins the tabs of one origin, with no server and no network.
 *
 * Synced means: another tab has answered, or none did within 250 ms. Nobody knows how many tabs there are, and
 * tabs answer in a few milliseconds, so who is alone need not wait long.
 */
export function broadcastChannel(options: BroadcastChannelOptions = {}): Transport {
  return context => {
    const channelName = `y-conversations${JSON.stringify([options.name ?? '', context.name])}`
    return new Tab(channelName, context)
  }
}

interface Envelope {
  from: number
  /** Absent: everybody. */
  to?: number | undefined
  message: Uint8Array
}

const aloneAfterMs = 250

/** One tab on the channel; also the origin of the transactions that come from other tabs. */
class Tab implements TransportHandle {
  readonly isLocal = true
  readonly #id = Math.random()
  readonly #channelName: string
  readonly #context: TransportContext
  readonly #awareness: AwarenessExchange
  #channel: BroadcastChannel | undefined
  #timer: ReturnType<typeof setTimeout> | undefined
  #isSynced = false
  #isDestroyed = false

  constructor(channelName: string, context: TransportContext) {
    this.#channelName = channelName
    this.#context = context
    this.#awareness = new AwarenessExchange(context.awareness, this, message => this.#post(message))
    context.doc.on('update', this.#onUpdate)
  }

  connect(): void {
    if (this.#channel || this.#isDestroyed) return
    try {
      this.#channel = new BroadcastChannel(this.#channelName)
    } catch (cause) {
      const message = 'There is no BroadcastChannel here: tabs are not joined'
      this.#context.onError(new ConversationsError('unsupported', message, { cause }))
      return
    }
    this.#channel.onmessage = ({ data }) => this.#onMessage(data)
    this.#timer = setTimeout(() => this.#setSynced(true), aloneAfterMs)
    this.#greet()
    if (typeof addEventListener === 'function') addEventListener('pageshow', this.#onPageShow)
    this.#context.onStatus('connected')
  }

  disconnect(): void {
    if (!this.#channel) return
    this.#awareness.withdraw()
    this.#channel.close()
    this.#channel = undefined
    clearTimeout(this.#timer)
    if (typeof removeEventListener === 'function') removeEventListener('pageshow', this.#onPageShow)
    this.#context.onStatus('disconnected')
    this.#setSynced(false)
    this.#awareness.forget()
  }

  destroy(): void {
    this.#isDestroyed = true
    this.disconnect()
    this.#awareness.destroy()
    this.#context.doc.off('update', this.#onUpdate)
  }

  readonly #onUpdate = (update: Uint8Array, origin: unknown): void => {
    if (origin !== this) this.#post(encodeUpdate(update))
  }

  readonly #onPageShow = ({ persisted }: PageTransitionEvent): void => {
    // Back from the back/forward cache: what the others said meanwhile was not delivered.
    if (persisted) this.#greet()
  }

  #greet(): void {
    this.#post(encodeSyncStep1(this.#context.doc))
    this.#post(encodeAwarenessQuery())
    this.#awareness.announce()
  }

  #onMessage(envelope: unknown): void {
    // Any page of the origin may post here.
    if (!isEnvelope(envelope)) return
    const { from, to, message } = envelope
    if (to !== undefined && to !== this.#id) return
    const { doc } = this.#context
    const receiver: Receiver = {
      doc,
      origin: this,
      awareness: this.#awareness,
      send: answer => this.#post(answer, from),
      isRefused: update => this.#context.isRefused?.(update) ?? false,
      onSyncStep1: () => {
        // It was asked of everybody by a tab that has just come; it may have what this one lacks.
        if (to === undefined) this.#post(encodeSyncStep1(doc), from)
      },
      onSyncStep2: () => this.#setSynced(true),
    }
    try {
      receive(message, receiver)
    } catch (cause) {
      const error = new ConversationsError('transport', 'A message of another tab is malformed', {
        cause,
      })
      this.#context.onError(error)
    }
  }

  #post(message: Uint8Array, to?: number): void {
    this.#channel?.postMessage({ from: this.#id, to, message } satisfies Envelope)
  }

  #setSynced(isSynced: boolean): void {
    if (isSynced === this.#isSynced) return
    this.#isSynced = isSynced
    this.#context.onSynced(isSynced)
  }
}

function isEnvelope(data: unknown): data is Envelope {
  const { from, to, message } = (data ?? {}) as Partial<Envelope>
  return (
    typeof from === 'number' &&
    (to === undefined || typeof to === 'number') &&
    message instanceof Uint8Array
  )
}
