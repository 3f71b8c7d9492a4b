import { describe, it, vi } from 'vitest'
import { broadcastChannel } from '../../src/sync/broadcast-channel.ts'
import { describeTransport } from '../../src/testing/index.ts'

let browsers = 0

describeTransport(
  'broadcastChannel',
  {
    createNetwork: () => ({
      name: `browser ${++browsers}`,
      posts: vi.spyOn(BroadcastChannel.prototype, 'postMessage'),
    }),
    transport: ({ name }) => broadcastChannel({ name }),
    countMessages: ({ posts }) => posts.mock.calls.length,
    sendGarbage({ name }, room) {
      const channel = new BroadcastChannel(`y-conversations${JSON.stringify([name, room])}`)
      const messages = [[], [0], [0, 2, 3, 255, 255, 255], [1, 5, 255], [9, 9, 9]]
      channel.postMessage('hello')
      for (const bytes of messages) {
        channel.postMessage({ from: 0, message: Uint8Array.from(bytes) })
      }
      channel.close()
    },
    closeNetwork: ({ posts }) => posts.mockRestore(),
  },
  { describe, it },
)
