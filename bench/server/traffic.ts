import { WebSocket } from 'ws'

/** What clients have sent (up) and received (down). */
export interface Traffic {
  up: number
  down: number
}

export type Socket = new (address: string | URL, protocols?: string | string[]) => WebSocket

/** A WebSocket that counts its messages. */
export function counting(traffic: Traffic): Socket {
  return class extends WebSocket {
    constructor(address: string | URL, protocols?: string | string[]) {
      super(address, protocols)
      this.on('message', () => {
        traffic.down += 1
      })
    }

    override send(...message: unknown[]): void {
      traffic.up += 1
      super.send(...(message as Parameters<WebSocket['send']>))
    }
  }
}
