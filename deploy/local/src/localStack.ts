/**
 * A real Kafka and a real ClickHouse on this machine, in this order: the ones that are given by address, containers
 * when a Docker engine answers, else Java and Maven with the ClickHouse engine from npm.
 *
 * 1. Whoever starts a stack stops it; `stop` may be called any number of times.
 * 2. Addresses stay the same over `restartKafka` and over `killClickHouse` and `startClickHouse`.
 * 3. Data lives in `dataDir` only; `fresh` empties it first. Containers keep theirs in themselves, and with `keepData`
 *    in volumes named after the folder.
 * 4. A Docker engine whose images cannot be had is no engine: Java is taken then, where it is there, and that is said.
 */
import { rm } from 'node:fs/promises'
import { findDockerEngine } from './dockerEngine.ts'
import { startDockerStack } from './dockerStack.ts'
import { givenStack } from './givenStack.ts'
import { javaProblem } from './javaRequirements.ts'
import { startJavaStack } from './javaStack.ts'
import { lockFolder } from './lockFolder.ts'

export type Log = (line: string) => void

export type StackKind = 'given' | 'docker' | 'java'

export interface LocalStack {
  kind: StackKind
  kafka: {
    brokers: string
    /** Where the listener of `detourPort` really is. */
    detour?: string
  }
  clickhouse: { url: string; database: string }
  /** Their ids, where they are processes that this one has started; for what they use of the machine. */
  processes?(): { kafka: number; clickhouse: number | undefined }
  stop(): Promise<void>
  /** A clean stop, or kill -9, and a start on the same address with the same data. */
  restartKafka(how?: 'stop' | 'kill'): Promise<void>
  /** As kill -9. */
  killClickHouse(): Promise<void>
  /** After a kill: the same address, the same data. */
  startClickHouse(): Promise<void>
}

/** What every kind of stack is started with. */
export interface StackStart {
  dataDir: string
  fresh: boolean
  keepData: boolean
  log: Log
  detourPort: number | undefined
}

export interface LocalStackOptions {
  dataDir: string
  /** Throw away what an earlier run left in `dataDir`. */
  fresh?: boolean
  log?: Log
  /** What a later start on the same folder must find again. Containers keep it in named volumes then. */
  keepData?: boolean
  /** Only this kind, for tests of the kinds themselves. */
  kind?: StackKind
  environment?: Record<string, string | undefined>
  /**
   * Kafka gets one more listener, which sends its clients to this port of the loopback interface: there a test puts
   * what loses requests and replies. A client follows the addresses that a broker names, so nothing less will do.
   */
  detourPort?: number
}

export async function startLocalStack(options: LocalStackOptions): Promise<LocalStack> {
  const { dataDir, fresh = false, log = () => undefined, environment = process.env, detourPort } = options
  const { keepData = false } = options
  const kind = options.kind ?? (await chooseKind(environment))
  if (kind === 'given') {
    if (detourPort !== undefined)
      throw new Error(
        'a Kafka that is given by KAFKA_BROKERS gets no further listener: unset it for this run',
      )
    return givenStack(environment)
  }

  const unlock = await lockFolder(dataDir)
  try {
    if (fresh) await rm(dataDir, { recursive: true, force: true })
    const stack = await startKind(kind, options, { dataDir, fresh, keepData, log, detourPort })
    const stop = async () => {
      try {
        await stack.stop()
      } finally {
        await unlock()
      }
    }
    let stopping: Promise<void> | undefined
    return { ...stack, stop: () => (stopping ??= stop()) }
  } catch (error) {
    await unlock()
    throw error
  }
}

async function startKind(
  kind: 'docker' | 'java',
  options: LocalStackOptions,
  start: StackStart,
): Promise<LocalStack> {
  if (kind === 'java') return startJavaStack(start)
  try {
    return await startDockerStack(start)
  } catch (error) {
    // Asked for by name, or nothing to fall back on: the engine's own words say more than ours would.
    if (options.kind === 'docker' || (await javaProblem()) !== undefined) throw error
    const reason = error instanceof Error ? error.message : String(error)
    start.log(`a Docker engine answers, but not with these images (${reason}); taking Java instead`)
    return startJavaStack(start)
  }
}

export async function chooseKind(environment: Record<string, string | undefined>): Promise<StackKind> {
  const brokers = environment['KAFKA_BROKERS']
  const clickhouse = environment['CLICKHOUSE_URL']
  if (brokers && clickhouse) return 'given'
  if (brokers || clickhouse) {
    const missing = brokers ? 'CLICKHOUSE_URL' : 'KAFKA_BROKERS'
    throw new Error(
      `${missing} is not set, but its partner is: set both, or neither for a stack of this machine's own.`,
    )
  }
  if (await findDockerEngine(environment)) return 'docker'
  const problem = await javaProblem()
  if (problem === undefined) return 'java'
  throw new Error(
    `Kafka and ClickHouse cannot be started: no Docker engine answers, and ${problem}. Install Docker, or Java 17 and Maven, or set KAFKA_BROKERS and CLICKHOUSE_URL.`,
  )
}
