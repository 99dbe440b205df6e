/** What pino offers. Fields say where and how many, never what was in a record. */
export interface RuntimeLogger {
  debug(fields: object, message: string): void
  info(fields: object, message: string): void
  warn(fields: object, message: string): void
  error(fields: object, message: string): void
}

export const silentLogger: RuntimeLogger = { debug() {}, info() {}, warn() {}, error() {} }
