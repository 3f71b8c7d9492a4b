import { measureEvents } from './events.ts'
import { measureGrowth } from './growth.ts'
import { measureLoad } from './load.ts'
import { measureLocal } from './local.ts'
import { toText } from './report.ts'
import { measureSequencer } from './sequencer.ts'
import { measureSessions } from './sessions.ts'

const only = process.argv.slice(2)
if (only.length === 0 || only.includes('growth'))
  for (const section of measureGrowth()) console.log(toText(section))
if (only.length === 0 || only.includes('local')) console.log(toText(await measureLocal()))
if (only.length === 0 || only.includes('load'))
  for (const section of await measureLoad()) console.log(toText(section))
if (only.length === 0 || only.includes('events')) console.log(toText(await measureEvents()))
if (only.length === 0 || only.includes('sessions')) console.log(toText(await measureSessions()))
if (only.length === 0 || only.includes('sequencer')) console.log(toText(await measureSequencer()))
