import type { Chat, Listed, Message } from './chat.ts'

/** The documents of a conversation by name, each as its library saves it. */
export type Stored = Pick<ReadonlyMap<string, Uint8Array>, 'get'>

/** The name of the one document of those that keep everything in one. */
export const ONE = 'conversation'

/** A conversation that was opened from what is stored, as far as its answers need it. */
export interface Opened {
  listed(): Listed[]
  /** How many messages of others the reader has not read. */
  unread(): number
  /** The newest messages, the oldest of them first. */
  newest(): Message[]
  /** Frees what the garbage collection does not. */
  close?(): void
}

/** Bytes of updates. */
export interface Wire {
  /** What the sender sends. */
  readonly up: number
  /** What somebody else gets. */
  readonly down: number
}

/** What the other one of a pair has of the sender. */
export interface Seen {
  readonly lastBody: string | undefined
  readonly lastRead: number | null
}

/** Two who have the conversation open: one writes, and the other has it when a method returns, or resolves. */
export interface Pair {
  /** Each message is a change of its own; they arrive together. */
  send(messages: readonly Message[]): Wire | Promise<Wire>
  /** Moves the sender's horizon. */
  advance(index: number): Wire | Promise<Wire>
  seen(): Seen
  close?(): void
}

/** A way to keep a conversation. */
export interface Library {
  build(chat: Chat): Map<string, Uint8Array> | Promise<Map<string, Uint8Array>>
  open(stored: Stored): Opened
  pair(stored: Stored): Pair
}

export function documentOf(stored: Stored, name: string): Uint8Array {
  const bytes = stored.get(name)
  if (!bytes) throw new Error(`nothing is stored of ${name}`)
  return bytes
}

export function lengthOf(updates: readonly Uint8Array[]): number {
  return updates.reduce((sum, { length }) => sum + length, 0)
}
