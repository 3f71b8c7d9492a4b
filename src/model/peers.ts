import type { Clock } from '../base/clock.ts'
import type { Presence } from '../schema/presence.ts'

interface Device {
  readonly identity: string
  typing: number | undefined
  cancelTyping: (() => void) | undefined
  /** Set while the device is only known from before our own connection was lost. */
  cancelStale: (() => void) | undefined
}

export interface PeersOptions {
  readonly clock: Clock
  /** Typing that is not refreshed ends after so many ms. */
  readonly typingTimeoutMs: number
  /** After our own connection was lost, others count as present for so many ms. */
  readonly graceMs: number
  readonly onPresence: (identity: string, isOnline: boolean) => void
  /** `true` for every refresh. */
  readonly onTyping: (identity: string, isTyping: boolean) => void
}

/** The devices of everybody, gathered by identity: who is online and who types. */
export class Peers {
  readonly #options: PeersOptions
  readonly #devices = new Map<number, Device>()
  #isClosed = false

  constructor(options: PeersOptions) {
    this.#options = options
  }

  isOnline(identity: string): boolean {
    return this.#some(device => device.identity === identity)
  }

  isTyping(identity: string): boolean {
    return this.#some(device => device.identity === identity && device.cancelTyping !== undefined)
  }

  /** A device says something of itself. */
  update(clientId: number, { identity, typing }: Presence): void {
    let device = this.#devices.get(clientId)
    if (device?.identity === identity) {
      device.cancelStale?.()
      device.cancelStale = undefined
    } else {
      if (device) this.#remove(clientId, device)
      device = { identity, typing: undefined, cancelTyping: undefined, cancelStale: undefined }
      const wasOnline = this.isOnline(identity)
      this.#devices.set(clientId, device)
      if (!wasOnline) this.#options.onPresence(identity, true)
    }
    // Heartbeats repeat the state; only a counter that moved means that a key was pressed.
    if (typing === device.typing || this.#isClosed) return
    device.typing = typing
    if (typing === undefined) this.#endTyping(device)
    else this.#startTyping(device)
  }

  /** A device says nothing any more: it left, or (`isStale`) we cannot hear it. */
  lose(clientId: number, isStale: boolean): void {
    const device = this.#devices.get(clientId)
    if (!device) return
    if (!isStale) {
      this.#remove(clientId, device)
    } else if (!device.cancelStale) {
      device.cancelStale = this.#options.clock.setTimeout(
        () => this.#remove(clientId, device),
        this.#options.graceMs,
      )
    }
  }

  /** Ends an identity's typing on all devices until they refresh it. */
  endTyping(identity: string): void {
    for (const device of this.#devices.values()) {
      if (device.identity === identity) this.#endTyping(device)
    }
  }

  close(): void {
    this.#isClosed = true
    for (const { cancelTyping, cancelStale } of this.#devices.values()) {
      cancelTyping?.()
      cancelStale?.()
    }
    this.#devices.clear()
  }

  #startTyping(device: Device): void {
    device.cancelTyping?.()
    device.cancelTyping = this.#options.clock.setTimeout(
      () => this.#endTyping(device),
      this.#options.typingTimeoutMs,
    )
    this.#options.onTyping(device.identity, true)
  }

  #endTyping(device: Device): void {
    if (!device.cancelTyping) return
    device.cancelTyping()
    device.cancelTyping = undefined
    if (!this.isTyping(device.identity)) this.#options.onTyping(device.identity, false)
  }

  #remove(clientId: number, device: Device): void {
    device.cancelStale?.()
    this.#devices.delete(clientId)
    this.#endTyping(device)
    if (!this.isOnline(device.identity)) this.#options.onPresence(device.identity, false)
  }

  #some(test: (device: Device) => boolean): boolean {
    for (const device of this.#devices.values()) if (test(device)) return true
    return false
  }
}
