import { bare, hocuspocus, type Wire, yWebsocket } from './wire.ts'

export type ServerName = 'ours' | 'bare' | 'yWebsocket' | 'hocuspocus'

export interface Contender {
  readonly title: string
  /** Beside this file; see `serve()`. */
  readonly script: string
  readonly wire: Wire
}

export const contenders: Readonly<Record<ServerName, Contender>> = {
  ours: { title: 'ours', script: './ours-child.ts', wire: yWebsocket },
  bare: { title: 'bare ws', script: './bare-child.ts', wire: bare },
  yWebsocket: {
    title: '@y/websocket-server',
    script: './y-websocket-child.ts',
    wire: yWebsocket,
  },
  hocuspocus: { title: 'Hocuspocus', script: './hocuspocus-child.ts', wire: hocuspocus },
}
