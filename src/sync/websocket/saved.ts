/** Whether the server keeps what was written here; known where it acknowledges. */
export class Saved {
  readonly #tell: (isSaved: boolean) => void
  #isKnown = false
  #isSaved: boolean | undefined
  /** Of this connection: messages with updates, and whether everything that was written before it is among them. */
  #sent = 0
  #isWhole = false

  constructor(tell: (isSaved: boolean) => void) {
    this.#tell = tell
  }

  /** The server of this connection acknowledges. */
  know(): void {
    this.#isKnown = true
  }

  /** A connection begins: its server counts from zero. */
  begin(): void {
    this.#sent = 0
    this.#isWhole = false
  }

  /** Something was written, wherever that goes. */
  write(): void {
    this.#set(false)
  }

  sendUpdate(): void {
    this.#sent += 1
  }

  /** Sync step 2 was sent. It says nothing new if everything was acknowledged before. */
  sendState(): void {
    this.#sent += 1
    this.#isWhole = true
    if (!this.#isSaved) this.#set(false)
  }

  acknowledge(count: number): void {
    if (this.#isWhole && count >= this.#sent) this.#set(true)
  }

  #set(isSaved: boolean): void {
    if (!this.#isKnown || isSaved === this.#isSaved) return
    this.#isSaved = isSaved
    this.#tell(isSaved)
  }
}
