/** A write in a document: who has so much of what this client wrote has it. */
export interface Stamp {
  readonly client: number
  readonly clock: number
}

/** Somebody who has a part of a history. */
export interface Witness {
  /** What it did itself it knows before it is written. */
  readonly process: object
  has(stamp: Stamp): boolean
}

/** Something that a user did to their horizon, in terms of messages that they saw. */
export interface ReadingOperation {
  readonly kind: 'advance' | 'rewind'
  /** What was read with it; or what stays read after it. */
  readonly messages: ReadonlySet<string>
  /** What was known when it was done. */
  readonly seen: ReadonlySet<ReadingOperation>
}

/** Somebody read it, and everybody who went back before it was, later and knowingly, read it again. */
export function isReadAfter(known: readonly ReadingOperation[], message: string): boolean {
  const readings = known.filter(({ kind, messages }) => {
    return kind === 'advance' && messages.has(message)
  })
  return (
    readings.length > 0 &&
    known.every(operation => {
      const { kind, messages } = operation
      const isRewind = kind === 'rewind' && !messages.has(message)
      return !isRewind || readings.some(({ seen }) => seen.has(operation))
    })
  )
}

interface Operation extends ReadingOperation {
  readonly process: object
  /** Where it was written; each write of a horizon has all in it that its device knows of. */
  readonly stamps: Stamp[]
}

/** What one user read and marked as unread, in terms of messages that were shown, and of what was known then. */
export class ReadingHistory {
  readonly #operations: Operation[] = []

  /** @param stamp where it was written; undefined = it is to be written later */
  add(
    kind: Operation['kind'],
    messages: Iterable<string>,
    by: Witness,
    stamp: Stamp | undefined,
  ): void {
    const { process } = by
    const seen = new Set(this.#knownTo(by))
    const operation = {
      kind,
      messages: new Set(messages),
      seen,
      process,
      stamps: stamp ? [stamp] : [],
    }
    this.#operations.push(operation)
  }

  /** All that is known there was written. */
  wrote(stamp: Stamp, by: Witness): void {
    for (const { stamps } of this.#knownTo(by)) stamps.push(stamp)
  }

  isRead(message: string, by: Witness): boolean {
    return isReadAfter(this.#knownTo(by), message)
  }

  #knownTo({ process, has }: Witness): Operation[] {
    return this.#operations.filter(one => one.process === process || one.stamps.some(has))
  }
}
