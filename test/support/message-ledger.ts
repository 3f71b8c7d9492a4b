import { expect } from 'vitest'
import { ConversationsError } from '../../src/base/errors.ts'
import { isObject } from '../../src/base/json.ts'
import type { Message } from '../../src/model/message.ts'
import type { MessageMirror } from './message-mirror.ts'
import type { Process } from './message-process.ts'

interface Promised {
  readonly process: Process
  isSettled: boolean
}

/** What was ever done to messages, and what anybody was ever shown of them. */
export class MessageLedger {
  readonly #bodies = new Map<string, string[]>()
  readonly #reactions = new Map<string, string[]>()
  readonly #removed = new Set<string>()
  readonly #indexOf = new Map<string, number>()
  readonly #sidAt = new Map<number, string>()
  /** By device and sid: the delivery state. */
  readonly #shown = new Map<string, Map<string, string>>()
  readonly #promises: Promised[] = []
  readonly #failures: unknown[] = []

  get sentCount(): number {
    return this.#bodies.size
  }

  send({ sid, body }: Message): void {
    expect(this.#bodies.has(sid), 'a sid twice').toBe(false)
    this.#bodies.set(sid, [body as string])
  }

  edit(sid: string, body: string): void {
    this.#bodies.get(sid)?.push(body)
  }

  react(sid: string, name: string): void {
    this.#reactions.set(sid, [...(this.#reactions.get(sid) ?? []), name])
  }

  remove(sid: string): void {
    this.#removed.add(sid)
  }

  /** What resolves must do so with what holds; what rejects may do so only because the app is closed. */
  follow<T>(process: Process, promise: Promise<T>, check: (value: T) => void = () => {}): void {
    const promised: Promised = { process, isSettled: false }
    this.#promises.push(promised)
    promise.then(check).then(
      () => {
        promised.isSettled = true
      },
      error => {
        promised.isSettled = true
        const isEnd = error instanceof ConversationsError && error.code === 'closed'
        if (!process.isKilled && !(isEnd && process.isOver)) this.#failures.push(error)
      },
    )
  }

  /** Whether anybody asked for that; it may still be shown. */
  isRemoved(sid: string): boolean {
    return this.#removed.has(sid)
  }

  /** Whether anybody was ever shown its final index. */
  isFinal(sid: string): boolean {
    return this.#indexOf.has(sid)
  }

  /** A final index never moves, and none is given twice; nothing vanishes that nobody removed. */
  look({ messages, everRemoved }: MessageMirror): void {
    for (const sid of everRemoved) {
      if (!this.#removed.has(sid)) expect.fail(`${this.#bodies.get(sid)} was removed by nobody`)
    }
    for (const { sid, index, deliveryState } of messages) {
      if (!this.#bodies.has(sid)) expect.fail('a message that nobody sent')
      if (deliveryState === 'pending') continue
      const known = this.#indexOf.get(sid) ?? index
      if (known !== index) expect.fail(`the final index ${known} moved to ${index}`)
      if ((this.#sidAt.get(index) ?? sid) !== sid) expect.fail(`the index ${index} twice`)
      this.#indexOf.set(sid, index)
      this.#sidAt.set(index, sid)
    }
  }

  check(): void {
    if (this.#failures.length > 0) throw this.#failures[0]
  }

  checkSettled(): void {
    this.check()
    const open = this.#promises.filter(({ process, isSettled }) => !process.isKilled && !isSettled)
    expect(open.length, 'promises that never settle').toBe(0)
  }

  /** What a device has shown it shows until it is removed, and what was sent stays so, also after a restart. */
  checkKept(device: string, messages: readonly Message[]): void {
    const now = new Map(messages.map(({ sid, deliveryState }) => [sid, deliveryState]))
    const known = this.#shown.get(device) ?? new Map<string, string>()
    for (const [sid, deliveryState] of known) {
      if (!this.#removed.has(sid)) expect(now.has(sid), 'a message was lost').toBe(true)
      if (deliveryState === 'sent') expect(now.get(sid) ?? 'sent', 'pending again').toBe('sent')
    }
    this.#shown.set(device, now)
  }

  /** All that was sent is there once and says what it should. */
  checkEnd(messages: readonly Message[], isSequenced: boolean): void {
    this.checkSettled()
    const kept = [...this.#bodies.keys()].filter(sid => !this.#removed.has(sid))
    expect(messages.map(({ sid }) => sid).sort()).toEqual(kept.sort())
    for (const message of messages) {
      const { sid, body, attributes, deliveryState } = message
      expect(deliveryState).toBe(isSequenced ? 'sent' : 'pending')
      const bodies = this.#bodies.get(sid) ?? []
      expect(bodies.length > 1 ? bodies.slice(1) : bodies).toContain(body)
      const by = isObject(attributes) ? Object.keys(attributes.by as object) : []
      expect(by.sort(), `reactions to ${body}`).toEqual((this.#reactions.get(sid) ?? []).sort())
    }
    const indices = messages.map(({ index }) => index)
    if (this.#removed.size === 0) expect(indices).toEqual(messages.map((_, i) => i))
    expect(indices).toEqual([...new Set(indices)].sort((a, b) => a - b))
  }
}
