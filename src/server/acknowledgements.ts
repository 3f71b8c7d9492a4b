/**
 * Tells one client how many of its updates are durable or changed nothing: those that arrived before the oldest that
 * still waits. Once for all that became so at the same time.
 */
export class Acknowledgements {
  readonly #tell: (count: number) => void
  #received = 0
  #told = 0
  #isScheduled = false
  /** The numbers of those that wait, oldest first. */
  readonly #waiting: number[] = []

  constructor(tell: (count: number) => void) {
    this.#tell = tell
  }

  /** An update has arrived. It counts at the end of this task, unless `wait()` is called for it. */
  receive(): void {
    this.#received += 1
    this.#schedule()
  }

  /** The update that has arrived last is on its way to the log. */
  wait(): void {
    this.#waiting.push(this.#received)
  }

  /** The oldest that waited is durable. */
  settle(): void {
    this.#waiting.shift()
    this.#schedule()
  }

  #schedule(): void {
    if (this.#isScheduled) return
    this.#isScheduled = true
    queueMicrotask(() => {
      this.#isScheduled = false
      const count = (this.#waiting[0] ?? this.#received + 1) - 1
      if (count === this.#told) return
      this.#told = count
      this.#tell(count)
    })
  }
}
