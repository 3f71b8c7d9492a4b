import type { Allowance } from './limits/allowance.ts'

/** Who is at the other end of a socket; the channels of one multiplexed socket share it. */
export interface Visitor {
  /** Undefined where the server does not authenticate: then everybody may write everything. */
  readonly identity: string | undefined
  /** Where the socket comes from. */
  readonly address: string
  /** Whether it speaks `base/wire/extension.ts`. */
  readonly speaksExtension: boolean
  /** How much may be read from it, if there is a limit. */
  readonly allowance?: Allowance
  /** Called when it sends another token. */
  onToken?(token: string): void
}

/** What the server needs of a `WebSocket` of the package ws; the channels of a multiplexed socket have it too. */
export interface ServerSocket {
  readonly bufferedAmount: number
  on(event: 'message', listener: (data: Buffer, isBinary: boolean) => void): unknown
  on(event: 'pong' | 'close', listener: () => void): unknown
  on(event: 'error', listener: (error: Error) => void): unknown
  send(data: Uint8Array): void
  ping(): void
  pause(): void
  resume(): void
  close(code: number, reason: string): void
  terminate(): void
}
