import { measureEvents } from './events.ts'
import { measureGrowth } from './growth.ts'
import { measureLoad } from './load.ts'
import { measureLocal } from './local.ts'
import { measureMessages } from './peers/index.ts'
import { toPeerTable, toSummary } from './peers/report.ts'
import { type Section, toMarkdown, toTable, toText } from './report.ts'
import { measureSequencer } from './sequencer.ts'
import { measureServer } from './server/index.ts'
import { measureSessions } from './sessions.ts'

const words = process.argv.slice(2)
const only = words.filter(word => !word.startsWith('--'))
const wants = (part: string) => only.length === 0 || only.includes(part)
const print = (section: Section) => console.log(toText(toTable(section)))

if (wants('growth')) for (const section of measureGrowth()) print(section)
if (wants('local')) print(await measureLocal())
if (wants('load')) for (const section of await measureLoad()) print(section)
if (wants('events')) print(await measureEvents())
if (wants('sessions')) print(await measureSessions())
if (wants('sequencer')) print(await measureSequencer())
if (wants('server')) {
  const show = words.includes('--markdown') ? toMarkdown : toText
  for await (const table of measureServer({ isQuick: words.includes('--quick') })) {
    console.log(show(table))
  }
}
if (wants('messages')) {
  const sections = await measureMessages()
  for (const section of sections) console.log(toText(toPeerTable(section)))
  if (words.includes('--markdown')) console.log(toMarkdown(toSummary(sections)))
}
