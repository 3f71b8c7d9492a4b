import type { Draft, Erasure, Writing } from './draft.ts'

/** Why something may not be written. */
export interface Objection {
  /** Waiting = it may be allowed as soon as something else has arrived. */
  readonly kind: 'refused' | 'waiting'
  readonly reason: string
}

/** What an author may do, judged in the light of all that the update does. */
export interface Review {
  /** Whether the update changes who is who, once it is accepted. */
  readonly changesStanding: boolean
  write(writing: Writing): Objection | undefined
  erase(erasure: Erasure): Objection | undefined
}

export interface ReviewContext {
  /** An identity. */
  readonly author: string
  readonly draft: Draft
  /** Whose a client id is; those that the update brings in are the author's. */
  ownerOf(writer: number): string | undefined
  /** Whether something that counts lies under a key of a root map now. */
  isTaken(root: string, key: string): boolean
}

/** What may be written in a kind of document, and by whom. */
export interface Grammar {
  /** The root where everybody writes under their own participant key and client id only; undefined = there is none. */
  readonly personalRoot: string | undefined
  review(context: ReviewContext): Review
}

export function refuse(reason: string): Objection {
  return { kind: 'refused', reason }
}

export function wait(reason: string): Objection {
  return { kind: 'waiting', reason }
}

/** For messages: a bad name may be very long. */
export function quote(text: string | null): string {
  return text === null
    ? 'the root itself'
    : JSON.stringify(text.length > 80 ? `${text.slice(0, 80)}…` : text)
}
