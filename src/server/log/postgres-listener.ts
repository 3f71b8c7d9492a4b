import type pg from 'pg'
import type { ClusterListener } from './document-log.ts'
import { Listeners } from './listeners.ts'
import { NoticeReader } from './postgres-notices.ts'

const MAX_RETRY_MS = 1000

/** A connection for what other servers say; is made again whenever it was lost. */
export class PostgresListener {
  readonly #pool: pg.Pool
  readonly #listen: string
  readonly #timeoutMs: number
  readonly #listeners: Listeners
  /** Ends the connection that there is. */
  #drop = () => {}
  #isListening = false
  #isClosed = false
  #retry: NodeJS.Timeout | undefined

  /** @param listen the statement */
  constructor(pool: pg.Pool, listen: string, node: string, timeoutMs: number) {
    this.#pool = pool
    this.#listen = listen
    this.#timeoutMs = timeoutMs
    this.#listeners = new Listeners(node)
  }

  /** Rejects if the first connection cannot be made. */
  async start(): Promise<void> {
    await this.#connect()
  }

  /** @param key of the document */
  async subscribe(key: string, listener: ClusterListener): Promise<() => void> {
    if (!this.#isListening) throw new Error('the connection for news is being made again')
    this.#listeners.add(key, listener)
    return () => {
      this.#listeners.remove(key, listener)
    }
  }

  close(): void {
    this.#isClosed = true
    clearTimeout(this.#retry)
    this.#drop()
  }

  async #connect(): Promise<void> {
    const client = await this.#pool.connect()
    if (this.#isClosed) return client.release(true)
    // Otherwise a connection that is dead, and says nothing of it, would look like silence.
    const beat = () => client.query(this.#query('SELECT 1')).catch(drop)
    const heartbeat = setInterval(beat, this.#timeoutMs).unref()
    let isDropped = false
    const drop = () => {
      if (isDropped) return
      isDropped = true
      clearInterval(heartbeat)
      const wasListening = this.#isListening
      this.#isListening = false
      client.release(true)
      if (wasListening) this.#reconnect(0)
    }
    this.#drop = drop
    client.on('error', drop)
    client.on('end', drop)
    const reader = new NoticeReader()
    client.on('notification', ({ payload = '' }) => {
      const notice = reader.read(payload)
      if (notice) this.#listeners.deliver(notice.key, notice.seq, notice.announcement)
    })
    try {
      await client.query(this.#query(this.#listen))
    } catch (error) {
      drop()
      throw error
    }
    this.#isListening = !isDropped
    if (isDropped) throw new Error('The connection was lost')
  }

  #reconnect(attempt: number): void {
    if (this.#isClosed) return
    const delayMs = Math.min(50 * 2 ** attempt, MAX_RETRY_MS)
    this.#retry = setTimeout(() => {
      this.#connect().then(
        () => this.#listeners.tellGap(),
        () => this.#reconnect(attempt + 1),
      )
    }, delayMs)
  }

  #query(text: string) {
    return { text, query_timeout: this.#timeoutMs }
  }
}
