// Lets Node 20 run TypeScript: `node --import ./scripts/typescript.mjs file.ts`.
import { register } from 'node:module'

register('./typescript-loader.mjs', import.meta.url)
