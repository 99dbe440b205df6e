/**
 * A server process as the local stack keeps it.
 *
 * 1. Its own process group: Ctrl-C in the terminal reaches only the parent, which stops its children in order.
 * 2. Its output goes to a file; the last lines of it are in the error when it ends before it is ready.
 * 3. The watchdog knows its id for as long as it lives, so nothing is left running when the parent dies without a word.
 */
import { spawn, type ChildProcess as NodeChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { closeSync, mkdirSync, openSync, readFileSync } from 'node:fs'
import { dirname } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { guard, release } from './watchdog.ts'

export interface ChildProcessOptions {
  name: string
  command: string
  args: string[]
  env?: Record<string, string | undefined>
  cwd?: string
  logFile: string
}

export interface ChildProcess {
  name: string
  pid: number
  logFile: string
  running(): boolean
  /** Resolves when it ends, however it ends. */
  exited: Promise<{ code: number | null; signal: NodeJS.Signals | null }>
  signal(signal: NodeJS.Signals): void
  /** SIGTERM, then SIGKILL when it has not ended after `graceMs`. */
  stop(graceMs: number): Promise<void>
  /** SIGKILL, and waits until it is gone. */
  kill(): Promise<void>
  /** Polls until `ready` gives something; throws when the process ends first or the time is up. */
  until<T>(ready: () => Promise<T | undefined>, timeoutMs: number): Promise<T>
}

const POLL_MS = 50
/** Enough of a log to see a stack trace, short enough to read in a terminal. */
const LOG_TAIL_LINES = 15

export async function startChildProcess(options: ChildProcessOptions): Promise<ChildProcess> {
  const { name, command, args, logFile } = options
  mkdirSync(dirname(logFile), { recursive: true })
  const log = openSync(logFile, 'a')
  const child = spawn(command, args, {
    // Standard input is a pipe: a child that watches it learns that its parent is gone even without the watchdog.
    stdio: ['pipe', log, log],
    detached: true,
    env: { ...process.env, ...options.env },
    ...(options.cwd === undefined ? {} : { cwd: options.cwd }),
  })
  closeSync(log)
  await Promise.race([
    once(child, 'spawn'),
    once(child, 'error').then(([error]) => {
      throw new Error(`${name} cannot be started: ${String(error)}`)
    }),
  ])
  child.stdin?.on('error', () => undefined)
  const pid = child.pid as number
  guard(pid)

  const exited = (
    child.exitCode === null && child.signalCode === null ? once(child, 'exit') : Promise.resolve()
  ).then(() => {
    release(pid)
    return { code: child.exitCode, signal: child.signalCode }
  })
  const running = () => child.exitCode === null && child.signalCode === null

  return {
    name,
    pid,
    logFile,
    running,
    exited,
    signal: (signal) => void child.kill(signal),
    stop: (graceMs) => stop(child, exited, running, graceMs),
    async kill() {
      if (running()) child.kill('SIGKILL')
      await exited
    },
    async until(ready, timeoutMs) {
      const deadline = Date.now() + timeoutMs
      for (;;) {
        if (!running())
          throw new Error(`${name} ended before it was ready (${exitText(child)}):\n${tail(logFile)}`)
        const found = await ready()
        if (found !== undefined) return found
        if (Date.now() > deadline) {
          throw new Error(
            `${name} was not ready within ${timeoutMs / 1000} s; its log ${logFile} ends with:\n${tail(logFile)}`,
          )
        }
        await sleep(POLL_MS)
      }
    },
  }
}

async function stop(
  child: NodeChildProcess,
  exited: Promise<unknown>,
  running: () => boolean,
  graceMs: number,
): Promise<void> {
  if (running()) {
    child.kill('SIGTERM')
    // A stopped process takes SIGTERM only when it goes on.
    child.kill('SIGCONT')
    const timer = setTimeout(() => child.kill('SIGKILL'), graceMs)
    await exited
    clearTimeout(timer)
  }
  await exited
}

function exitText(child: NodeChildProcess): string {
  return child.signalCode === null ? `exit code ${child.exitCode}` : `signal ${child.signalCode}`
}

function tail(logFile: string): string {
  return readFileSync(logFile, 'utf8').trimEnd().split('\n').slice(-LOG_TAIL_LINES).join('\n')
}
