/**
 * Nothing is left running, even when this process is killed with -9: a small process holds the other end of a pipe,
 * is told the ids of our children and containers, and ends them when the pipe closes without a goodbye.
 *
 * 1. An id is trusted only with its start time, so a number the system has given to somebody else is left alone.
 * 2. The watchdog ends by itself as soon as the pipe closes; it never outlives its work by more than its grace time.
 */
import { spawn, type ChildProcess } from 'node:child_process'
import { fileURLToPath } from 'node:url'

const SCRIPT = fileURLToPath(new URL('watchdogMain.ts', import.meta.url))

let watchdog: ChildProcess | undefined
/** Lines of what is guarded: `pid 4711`, `container 3f…`. */
const guarded = new Set<string>()

export function guard(pid: number): void {
  add(`pid ${pid}`)
}

export function release(pid: number): void {
  remove(`pid ${pid}`)
}

export function guardContainer(id: string): void {
  add(`container ${id}`)
}

export function releaseContainer(id: string): void {
  remove(`container ${id}`)
}

function add(what: string): void {
  guarded.add(what)
  if (watchdog === undefined || watchdog.exitCode !== null || watchdog.signalCode !== null) start()
  else tell(`+${what}`)
}

function remove(what: string): void {
  guarded.delete(what)
  tell(`-${what}`)
  if (guarded.size > 0) return
  // The last one is gone: so may be the watchdog.
  watchdog?.stdin?.end()
  watchdog = undefined
}

function start(): void {
  watchdog = spawn(process.execPath, [SCRIPT], { stdio: ['pipe', 'ignore', 'ignore'], detached: true })
  watchdog.on('error', () => undefined)
  watchdog.stdin?.on('error', () => undefined)
  // It must not keep this process alive.
  watchdog.unref()
  const pipe = watchdog.stdin as unknown as { unref?: () => void } | null
  pipe?.unref?.()
  for (const what of guarded) tell(`+${what}`)
}

function tell(line: string): void {
  if (watchdog?.stdin?.writable) watchdog.stdin.write(`${line}\n`)
}
