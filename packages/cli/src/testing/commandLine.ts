import type { ExitCode } from '../context.ts'
import { run } from '../run.ts'
import type { MemoryDoor } from './memoryDoor.ts'

export interface CommandResult {
  readonly code: ExitCode
  readonly out: string
  readonly err: string
}

export interface CommandLineOptions {
  readonly door: MemoryDoor
  readonly cwd?: string
  readonly env?: Readonly<Record<string, string>>
  readonly user?: string
  readonly nowMs?: number
}

/** Runs command lines in this process, against a Kafka in memory. */
export function commandLine(options: CommandLineOptions): (...args: string[]) => Promise<CommandResult> {
  return async (...args) => {
    const lines: { out: string[]; err: string[] } = { out: [], err: [] }
    const code = await run(
      args,
      {
        env: options.env ?? { KAFKA_BROKERS: 'memory:9092' },
        cwd: options.cwd ?? '/',
        out: (text) => lines.out.push(text),
        err: (text) => lines.err.push(text),
        colour: false,
        now: () => options.nowMs ?? 1_767_225_600_000,
        user: options.user ?? 'ada',
        interrupted: new AbortController().signal,
      },
      () => Promise.resolve(options.door),
    )
    return { code, out: lines.out.join('\n'), err: lines.err.join('\n') }
  }
}
