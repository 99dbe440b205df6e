/**
 * JSON lines on standard output, one per happening, with what is personal or secret taken out (see redact.ts).
 */
import {
  type Bindings,
  type ChildLoggerOptions,
  type DestinationStream,
  type Logger,
  pino,
  stdTimeFunctions,
} from 'pino'
import { redactFields, redactText } from './redact.ts'

export type { Logger } from 'pino'

type Child = (this: Logger, bindings: Bindings, options?: ChildLoggerOptions) => Logger

export interface LoggerSettings {
  readonly LOG_LEVEL: string
  readonly NODE_ID: string
}

const STANDARD_OUTPUT = 1

/**
 * `destination` is standard output, written synchronously: the last line before an exit is neither lost nor out of order.
 * pino's own default writes by the thread pool, and at an exit what waits overtakes what is being written.
 */
export function createLogger(
  settings: LoggerSettings,
  name: string,
  destination: DestinationStream = pino.destination({ dest: STANDARD_OUTPUT, sync: true }),
): Logger {
  const options = {
    level: settings.LOG_LEVEL,
    base: { service: name, node: settings.NODE_ID },
    timestamp: stdTimeFunctions.isoTime,
    formatters: {
      level: (label: string) => ({ level: label }),
      log: redactFields,
    },
    // `log` has made plain objects of errors already.
    serializers: { err: (value: unknown) => value },
    hooks: { streamWrite: redactText },
  }
  const logger = pino(options, destination)
  // pino does not apply `bindings` to the bindings of children; children inherit this method.
  const child = Reflect.get(logger, 'child') as unknown as Child
  const redactingChild: Child = function (this: Logger, bindings, childOptions) {
    return child.call(this, redactFields(bindings), childOptions)
  }
  Reflect.set(logger, 'child', redactingChild)
  return logger
}
