import { messageKey } from './ids.ts'
import { applyCommand, type LogEntry } from './log-entry.ts'
import type { LogState } from './log-state.ts'
import type { Outbox } from './outbox-document.ts'
import type { MessageCommand } from './outbox-entry.ts'
import { pendingMessages, sequence } from './sequence.ts'

/** Commands that are not in the log yet, by the message that they are for. */
export type CommandsByMessage = ReadonlyMap<
  string,
  readonly { readonly by: string; readonly command: MessageCommand }[]
>

export function commandsByMessage(outboxes: readonly Outbox[]): CommandsByMessage {
  const commands = new Map<string, { by: string; command: MessageCommand }[]>()
  for (const { author, items } of outboxes) {
    for (const { entry } of items) {
      if (!entry || entry.kind === 'message') continue
      const key = messageKey(entry.target)
      const list = commands.get(key) ?? []
      list.push({ by: author, command: entry })
      commands.set(key, list)
    }
  }
  return commands
}

/** A message as everybody sees it who knows these commands. */
export function withCommands(entry: LogEntry, commands: CommandsByMessage): LogEntry {
  const list = commands.get(messageKey(entry)) ?? []
  return list.reduce((message, { by, command }) => applyCommand(message, command, by), entry)
}

/** Pending messages, which follow those in the log; their indices are provisional. */
export function pendingView(outboxes: readonly Outbox[], state: LogState): LogEntry[] {
  const commands = commandsByMessage(outboxes)
  const entries = sequence(pendingMessages(outboxes, state), state)
  return entries.map(entry => withCommands(entry, commands))
}
