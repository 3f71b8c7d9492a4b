type Run = () => Promise<void>

/** What a suite hands to a test runner, by title. */
export function collect(describeIn: (framework: Framework) => void): Map<string, Run> {
  const runs = new Map<string, Run>()
  describeIn({
    describe: (_, body) => body(),
    it: (title, run) => runs.set(title, run),
  })
  return runs
}

interface Framework {
  describe(name: string, body: () => void): void
  it(title: string, run: Run): void
}
