import type { Message } from '../../src/index.ts'
import type { DemoParticipant } from '../profile.ts'
import { dayOf } from './dates.ts'

/** Messages of one person within so many ms are one group. */
const GROUP_MS = 5 * 60_000

export interface TimelineEntry {
  readonly message: Message
  /** It is the first of its day. */
  readonly isNewDay: boolean
  /** What is unread begins here. */
  readonly isDivided: boolean
  /** Continues what the same person said right before. */
  readonly isGrouped: boolean
  /** Who has read up to here, and no further. */
  readonly readers: readonly DemoParticipant[]
}

/** Messages as they are shown one below the other. */
export function timeline(
  messages: readonly Message[],
  divider: Message | undefined,
  others: readonly DemoParticipant[],
): TimelineEntry[] {
  const readersOf = readersByMessage(messages, others)
  return messages.map((message, i) => {
    const before = messages[i - 1]
    const isNewDay = !before || dayOf(dateOf(before)) !== dayOf(dateOf(message))
    const isDivided = message === divider
    const isGrouped =
      !isNewDay &&
      !isDivided &&
      before?.author === message.author &&
      Math.abs(dateOf(message).getTime() - dateOf(before).getTime()) < GROUP_MS
    return { message, isNewDay, isDivided, isGrouped, readers: readersOf.get(message) ?? [] }
  })
}

export function dateOf({ dateCreated }: Message): Date {
  return dateCreated ?? new Date(0)
}

function readersByMessage(
  messages: readonly Message[],
  others: readonly DemoParticipant[],
): Map<Message, DemoParticipant[]> {
  const readers = new Map<Message, DemoParticipant[]>()
  const missing = new Set(others)
  for (const message of messages.toReversed()) {
    if (missing.size === 0) break
    for (const participant of missing) {
      if (!hasRead(participant, message)) continue
      missing.delete(participant)
      readers.set(message, [...(readers.get(message) ?? []), participant])
    }
  }
  return readers
}

/** Own messages are read by who has read up to them; that somebody wrote something does not say what they have read. */
function hasRead(participant: DemoParticipant, message: Message): boolean {
  if (message.author === participant.identity) {
    return message.index <= (participant.lastReadMessageIndex ?? -1)
  }
  return message.readBy.some(({ sid }) => sid === participant.sid)
}
