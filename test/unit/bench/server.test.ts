import { expect, test } from 'vitest'
import { contenders, type ServerName } from '../../../bench/server/contenders.ts'
import { measureRoom } from '../../../bench/server/one-room.ts'
import { ServerProcess } from '../../../bench/server/server-process.ts'

test.concurrent.each(Object.keys(contenders) as ServerName[])(
  'what is written in a room of %s reaches everybody, and is measured',
  async name => {
    const server = await ServerProcess.start(name)
    try {
      const effort = { writes: 2, burst: 20, burstsForMs: 0, maxBursts: 1 }
      const figures = await measureRoom(server, 12, effort)

      expect(Object.entries(figures).filter(([, figure]) => !(figure > 0))).toEqual([])
    } finally {
      await server.close()
    }
  },
)
