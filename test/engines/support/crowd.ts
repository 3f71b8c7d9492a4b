import { expect } from 'vitest'
import { Author } from '../../unit/server/support/chat.ts'
import { type StockClient, stockClient } from '../../unit/server/support/clients.ts'

const EVERY_MS = 1_000

/** Makes an unmodified client go to the next server whenever it loses the one that it had, as a load balancer would. */
export function roaming(client: StockClient, urls: readonly string[], place: number): StockClient {
  let next = place
  client.provider.on('connection-close', () => {
    next += 1
    client.provider.serverUrl = urls[next % urls.length] as string
  })
  return client
}

/** Many light clients of one room, and some authors of messages, who all write all the time. */
export class Crowd {
  readonly clients: StockClient[] = []
  readonly authors: Author[] = []
  readonly written = new Set<string>()
  readonly #timers: NodeJS.Timeout[] = []

  /** @param urls of the servers; is looked at again whenever a connection is lost */
  constructor(urls: readonly string[], clientCount: number, authorCount: number) {
    for (let i = 0; i < clientCount; i++) {
      const client = stockClient(urls[i % urls.length] as string, 'room', undefined, true)
      this.clients.push(roaming(client, urls, i))
    }
    for (let i = 0; i < authorCount; i++) {
      const author = new Author(`author ${i}`)
      this.authors.push(author)
      roaming(author.connect(urls[i % urls.length] as string), urls, i)
    }
    for (const [i, client] of this.clients.entries()) this.#each(() => this.#write(client, i))
    for (const author of this.authors) this.#each(() => author.send())
  }

  get sent(): number {
    return this.authors.reduce((sum, { sent }) => sum + sent.length, 0)
  }

  stop(): void {
    for (const timer of this.#timers) clearInterval(timer)
  }

  /** Throws unless everybody has everything. */
  expectWhole(): void {
    for (const { map } of this.clients) this.expectAllIn(map)
    for (const { outbox } of this.authors) {
      expect(outbox.state.count).toBe(this.sent)
      expect(outbox.outboxes()).toEqual([])
    }
  }

  expectAllIn(map: StockClient['map']): void {
    expect(map.size).toBe(this.written.size)
    // Not by `expect`, which would take most of the time.
    for (const key of this.written) if (!map.has(key)) throw new Error(`${key} is missing`)
  }

  #write(client: StockClient, place: number): void {
    const key = `${place}-${this.written.size}`
    this.written.add(key)
    client.map.set(key, 1)
  }

  #each(act: () => void): void {
    // Not all at once.
    const first = setTimeout(
      () => this.#timers.push(setInterval(act, EVERY_MS)),
      Math.random() * EVERY_MS,
    )
    this.#timers.push(first)
  }
}
