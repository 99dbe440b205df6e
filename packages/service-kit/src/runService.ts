/**
 * The life of a process.
 *
 *      reading settings ─▶ starting ─▶ running ─▶ draining ─▶ stopping ─▶ exit 0
 *             │               │           │           └──────────┴── second signal, or out of time ─▶ exit 1
 *             └───────────────┴───────────┴── fatal ─▶ exit 1
 *
 * Invariants:
 *  L1. A fatal error gives exactly one line that says what it was, and exit code 1. Nothing is retried here: the next
 *      incarnation starts from what is committed.
 *  L2. A stop runs the registered steps last in, first out, within SHUTDOWN_GRACE_MS.
 *  L3. A second signal exits at once: whoever sends it knows why.
 *  L4. What no handler caught is fatal: a program in an unknown state must not go on.
 */
import { renameSync, writeFileSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import { startAdminServer } from './adminServer.ts'
import { type Health, createHealth } from './health.ts'
import { type Logger, createLogger } from './logger.ts'
import { type Metrics, createMetrics } from './metrics.ts'
import { type SettingsOf, type SettingsSpec, SettingsError, readSettings } from './settings.ts'
import type { serviceSettings } from './settingGroups.ts'
import { observeProcess } from './processMetrics.ts'
import { createShutdown } from './shutdown.ts'
import { type Tracing, openTracing } from './tracing.ts'

type ServiceSpec = SettingsSpec & typeof serviceSettings

export interface Service<S extends ServiceSpec> {
  readonly name: string
  readonly settings: SettingsOf<S>
  readonly logger: Logger
  readonly metrics: Metrics
  readonly health: Health
  readonly tracing: Tracing
  /** Registers a step of the graceful stop; the last registered runs first. */
  onStop(name: string, stop: () => Promise<void> | void): void
  /** Logs the reason and exits with 1. */
  fatal(error: unknown): never
}

export interface Ports {
  readonly http?: number
  readonly grpc?: number
}

export interface ServiceDefinition<S extends ServiceSpec> {
  readonly name: string
  readonly settings: S
  /** Resolves when everything is started, with the ports that are open. */
  start(service: Service<S>): Promise<Ports>
}

/** Runs until a signal or a fatal error ends the process. The one call in every service's main.ts. */
export async function runService<const S extends ServiceSpec>(
  definition: ServiceDefinition<S>,
): Promise<void> {
  const { name } = definition
  const settings = settingsOrExit(definition)
  const common = settings as SettingsOf<typeof serviceSettings>
  const logger = createLogger(common, name)
  const metrics = createMetrics(name, { processMetrics: true })
  const health = createHealth()
  observeProcess(metrics, health)
  const shutdown = createShutdown()

  function fatal(error: unknown): never {
    const reason = error instanceof Error ? error.message : String(error)
    health.setFatal(reason)
    logger.fatal({ err: error }, `stopped by an error that cannot be handled: ${reason}`)
    process.exit(1)
  }
  process.on('uncaughtException', fatal)
  process.on('unhandledRejection', fatal)

  let stopping = false
  const stop = async (signal: string): Promise<void> => {
    if (stopping) {
      logger.warn({ signal }, 'second signal: exits without finishing')
      process.exit(1)
    }
    stopping = true
    logger.info({ signal }, 'stopping')
    health.setDraining()
    const timer = setTimeout(() => {
      logger.error(
        { graceMs: common.SHUTDOWN_GRACE_MS },
        'the stop took longer than SHUTDOWN_GRACE_MS: exits unfinished',
      )
      process.exit(1)
    }, common.SHUTDOWN_GRACE_MS)
    timer.unref()
    await sleep(Math.min(common.SHUTDOWN_DRAIN_MS, common.SHUTDOWN_GRACE_MS / 2))
    const failed = (await shutdown.run()).filter((step) => step.error !== undefined)
    for (const step of failed) logger.error({ step: step.name, err: step.error }, 'a step of the stop failed')
    logger.info('stopped')
    process.exit(failed.length === 0 ? 0 : 1)
  }
  for (const signal of ['SIGTERM', 'SIGINT'] as const) {
    process.on(signal, () => {
      stop(signal).catch(fatal)
    })
  }

  logger.info('starting')
  health.setReady('start', false, 'starting')
  try {
    const admin = await startAdminServer({ host: common.HOST, port: common.ADMIN_PORT, health, metrics })
    shutdown.onStop('admin server', () => admin.stop())
    const tracing = await openTracing(common, name, logger)
    shutdown.onStop('traces', () => tracing.stop())
    const ports = await definition.start({
      name,
      settings,
      logger,
      metrics,
      health,
      tracing,
      onStop: (step, run) => {
        shutdown.onStop(step, run)
      },
      fatal,
    })
    health.setReady('start', true)
    const opened = { ...ports, admin: admin.port }
    if (common.PORTS_FILE !== undefined) writePorts(common.PORTS_FILE, opened)
    logger.info(opened, 'ready')
  } catch (error) {
    // A signal during the start makes the start fail; the stop is already under way.
    if (!stopping) fatal(error)
  }
}

/** Whole or not at all: whoever waits for the file may read it the moment it is there. */
function writePorts(file: string, ports: Ports): void {
  writeFileSync(`${file}.new`, `${JSON.stringify({ msg: 'ready', ...ports })}\n`)
  renameSync(`${file}.new`, file)
}

function settingsOrExit<const S extends ServiceSpec>(definition: ServiceDefinition<S>): SettingsOf<S> {
  try {
    return readSettings(definition.settings, process.env)
  } catch (error) {
    if (!(error instanceof SettingsError)) throw error
    const logger = createLogger({ LOG_LEVEL: 'info', NODE_ID: process.env['NODE_ID'] ?? '' }, definition.name)
    logger.fatal({ problems: error.problems }, error.message)
    return process.exit(1)
  }
}
