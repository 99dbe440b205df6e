import { type Logger, createLogger } from '../logger.ts'

export interface RecordingLogger {
  readonly logger: Logger
  /** Everything logged so far, parsed. */
  readonly lines: Record<string, unknown>[]
  /** Everything logged so far, as written. */
  readonly text: () => string
}

/** A real logger that keeps its lines instead of writing them. */
export function createRecordingLogger(name = 'test', level = 'trace'): RecordingLogger {
  const written: string[] = []
  const lines: Record<string, unknown>[] = []
  const destination = {
    write(line: string): void {
      written.push(line)
      lines.push(JSON.parse(line) as Record<string, unknown>)
    },
  }
  const logger = createLogger({ LOG_LEVEL: level, NODE_ID: 'test' }, name, destination)
  return { logger, lines, text: () => written.join('') }
}
