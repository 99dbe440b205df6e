/**
 * One instance of one service, from source, as a process that can be stopped, killed, frozen and started again.
 *
 * 1. It is running when PORTS_FILE is there: that is what a service writes when it is ready.
 * 2. It comes back on the ports it had, so whoever knows its address need not ask again.
 */
import { existsSync } from 'node:fs'
import { mkdir, readFile, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { startChildProcess, type ChildProcess } from './childProcess.ts'

export const SERVICES = ['collector', 'identity-stitcher', 'profile-store', 'activation'] as const
export type ServiceName = (typeof SERVICES)[number]

export interface ServicePorts {
  http?: number
  grpc?: number
  admin?: number
}

export interface ServiceProcess {
  service: ServiceName
  instance: string
  logFile: string
  ports(): ServicePorts
  running(): boolean
  pid(): number | undefined
  /** How the last process ended; undefined while it runs. */
  ended(): Promise<{ code: number | null; signal: NodeJS.Signals | null }>
  /** Graceful; `graceMs` later it is killed. */
  stop(): Promise<void>
  /** kill -9. */
  kill(): Promise<void>
  /** SIGSTOP and SIGCONT, for what a long pause does. */
  signal(signal: NodeJS.Signals): void
  start(): Promise<void>
}

export interface ServiceProcessOptions {
  service: ServiceName
  /** NODE_ID, and the name of its log and state; unique in the installation. */
  instance: string
  settings: Record<string, string>
  dataDir: string
  logsDir: string
  /** Runs what `make build` has compiled, with the image's settings, instead of the source. */
  compiled?: boolean
}

const ROOT = fileURLToPath(new URL('../../../', import.meta.url))
/** It may have to restore its state from the change logs first. */
const READY_TIMEOUT_MS = 60_000
/** More than a service's own SHUTDOWN_GRACE_MS, which is 30 s: the kill is for one that hangs. */
const STOP_GRACE_MS = 35_000

export async function startServiceProcess(options: ServiceProcessOptions): Promise<ServiceProcess> {
  const { service, instance, dataDir, logsDir } = options
  const logFile = join(logsDir, `${instance}.log`)
  const portsFile = join(dataDir, 'ports', `${instance}.json`)
  let child: ChildProcess | undefined
  let ports: ServicePorts = {}

  async function start(): Promise<void> {
    if (child?.running()) return
    await mkdir(join(dataDir, 'ports'), { recursive: true })
    await rm(portsFile, { force: true })
    const started = await startChildProcess({
      name: instance,
      command: process.execPath,
      args: options.compiled
        ? ['--max-semi-space-size=8', `services/${service}/dist/main.js`]
        : [
            '--conditions=tributary-source',
            '--disable-warning=ExperimentalWarning',
            `services/${service}/src/main.ts`,
          ],
      cwd: ROOT,
      env: {
        ...serviceEnvironment(options.settings),
        NODE_ID: instance,
        DATA_DIR: join(dataDir, 'state', instance),
        PORTS_FILE: portsFile,
        HTTP_PORT: String(ports.http ?? 0),
        GRPC_PORT: String(ports.grpc ?? 0),
        ADMIN_PORT: String(ports.admin ?? 0),
      },
      logFile,
    })
    child = started
    try {
      ports = await started.until(() => readPorts(portsFile), READY_TIMEOUT_MS)
    } catch (error) {
      await started.kill()
      throw error
    }
  }

  await start()
  return {
    service,
    instance,
    logFile,
    ports: () => ports,
    running: () => child?.running() ?? false,
    pid: () => (child?.running() ? child.pid : undefined),
    ended: () => child?.exited ?? Promise.reject(new Error(`${instance} was never started`)),
    stop: async () => child?.stop(STOP_GRACE_MS),
    kill: async () => child?.kill(),
    signal: (signal) => child?.signal(signal),
    start,
  }
}

/** Settings of this process must not leak into a service: only what is given counts, and what a program needs to run. */
function serviceEnvironment(settings: Record<string, string>): Record<string, string | undefined> {
  const none = Object.fromEntries(Object.keys(process.env).map((name) => [name, undefined]))
  const kept = { PATH: process.env['PATH'], HOME: process.env['HOME'], TZ: process.env['TZ'] }
  return { ...none, ...kept, ...settings }
}

async function readPorts(file: string): Promise<ServicePorts | undefined> {
  if (!existsSync(file)) return undefined
  try {
    return JSON.parse(await readFile(file, 'utf8')) as ServicePorts
  } catch {
    // Half written: there the next time.
    return undefined
  }
}
