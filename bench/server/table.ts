import { type Row, ratioText, type Table } from '../report.ts'

export type Target = NonNullable<Row['target']>

/** Ours beside others, all measured in the same run. */
export interface Side<Name extends string> {
  readonly title: string
  readonly method: string
  /** Ours first. */
  readonly columns: Readonly<Record<Name, string>>
  readonly lines: readonly SideLine<Name>[]
}

export interface SideLine<Name extends string> {
  readonly what: string
  readonly values: Readonly<Record<Name, number>>
  readonly text: (value: number) => string
  readonly targets?: readonly Target[]
}

export function toSideTable<Name extends string>(side: Side<Name>): Table {
  const { title, method, columns } = side
  const [ours, ...others] = Object.keys(columns) as [Name, ...Name[]]
  const head = ['', columns[ours], ...others.flatMap(name => [columns[name], 'ours ÷'])]
  const lines = side.lines.map(({ what, values, text, targets = [] }) => [
    what,
    text(values[ours]),
    ...others.flatMap(name => [text(values[name]), ratioText(values[ours] / values[name])]),
    targets.map(target => target.text).join(', '),
    targets.map(({ isMet }) => (isMet ? '✓' : '✗')).join(' '),
  ])
  return { title, method, head: [...head, 'target', ''], lines }
}

export const milliseconds = (ms: number) => `${ms.toFixed(ms < 100 ? 1 : 0)} ms`
export const seconds = (microseconds: number) => `${(microseconds / 1e6).toFixed(2)} s`
export const microseconds = (us: number) => `${us.toFixed(us < 10 ? 2 : 1)} µs`
export const megabytes = (bytes: number) => `${(bytes / 1e6).toFixed(bytes < 1e7 ? 2 : 0)} MB`
export const kilobytes = (bytes: number) => `${(bytes / 1e3).toFixed(1)} kB`
export const rounded = (value: number) => Math.round(value).toLocaleString('en-US')
