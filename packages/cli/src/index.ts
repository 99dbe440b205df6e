export { run } from './run.ts'
export type { Context, ExitCode } from './context.ts'
