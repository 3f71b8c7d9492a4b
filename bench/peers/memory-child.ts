import { collectGarbage } from '../measure.ts'
import type { Listed, Message } from './chat.ts'
import { readFolder } from './folder.ts'
import type { Memory } from './keeping.ts'
import type { Opened } from './library.ts'

/** The memories of the WebAssembly modules of this process, of which Node does not tell. */
const memories = new Set<WebAssembly.Memory>()
noteMemories()

const [library = '', small = '', folder = ''] = process.argv.slice(2)
// After the memories are noted.
const { libraries } = await import('./libraries.ts')
const { open } = libraries[library as keyof typeof libraries]
if (memories.size < 2) throw new Error('not all memories are known')

/** A conversation on the screen. */
interface Screen {
  readonly opened: Opened
  readonly listed: Listed[]
  readonly unread: number
  readonly newest: Message[]
}

const first = show(small)
first.opened.close?.()
const before = await memoryNow()
const screen = show(folder)
const after = await memoryNow()
const grown: Memory = {
  used: after.used - before.used,
  resident: after.resident - before.resident,
}
console.log(JSON.stringify(grown))
// Until here everything is in use.
screen.opened.close?.()

function show(path: string): Screen {
  const opened = open(readFolder(path))
  return { opened, listed: opened.listed(), unread: opened.unread(), newest: opened.newest() }
}

async function memoryNow(): Promise<Memory> {
  for (let i = 0; i < 5; i++) {
    collectGarbage()
    // What is finalised is freed between tasks.
    await new Promise(resolve => setImmediate(resolve))
  }
  const { heapUsed, external, rss } = process.memoryUsage()
  const modules = [...memories].reduce((sum, { buffer }) => sum + buffer.byteLength, 0)
  return { used: heapUsed + external + modules, resident: rss }
}

function noteMemories(): void {
  WebAssembly.Instance = new Proxy(WebAssembly.Instance, {
    construct(target, args: ConstructorParameters<typeof WebAssembly.Instance>) {
      const instance = new target(...args)
      for (const exported of Object.values(instance.exports)) {
        if (exported instanceof WebAssembly.Memory) memories.add(exported)
      }
      return instance
    },
  })
}
