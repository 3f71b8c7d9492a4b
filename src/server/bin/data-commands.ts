import { createReadStream } from 'node:fs'
import { conversationSid } from '../../base/ids.ts'
import type { DocumentLog } from '../log/document-log.ts'
import { LevelLog, levelLog } from '../log/level-log.ts'
import { textLogger } from '../logging/json-logger.ts'
import { conversationSids } from '../operations/conversation-documents.ts'
import { eraseUser } from '../operations/erase-user.ts'
import {
  eraseConversation,
  exportConversation,
  importConversation,
} from '../operations/transfer.ts'
import { renewServerClientId } from '../server-client-id.ts'
import type { Settings } from './settings.ts'
import { openStorage } from './storage.ts'
import { UsageError } from './usage-error.ts'

interface DataCommand {
  /** What comes behind its name, if anything does. */
  readonly argument?: string
  readonly help: string
  run(storage: DocumentLog, argument: string): Promise<void>
}

const print = (text: string) => void process.stdout.write(`${text}\n`)

/** What is done to the data while no server runs on it, by the first word. */
export const DATA_COMMANDS: Readonly<Record<string, DataCommand>> = {
  list: {
    help: 'prints the sids of all conversations',
    async run(storage) {
      for await (const sid of conversationSids(storage)) print(sid)
    },
  },
  export: {
    argument: '<conversation>',
    help: 'prints a conversation, by name or sid, for `import`',
    async run(storage, name) {
      for await (const piece of exportConversation(storage, conversationSid(name))) {
        process.stdout.write(piece)
      }
    },
  },
  import: {
    argument: '<file>',
    help: 'stores what `export` has printed, unless the conversation is there',
    async run(storage, path) {
      print(await importConversation(storage, createReadStream(path)))
    },
  },
  'erase-conversation': {
    argument: '<conversation>',
    help: 'forgets a conversation; devices that have it bring it back',
    run: (storage, name) => eraseConversation(storage, conversationSid(name)),
  },
  'erase-user': {
    argument: '<identity>',
    help: 'erases what somebody has written; prints the hashes of their attachments',
    async run(storage, identity) {
      for (const hash of (await eraseUser(storage, identity)).media) print(hash)
    },
  },
  backup: {
    argument: '<directory>',
    help: 'copies all documents of a directory into another one',
    async run(storage, directory) {
      if (storage instanceof LevelLog) return storage.backup(directory)
      throw new UsageError('Only directories are backed up; Redis and Postgres have their own ways')
    },
  },
  restored: {
    help: 'to be run once after a storage was put back from a copy that was not made by `backup`:\nthe server writes under another client id then, as devices may know more of the old one',
    async run(storage) {
      await renewServerClientId(storage)
    },
  },
}

/** @throws UsageError, and what the operation throws */
export async function runDataCommand(
  name: string,
  words: readonly string[],
  { storage: place }: Settings,
): Promise<void> {
  const command = DATA_COMMANDS[name] as DataCommand
  const [argument = ''] = words
  if (words.length !== (command.argument ? 1 : 0)) {
    throw new UsageError(`Usage: y-conversations-server ${name} ${command.argument ?? ''}`.trim())
  }
  if (typeof place !== 'string') throw new UsageError('Say where the data is: --storage <place>')
  const opened = await openStorage(place, textLogger())
  const storage = typeof opened === 'string' ? await levelLog(opened) : opened
  try {
    await command.run(storage, argument)
  } finally {
    await storage.close()
  }
}
