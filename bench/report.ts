/** One line of the table. Ratios are ours to raw Yjs in the same run: less is better. */
export interface Row {
  readonly what: string
  readonly participants: number
  /** A figure that is the same on every machine. */
  readonly ours?: string | undefined
  /** To Yjs in its usual way. */
  readonly usual?: number | undefined
  /** To Yjs in its best way. */
  readonly best?: number | undefined
  readonly target?: { readonly text: string; readonly isMet: boolean } | undefined
}

export interface Section {
  readonly title: string
  /** What was done, how often, and what it is compared with. */
  readonly method: string
  readonly rows: readonly Row[]
}

/** What is printed, cell by cell. */
export interface Table {
  readonly title: string
  readonly method: string
  readonly head: readonly string[]
  readonly lines: readonly (readonly string[])[]
}

const HEAD = ['', 'participants', 'ours', '÷ usual', '÷ best', 'target', '']

export function toTable({ title, method, rows }: Section): Table {
  return { title, method, head: HEAD, lines: rows.map(cells) }
}

function cells(row: Row): string[] {
  const { what, participants, ours = '', usual, best, target } = row
  const verdict = target ? (target.isMet ? '✓' : '✗') : ''
  return [
    what,
    count(participants),
    ours,
    ratioText(usual),
    ratioText(best),
    target?.text ?? '',
    verdict,
  ]
}

export function toText({ title, method, head, lines }: Table): string {
  const table = [head, ...lines]
  const widths = head.map((_, i) => Math.max(...table.map(line => line[i]?.length ?? 0)))
  const padded = table.map(line =>
    line.map((cell, i) => (i === 0 ? cell.padEnd(widths[i] ?? 0) : cell.padStart(widths[i] ?? 0))),
  )
  return `${title}\n${method}\n${padded.map(line => line.join('  ').trimEnd()).join('\n')}\n`
}

/** The table alone. */
export function toMarkdown({ head, lines }: Table): string {
  const rule = head.map((_, i) => (i === 0 ? '---' : '---:'))
  return [head, rule, ...lines].map(line => `| ${line.join(' | ')} |\n`).join('')
}

export function count(n: number): string {
  return n.toLocaleString('en-US')
}

/** A target that is an upper bound. */
export function atMost(value: number, limit: number, text: string): NonNullable<Row['target']> {
  return { text, isMet: value <= limit }
}

export function ratioText(value: number | undefined): string {
  if (value === undefined) return ''
  return value < 0.1 ? value.toPrecision(2) : value.toFixed(2)
}
