import { messageKey } from './ids.ts'
import type { GivenCommand } from './message-entry.ts'
import type { Outbox } from './outbox-document.ts'

/** Commands that are not in the log yet, by the message that they are for, in the order they are applied in. */
export type CommandsByMessage = ReadonlyMap<string, readonly GivenCommand[]>

export function commandsByMessage(outboxes: readonly Outbox[]): CommandsByMessage {
  const commands = new Map<string, GivenCommand[]>()
  for (const { author, items } of outboxes) {
    for (const { entry } of items) {
      if (!entry || entry.kind === 'message') continue
      const key = messageKey(entry.target)
      const list = commands.get(key) ?? []
      list.push({ by: author, command: entry })
      commands.set(key, list)
    }
  }
  for (const list of commands.values()) list.sort(byTime)
  return commands
}

/** Who changes a message gives a greater time than that of the change they see. */
export function byTime(a: GivenCommand, b: GivenCommand): number {
  return a.command.time - b.command.time
}
