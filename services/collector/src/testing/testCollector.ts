import { createHash, randomFillSync, randomUUID } from 'node:crypto'
import { type Tracing, createIdentifierHasher, createMetrics, phoneToE164 } from '@tributary/service-kit'
import { type WorkspaceConfiguration } from '@tributary/configuration'
import { digest } from '@tributary/sources'
import { createCollectorMetrics } from '../collectorMetrics.ts'
import { type InFlight, createInFlight } from '../http/inFlight.ts'
import { type IngestServer, startIngestServer } from '../http/ingestServer.ts'
import { type GroupCommit, createGroupCommit } from '../produce/groupCommit.ts'
import { type RecordSender } from '../produce/outgoing.ts'
import { type BookPorts, type SourceBook, buildSourceBook, emptyBook } from '../sources/sourceBook.ts'
import { createUuid7 } from '../uuid7.ts'

export const TEST_EPOCH = 1
export const TEST_PARTITIONS = 4
/** What the mounted file "web-key" holds. */
export const TEST_SECRET = 'a-secret-key-of-the-web-shop'

const hasher = createIdentifierHasher('a workspace key of more than 32 characters')

export const testPorts: BookPorts = {
  hashIdentifier: hasher,
  phone: phoneToE164,
  digest,
  readSecret: (file) => {
    if (file !== 'web-key') throw new Error(`${file} is not mounted`)
    return `sha256:${createHash('sha256').update(TEST_SECRET).digest('hex')}\n`
  },
  epoch: TEST_EPOCH,
  maxEventBytes: 256 * 1024,
}

export interface TestCollector {
  readonly url: string
  readonly server: IngestServer
  readonly groupCommit: GroupCommit
  readonly inFlight: InFlight
  readonly faults: readonly unknown[]
  adopt(workspace: WorkspaceConfiguration): void
  /** The process has been told to end, and has not begun to. */
  drain(): void
  /** The next so many produce requests fail. */
  refuse(times: number): void
  /** How many have failed by that. */
  refused(): number
  metrics(): Promise<string>
  stop(): Promise<void>
}

/** A real HTTP server over any sender; no configuration until one is adopted. */
export async function startTestCollector(
  sender: RecordSender,
  options: {
    readonly maxBodyBytes?: number
    readonly maxInFlightBytes?: number
    readonly maxBatchEvents?: number
    readonly timeoutMs?: number
    readonly requestTimeoutMs?: number
    readonly partitions?: number
    readonly tracing?: Tracing
    /** Instead of the one that knows web-key. */
    readonly readSecret?: BookPorts['readSecret']
  } = {},
): Promise<TestCollector> {
  let book: SourceBook = emptyBook
  const faults: unknown[] = []
  const registry = createMetrics('collector')
  const inFlight = createInFlight(options.maxInFlightBytes ?? 64 * 1024 * 1024)
  let draining = false
  let toRefuse = 0
  let refused = 0
  const refusing: RecordSender = {
    send(records) {
      if (toRefuse === 0) return sender.send(records)
      toRefuse--
      refused++
      return Promise.reject(new Error('refused by the test'))
    },
  }
  const groupCommit = createGroupCommit({
    sender: refusing,
    inFlight: 2,
    timeoutMs: options.timeoutMs ?? 5_000,
  })
  const server = await startIngestServer({
    host: '127.0.0.1',
    port: 0,
    maxBodyBytes: options.maxBodyBytes ?? 4 * 1024 * 1024,
    maxBatchEvents: options.maxBatchEvents ?? 2500,
    requestTimeoutMs: options.requestTimeoutMs ?? 30_000,
    partitions: options.partitions ?? TEST_PARTITIONS,
    epoch: TEST_EPOCH,
    inFlight,
    groupCommit,
    metrics: createCollectorMetrics(registry, inFlight),
    book: () => book,
    isDraining: () => draining,
    now: Date.now,
    newId: createUuid7({ now: Date.now, random: randomFillSync }),
    onFault: (error) => faults.push(error),
    ...(options.tracing && { tracing: options.tracing }),
  })
  return {
    url: `http://127.0.0.1:${server.port}`,
    server,
    groupCommit,
    inFlight,
    faults,
    adopt(workspace) {
      book = buildSourceBook(workspace, {
        ...testPorts,
        ...(options.readSecret && { readSecret: options.readSecret }),
      })
    },
    drain() {
      draining = true
    },
    refuse(times) {
      toRefuse = times
    },
    refused: () => refused,
    metrics: () => registry.text(),
    async stop() {
      await server.stop()
      await groupCommit.stop()
    },
  }
}

/** An id nobody has used. */
export const freshId = (): string => randomUUID()
