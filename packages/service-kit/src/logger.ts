/**
 * JSON lines on standard output, one per happening, with what is personal or secret taken out (see redact.ts).
 */
import { type DestinationStream, type Logger, pino, stdTimeFunctions } from 'pino'
import { redactFields, redactText } from './redact.ts'

export type { Logger } from 'pino'

export interface LoggerSettings {
  readonly LOG_LEVEL: string
  readonly NODE_ID: string
}

/** `destination` is standard output, written synchronously: the last line before an exit is never lost. */
export function createLogger(
  settings: LoggerSettings,
  name: string,
  destination?: DestinationStream,
): Logger {
  const options = {
    level: settings.LOG_LEVEL,
    base: { service: name, node: settings.NODE_ID },
    timestamp: stdTimeFunctions.isoTime,
    formatters: {
      level: (label: string) => ({ level: label }),
      bindings: redactFields,
      log: redactFields,
    },
    // `log` has made plain objects of errors already.
    serializers: { err: (value: unknown) => value },
    hooks: { streamWrite: redactText },
  }
  return destination ? pino(options, destination) : pino(options)
}
