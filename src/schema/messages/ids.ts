import type { Writer } from '../horizon.ts'

/** Messages of a conversation lie in pages of so many, by index. Measured best between 500 and 2,000. */
export const PAGE_SIZE = 1000

/** Names a message for good, before and after it has its index: the `counter`-th entry of its writer, from 1. */
export interface MessageId {
  readonly writer: Writer
  readonly counter: number
}

/** For maps and sids. */
export function messageKey({ writer, counter }: MessageId): string {
  return `${writer.toString(36)}/${counter.toString(36)}`
}

/** The name of the document of what is written and not yet in the log. */
export function outboxName(conversationSid: string): string {
  return `${conversationSid}/o`
}

/** The conversation whose outboxes a document of this name has; undefined = none. */
export function parseOutboxName(name: string): string | undefined {
  return /^(CH[0-9a-f]{32})\/o$/.exec(name)?.[1]
}

export function pageName(conversationSid: string, page: number): string {
  return `${conversationSid}/m/${page}`
}

export function pageOf(index: number, pageSize = PAGE_SIZE): number {
  return Math.floor(index / pageSize)
}

/** Whether a stored value counts something: no document may make numbers that cannot be counted on from. */
export function isCount(value: unknown): value is Writer & number {
  return typeof value === 'number' && value >= 0 && value <= MAX_COUNT && Number.isInteger(value)
}

export const MAX_COUNT = 2 ** 52
