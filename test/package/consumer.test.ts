import { execFile } from 'node:child_process'
import { mkdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { beforeAll, describe, expect, inject, test } from 'vitest'
import { checkTypes } from './check-types.ts'

const consumer = inject('consumer')
let entries: string[]

beforeAll(async () => {
  const path = join(consumer, 'node_modules/y-conversations/package.json')
  const { exports } = JSON.parse(await readFile(path, 'utf8')) as { exports: object }
  entries = Object.keys(exports)
    .filter(entry => !entry.endsWith('.json'))
    .map(entry => `y-conversations${entry.slice(1)}`)
})

const app = `import { createClient, type Conversation, type Participant } from 'y-conversations'

const client = createClient({ identity: 'alice' })
const conversation: Conversation = await client.openConversation('room')
const [first]: Participant[] = await conversation.getParticipants()
export const index: number | null | undefined = first?.lastReadMessageIndex

// What knows its attributes may go where they do not matter.
type Profile = { nick: string; color?: string }
const typed = await client.openConversation<Profile>('typed')
export const untyped: Conversation = typed
const show = (participant: Participant): string | null => participant.identity
typed.on('participantJoined', show)
typed.on('participantUpdated', ({ participant }) => show(participant))
interface Shape { nick: string }
declare const shaped: Participant<Shape>
export const wide: Participant<unknown> = shaped

// @ts-expect-error an identity is text
createClient({ identity: 1 })
`

describe.each(['nodenext', 'bundler'] as const)('with %s resolution', moduleResolution => {
  test.each([
    { place: 'a browser', types: [], isServer: false },
    { place: 'Node', types: ['node'], isServer: true },
  ])('an app for $place compiles, declarations of libraries included', async options => {
    const { types, isServer } = options
    const folder = join(consumer, `${moduleResolution}-${types}`)
    await mkdir(folder, { recursive: true })
    const imports = entries
      .filter(entry => isServer || !/\/server(\/|$)/.test(entry))
      .map((entry, i) => `export * as entry${i} from '${entry}'\n`)
    await writeFile(join(folder, 'entries.ts'), imports.join(''))
    await writeFile(join(folder, 'app.ts'), app)
    expect(await checkTypes(folder, { moduleResolution, types })).toEqual([])
  })
})

test('every entry loads in plain Node, imported and required, as the same module', async () => {
  const script = join(consumer, 'load.mjs')
  await writeFile(
    script,
    `import { createRequire } from 'node:module'
const require = createRequire(import.meta.url)
for (const entry of ${JSON.stringify(entries)}) {
  const imported = await import(entry)
  if (Object.keys(imported).length === 0) throw new Error(entry + ' is empty')
  for (const name of Object.keys(imported)) if (require(entry)[name] !== imported[name]) throw new Error(entry + ' ' + name)
  console.log(entry)
}
`,
  )
  const { stdout } = await promisify(execFile)(process.execPath, [script])
  expect(stdout.trim().split('\n')).toEqual(entries)
})
