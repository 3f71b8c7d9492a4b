import { count, type Row, ratioText, type Table } from '../report.ts'
import type { LibraryName, PeerName } from './libraries.ts'

/** Ours beside the peers. Ratios are ours to theirs in the same run: less is better. */
export interface PeerRow {
  readonly what: string
  readonly messages: number
  readonly ours: string
  readonly ratios?: Readonly<Record<PeerName, number>> | undefined
  readonly target?: Row['target']
  /** For the README. */
  readonly isSummary?: boolean
}

export interface PeerSection {
  readonly title: string
  readonly method: string
  readonly rows: readonly PeerRow[]
}

const NAMES: Record<PeerName, string> = {
  yjs: 'Yjs',
  automerge: 'Automerge',
  loro: 'Loro',
  tinybase: 'TinyBase',
}

export const PEERS = Object.keys(NAMES) as PeerName[]

export function ratiosOf(values: Readonly<Record<LibraryName, number>>): Record<PeerName, number> {
  return ratios(peer => values.ours / values[peer])
}

export function ratios(of: (peer: PeerName) => number): Record<PeerName, number> {
  return Object.fromEntries(PEERS.map(peer => [peer, of(peer)])) as Record<PeerName, number>
}

const HEAD = ['', 'messages', 'ours', ...PEERS.map(peer => `÷ ${NAMES[peer]}`)]

export function toPeerTable({ title, method, rows }: PeerSection): Table {
  const lines = rows.map(row => {
    const { target } = row
    return [...cells(row), target?.text ?? '', target ? (target.isMet ? '✓' : '✗') : '']
  })
  return { title, method, head: [...HEAD, 'target', ''], lines }
}

/** What matters most of all sections, as one table. */
export function toSummary(sections: readonly PeerSection[]): Table {
  const rows = sections.flatMap(({ rows }) => rows).filter(({ isSummary }) => isSummary)
  return { title: '', method: '', head: HEAD, lines: rows.map(cells) }
}

function cells({ what, messages, ours, ratios }: PeerRow): string[] {
  return [what, count(messages), ours, ...PEERS.map(peer => ratioText(ratios?.[peer]))]
}

export function milliseconds(microseconds: number): string {
  return `${(microseconds / 1000).toFixed(1)} ms`
}

export function megabytes(bytes: number): string {
  return `${(bytes / 1e6).toFixed(2)} MB`
}
