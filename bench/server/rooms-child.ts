import { setTimeout as sleep } from 'node:timers/promises'
import { Awareness } from 'y-protocols/awareness'
import { collectGarbage } from '../measure.ts'
import { identityOf } from '../people.ts'
import { docOf, gather } from './conversation.ts'
import { type ProviderName, providers } from './provider.ts'

/** What opening the rooms took in the process of the client. */
export interface Opening {
  /** Until all were synced. */
  readonly ms: number
  /** CPU time in µs. */
  readonly cpu: number
  /** What was added, in bytes. */
  readonly rss: number
  readonly heap: number
}

const [name = '', url = '', rooms = '', people = ''] = process.argv.slice(2)
const open = providers[name as ProviderName](url, identityOf(0))
const documents = Array.from({ length: Number(rooms) }, (_, i) => {
  const { room, pieces } = gather(`room ${i}`, Number(people))
  // On the creator's device, which has it from earlier sessions.
  const doc = docOf(0, [pieces[0].update])
  const awareness = new Awareness(doc)
  awareness.setLocalState({ identity: identityOf(0) })
  return { room, doc, awareness }
})
const before = memory()
const cpuBefore = process.cpuUsage()
const startMs = performance.now()
const opened = documents.map(({ room, doc, awareness }) => {
  let close = () => {}
  const whenSynced = new Promise<void>(resolve => {
    const provider = open(room, doc, awareness, resolve)
    close = () => void provider.destroy()
  })
  return { whenSynced, close }
})
await Promise.all(opened.map(({ whenSynced }) => whenSynced))
const ms = performance.now() - startMs
// What was sent may be on its way yet.
await sleep(500)
const { user, system } = process.cpuUsage(cpuBefore)
const after = memory()
const opening: Opening = {
  ms,
  cpu: user + system,
  rss: after.rss - before.rss,
  heap: after.heap - before.heap,
}
process.on('disconnect', () => {
  for (const { close } of opened) close()
  process.exit()
})
process.send?.(opening)

function memory() {
  collectGarbage()
  const { rss, heapUsed, external } = process.memoryUsage()
  return { rss, heap: heapUsed + external }
}
