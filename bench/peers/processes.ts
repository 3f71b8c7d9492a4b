import { execFile } from 'node:child_process'
import { rm } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { writeFolder } from './folder.ts'
import { type Built, each, eachInTurn, type LibraryName } from './libraries.ts'

/**
 * Runs a script for each library in turn, so many times, each time in a process of its own.
 *
 * @param script beside this one; its arguments are a library and a folder for each conversation, and it prints JSON
 */
export async function inProcesses<Result>(
  script: string,
  runs: number,
  ...conversations: readonly Built[]
): Promise<Record<LibraryName, Result[]>> {
  const path = fileURLToPath(new URL(script, import.meta.url))
  const folders = await eachInTurn(name =>
    Promise.all(conversations.map(built => writeFolder(built[name]))),
  )
  const results = each((): Result[] => [])
  for (let run = 0; run < runs; run++) {
    await eachInTurn(async name => {
      const args = [...process.execArgv, path, name, ...folders[name]]
      const { stdout } = await promisify(execFile)(process.execPath, args)
      results[name].push(JSON.parse(stdout))
    })
  }
  for (const folder of Object.values(folders).flat()) await rm(folder, { recursive: true })
  return results
}
