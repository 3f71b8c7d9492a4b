import type { MediaRecord } from '../schema/messages/media-record.ts'

/**
 * Types that a browser shows without ever running them as a page of this origin. Of the others, SVG and whatever is
 * XML can hold scripts.
 */
const harmless = /^((image|audio|video)\/[\w.-]+|text\/plain|application\/pdf)\s*(;[\x20-\x7e]*)?$/i

/** An attachment of a message. Its content is loaded when it is asked for. */
export class Media {
  readonly sid: string
  readonly #record: MediaRecord
  readonly #load: (hash: string) => Promise<Blob>
  #url: Promise<string | null> | undefined

  /** @internal Attachments come from messages. */
  constructor(sid: string, record: MediaRecord, load: (hash: string) => Promise<Blob>) {
    this.sid = sid
    this.#record = record
    this.#load = load
  }

  get filename(): string | null {
    return this.#record.filename
  }

  /** As the sender says. */
  get contentType(): string {
    return this.#record.contentType
  }

  /** In bytes, as the sender says. */
  get size(): number {
    return this.#record.size
  }

  get category(): 'media' {
    return 'media'
  }

  /**
   * The content, from this device or else from the server; it is exactly what was sent. Its type is what the sender says:
   * do not show it as a page.
   *
   * @throws {ConversationsError} (rejects) `not-found`, `transport`, `denied`, `closed`
   */
  async getBlob(): Promise<Blob> {
    return typed(await this.#load(this.#record.hash), this.contentType)
  }

  /**
   * An object URL of the content, null where there are none; the same until `revokeContentUrl()`, and valid in this page
   * only, for as long as it is there. Images, audio, video, plain text and PDF have their type; anything else, SVG too, is
   * `application/octet-stream`, which browsers save, because a script in it would run as part of the app.
   *
   * @throws {ConversationsError} (rejects) as `getBlob()`
   */
  getContentTemporaryUrl(): Promise<string | null> {
    this.#url ??= this.#createUrl()
    return this.#url
  }

  /** Frees the memory that the object URL holds, once nothing shows it any more. */
  revokeContentUrl(): void {
    const revoked = this.#url
    this.#url = undefined
    revoked?.then(
      url => url && URL.revokeObjectURL(url),
      () => {},
    )
  }

  async #createUrl(): Promise<string | null> {
    try {
      if (typeof URL.createObjectURL !== 'function') return null
      const blob = await this.#load(this.#record.hash)
      const isHarmless = harmless.test(this.contentType)
      const type = isHarmless ? this.contentType : 'application/octet-stream'
      return URL.createObjectURL(typed(blob, type))
    } catch (error) {
      // The next one who asks may have more luck.
      this.#url = undefined
      throw error
    }
  }
}

function typed(blob: Blob, type: string): Blob {
  return blob.slice(0, blob.size, type)
}
