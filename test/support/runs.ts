/** How often a property is tried; the environment variable FC_RUNS multiplies it for long runs. */
export function runs(count: number): { numRuns: number } {
  return { numRuns: Math.max(1, Math.round(count * Number(process.env.FC_RUNS ?? 1))) }
}
