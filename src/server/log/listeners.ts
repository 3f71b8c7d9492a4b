import { decodeAnnouncement } from './announcement.ts'
import type { ClusterListener } from './document-log.ts'

/** Who wants to hear of which document, on this server. */
export class Listeners {
  readonly #node: string
  readonly #byAddress = new Map<string, Set<ClusterListener>>()

  /** @param node this server, which does not hear of itself */
  constructor(node: string) {
    this.#node = node
  }

  addresses(): string[] {
    return [...this.#byAddress.keys()]
  }

  has(address: string): boolean {
    return this.#byAddress.has(address)
  }

  add(address: string, listener: ClusterListener): void {
    const listeners = this.#byAddress.get(address) ?? new Set()
    this.#byAddress.set(address, listeners.add(listener))
  }

  /** Says whether nobody is left. */
  remove(address: string, listener: ClusterListener): boolean {
    const listeners = this.#byAddress.get(address)
    listeners?.delete(listener)
    return listeners?.size === 0 && this.#byAddress.delete(address)
  }

  /** @param seq the number of the last update, where some were appended */
  deliver(address: string, seq: number, bytes: Uint8Array): void {
    const listeners = this.#byAddress.get(address)
    const said = listeners && decodeAnnouncement(bytes)
    if (!said || said.node === this.#node) return
    const { announcement } = said
    for (const listener of [...listeners]) {
      if (announcement.kind === 'appended') listener.onAppended(seq, announcement.updates)
      else if (announcement.kind === 'message') listener.onMessage(announcement.message)
      else listener.onGap()
    }
  }

  tellGap(): void {
    for (const listeners of [...this.#byAddress.values()]) {
      for (const listener of [...listeners]) listener.onGap()
    }
  }
}
