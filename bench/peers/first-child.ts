import { readFolder } from './folder.ts'
import { libraries } from './libraries.ts'

const [library = '', folder = ''] = process.argv.slice(2)
const { open } = libraries[library as keyof typeof libraries]
const stored = readFolder(folder)

const before = process.cpuUsage()
const listed = open(stored).listed()
const { user, system } = process.cpuUsage(before)
if (listed.length === 0) throw new Error('nobody is there')
console.log(user + system)
