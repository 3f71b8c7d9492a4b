import { configureGlobal } from 'fast-check'

/** `FC_RUNS` sets how often a property is tried that does not say so itself. */
const runs = Number(process.env.FC_RUNS)
if (runs > 0) configureGlobal({ numRuns: runs })
