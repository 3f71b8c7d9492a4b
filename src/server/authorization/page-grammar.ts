import { type Grammar, type Objection, refuse } from './grammar.ts'

const onlyServer = (): Objection => refuse('only the server writes the log')

/** Of a page of the log, which no client writes. */
export const pageGrammar: Grammar = {
  personalRoot: undefined,
  review: () => ({ changesStanding: false, write: onlyServer, erase: onlyServer }),
}
