import * as Y from 'yjs'
import type { Refused } from './authorization/admission.ts'
import type { ServerContext } from './options.ts'

/** Where an update comes from; it hears what becomes of it. */
export interface UpdateSender {
  /** Whose updates they are, where they are judged. */
  readonly identity?: string | undefined
  /** It is durable, and in the document. */
  onStored(update: Uint8Array): void
  /** It could not be kept. The code is one of the WebSocket. */
  onRefused(update: Uint8Array, code: number, reason: string): void
  /** Of what is judged: it may not be written. */
  onForbidden?(update: Uint8Array, refused: Refused): void
  /** Of what is judged: these rest on what is not here; the message asks for that. */
  onGap?(updates: readonly Uint8Array[], syncStep1: () => Uint8Array): void
}

/** What a shadow needs of its room. */
export interface ShadowedRoom {
  /** Sends an update the way of all updates. */
  submit(update: Uint8Array, shadow: UpdateSender): void
  onClosed(): void
}

/**
 * A copy of a room's document for the server itself to write in: it has what is committed, and what the server wrote,
 * which goes to the room as an update like those of clients.
 *
 * An update that could not be stored is submitted again, byte by byte the same, until it is: it may lie in the log
 * in spite of that, and another one under the same client id and clock would never be noticed.
 */
export class ShadowDocument implements UpdateSender {
  readonly doc: Y.Doc
  readonly #context: Pick<ServerContext, 'clock' | 'timings'>
  readonly #room: ShadowedRoom
  readonly #clientId: number
  /** In the order in which they were written. */
  #unstored: Uint8Array[] = []
  #cancelRetry: (() => void) | undefined
  #waiting: (() => void)[] = []
  #failure: { readonly error: unknown } | undefined
  #isGivenUp = false

  /** @param clientId under which nobody else writes */
  constructor(
    context: Pick<ServerContext, 'clock' | 'timings'>,
    room: ShadowedRoom,
    state: Uint8Array,
    clientId: number,
  ) {
    this.#context = context
    this.#room = room
    this.#clientId = clientId
    this.doc = new Y.Doc({ guid: '' })
    Y.applyUpdate(this.doc, state, this)
    // Not before: Yjs would take what is its own for somebody else's.
    this.doc.clientID = clientId
    this.doc.on('update', (update: Uint8Array, origin: unknown) => {
      if (origin !== this) this.#submit(update)
    })
  }

  /** Whether it can be used no more. */
  get isOver(): boolean {
    return this.#failure !== undefined
  }

  /** Takes what was committed in the room. */
  receive(update: Uint8Array): void {
    if (this.#failure) return
    try {
      Y.applyUpdate(this.doc, update, this)
    } catch (error) {
      this.#failure = { error }
    }
    // Yjs has taken another one, as somebody else writes under it: a server that has the lease by now.
    if (this.doc.clientID !== this.#clientId) this.end(new Error('Another server writes by now'))
  }

  /** Resolves when everything that was written is durable; rejects if the shadow is over. */
  async flush(): Promise<void> {
    while (this.#unstored.length > 0) await new Promise<void>(done => this.#waiting.push(done))
    if (this.#failure) throw this.#failure.error
  }

  /** What cannot be stored now is not tried again. */
  giveUp(): void {
    this.#isGivenUp = true
    if (this.#cancelRetry) this.end(new Error('cannot store'))
  }

  /** Call it when everything is flushed, or will never be. */
  close(): void {
    this.end(new Error('The shadow was closed'))
    this.#room.onClosed()
  }

  /** The room is over, and what was not stored with it. */
  end(error: unknown): void {
    this.#failure ??= { error }
    this.#cancelRetry?.()
    this.#unstored = []
    this.doc.destroy()
    this.#settle()
  }

  onStored(update: Uint8Array): void {
    this.#unstored = this.#unstored.filter(one => one !== update)
    if (this.#unstored.length === 0) this.#settle()
  }

  onRefused(_update: Uint8Array, _code: number, reason: string): void {
    if (this.#isGivenUp) {
      this.end(new Error(reason))
      return
    }
    const { clock, timings } = this.#context
    this.#cancelRetry ??= clock.setTimeout(() => {
      this.#cancelRetry = undefined
      for (const update of this.#unstored) this.#room.submit(update, this)
    }, timings.retryMs)
  }

  #submit(update: Uint8Array): void {
    this.#unstored.push(update)
    // Behind what waits to be tried again.
    if (!this.#cancelRetry) this.#room.submit(update, this)
  }

  #settle(): void {
    for (const done of this.#waiting.splice(0)) done()
  }
}
