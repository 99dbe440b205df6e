/** What a command may touch of the world; tests give their own. */
export interface Context {
  readonly env: Readonly<Record<string, string | undefined>>
  readonly cwd: string
  /** One line, or several, to standard output. */
  readonly out: (text: string) => void
  /** Progress and errors. */
  readonly err: (text: string) => void
  readonly colour: boolean
  readonly now: () => number
  /** Who runs it: author of revisions. */
  readonly user: string
  /** Aborted on the first Ctrl-C, so that what follows a topic ends in order. */
  readonly interrupted: AbortSignal
}

/** 0 fine, 1 error, 2 changes or findings. */
export type ExitCode = 0 | 1 | 2

/** Ends the command with one sentence that says what to do. */
export class CommandError extends Error {
  override readonly name = 'CommandError'
  readonly details: readonly string[]
  constructor(message: string, details: readonly string[] = []) {
    super(message)
    this.details = details
  }
}
