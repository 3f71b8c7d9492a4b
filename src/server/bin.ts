#!/usr/bin/env node
import { run } from './bin/command.ts'

await run(process.argv.slice(2), process.env)
