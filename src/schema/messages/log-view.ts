import { messageKey } from './ids.ts'
import { applyCommand, type LogEntry } from './log-entry.ts'
import type { LogState } from './log-state.ts'
import type { Outbox } from './outbox-document.ts'
import type { MessageCommand } from './outbox-entry.ts'
import { pendingMessages, sequence } from './sequence.ts'

/** Commands that are not in the log yet, by the message that they are for. */
type CommandsByMessage = ReadonlyMap<
  string,
  readonly { readonly by: string; readonly command: MessageCommand }[]
>

function commandsByMessage(outboxes: readonly Outbox[]): CommandsByMessage {
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
function withCommands(entry: LogEntry, commands: CommandsByMessage): LogEntry {
  const list = commands.get(messageKey(entry)) ?? []
  return list.reduce((message, { by, command }) => applyCommand(message, command, by), entry)
}

/** What somebody sees of a conversation's messages: the end of the log, and what is pending behind it. */
export interface LogView {
  /** By index, without gaps. */
  readonly log: readonly LogEntry[]
  /** In the order in which they are shown; their indices are provisional. */
  readonly pending: readonly LogEntry[]
  /** Nothing is in the log that has not come here yet. */
  readonly isComplete: boolean
}

/** @param entries of the log by index, of all pages that begin at `first` or later */
export function viewLog(
  first: number,
  entries: readonly LogEntry[],
  outboxes: readonly Outbox[],
  state: LogState,
): LogView {
  const commands = commandsByMessage(outboxes)
  // What follows a gap is not shown before what is in it: who reads on would have read that too.
  const gap = entries.findIndex(({ index }, i) => index !== first + i)
  const log = gap < 0 ? entries : entries.slice(0, gap)
  const known = new Set(entries.map(messageKey))
  const pending = sequence(pendingMessages(outboxes, state), {
    ...state,
    count: Math.max(state.count, first + log.length),
  })
  return {
    log: log.map(entry => withCommands(entry, commands)),
    pending: pending
      .filter(entry => !known.has(messageKey(entry)))
      .map(entry => withCommands(entry, commands)),
    isComplete: gap < 0 && first + log.length >= state.count,
  }
}
