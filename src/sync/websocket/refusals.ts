const maxRefusals = 3

/** Counts how often the server refused the same token in a row. */
export class Refusals {
  /** The token of the current attempt. */
  token: string | undefined
  #refused: string | undefined
  #count = 0

  /** Takes note of a refusal: a fresh token is worth another attempt, the same one only in case of bad luck. */
  isFinal(): boolean {
    this.#count = this.token === this.#refused ? this.#count + 1 : 1
    this.#refused = this.token
    return this.#count >= maxRefusals
  }

  forget(): void {
    this.#refused = undefined
  }
}
