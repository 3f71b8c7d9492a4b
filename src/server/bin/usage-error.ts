/** The command was not given as it has to be: the message says what to change. */
export class UsageError extends Error {
  override readonly name = 'UsageError'
}
