import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { root } from './pack.ts'

/** A fenced block of a document. */
export interface Fence {
  readonly document: string
  /** Of the opening fence, from 1. */
  readonly line: number
  /** What follows the three backticks: a language, then words for us. */
  readonly info: readonly string[]
  readonly text: string
}

/** The README and everything in `docs`, relative to the root. */
export async function documents(): Promise<string[]> {
  const docs = await readdir(join(root, 'docs'))
  return ['README.md', ...docs.filter(name => name.endsWith('.md')).map(name => `docs/${name}`)]
}

export async function fencesOf(document: string): Promise<Fence[]> {
  const fences: Fence[] = []
  let open: { line: number; info: string[]; lines: string[] } | undefined
  const lines = (await readFile(join(root, document), 'utf8')).split('\n')
  for (const [index, line] of lines.entries()) {
    if (!open && line.startsWith('```')) {
      open = { line: index + 1, info: line.slice(3).trim().split(/\s+/), lines: [] }
    } else if (open && line.trim() === '```') {
      fences.push({
        document,
        line: open.line,
        info: open.info,
        text: `${open.lines.join('\n')}\n`,
      })
      open = undefined
    } else {
      open?.lines.push(line)
    }
  }
  if (open) throw new Error(`${document}:${open.line} is not closed`)
  return fences
}
