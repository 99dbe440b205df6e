/**
 * All four services, compiled, as a process each, on the stack of the run: one pipeline for all bars that need one.
 *
 * Everything is included: traits and audiences of the shop, the event log, and a projection for one subscriber as what
 * activation delivers. What its processes use of the machine is read from /proc.
 */
import { existsSync } from 'node:fs'
import { cp, readFile, readdir, rm, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { type Metadata, credentials } from '@grpc/grpc-js'
import { ProfileServiceClient } from '@tributary/contracts/generated/tributary/profile/v1/profile_service'
import { bearerCredentials, callUnary } from '@tributary/service-kit'
import { createTopics } from '../../deploy/local/src/createTopics.ts'
import { startServices } from '../../deploy/local/src/launcher.ts'
import { SERVICES } from '../../deploy/local/src/serviceProcess.ts'
import { uniquePrefix } from '../support/uniquePrefix.ts'
import { SHOP_DOCUMENTS } from './benchCollector.ts'
import { BENCH_FOLDER, benchStack, closeAtEnd } from './benchStack.ts'
import { compileServices } from './compileServices.ts'
import { processCpu } from './processCpu.ts'
import { processWrites } from './processWrites.ts'

/** What a process has used since it began. */
export interface Used {
  readonly cpuSeconds: number
  readonly writtenBytes: number
}

export interface BenchPipeline {
  /** Where its source "web" takes batches. */
  readonly target: { readonly port: number; readonly authorization: string }
  readonly brokers: string
  /** Of the names of its topics. */
  readonly prefix: string
  readonly profiles: ProfileServiceClient
  readonly metadata: Metadata
  /** Events that are in profiles. */
  folded(): Promise<number>
  /** Events that are in the event log. */
  logged(): Promise<number>
  /** By stage: the services, this process as "clients", and Kafka and ClickHouse where they run here. */
  used(): Promise<ReadonlyMap<string, Used>>
}

const PARTITIONS = 4
/** Ticks of questions must not be what is waited for. */
const DEADLINE_MS = 30_000

let pipeline: Promise<BenchPipeline> | undefined

export function benchPipeline(): Promise<BenchPipeline> {
  return (pipeline ??= start())
}

async function start(): Promise<BenchPipeline> {
  compileServices()
  const stack = await benchStack()
  const prefix = uniquePrefix('pipeline')
  const dataDir = join(BENCH_FOLDER, prefix)
  await rm(dataDir, { recursive: true, force: true })
  const subscribed = `${prefix}-people`
  await createTopics(stack.kafka.brokers, [subscribed], PARTITIONS)
  const installation = await startServices(
    { ...stack, clickhouse: { ...stack.clickhouse, database: prefix } },
    {
      dataDir,
      compiled: true,
      settings: {
        TOPIC_PREFIX: prefix,
        GROUP_PREFIX: prefix,
      },
      documents: await documentsWith(subscribed, join(BENCH_FOLDER, `${prefix}-documents`)),
      applyArgs: ['--wait'],
    },
  )
  const address = installation.addresses().profileStore?.grpc as string
  const profiles = new ProfileServiceClient(address, credentials.createInsecure())
  const metadata = bearerCredentials((await readFile(installation.secrets.grpcToken, 'utf8')).trim())
  const pids = new Map<string, number>(
    SERVICES.map((name) => [name, installation.service(name).pid() as number]),
  )
  const { kafka, clickhouse } = stack.processes?.() ?? {}
  if (kafka !== undefined) pids.set('Kafka', kafka)
  if (clickhouse !== undefined) pids.set('ClickHouse', clickhouse)
  pids.set('clients', process.pid)
  closeAtEnd(async () => {
    profiles.close()
    await installation.stop()
    await rm(dataDir, { recursive: true, force: true })
  })
  return {
    target: {
      port: installation.service('collector').ports().http as number,
      authorization: `Basic ${btoa(`${installation.writeKeys['web']}:`)}`,
    },
    brokers: stack.kafka.brokers,
    prefix,
    profiles,
    metadata,
    async folded() {
      const options = { deadlineMs: DEADLINE_MS, metadata }
      const { partitions } = await callUnary(profiles.getTotals.bind(profiles), {}, options)
      return partitions.reduce((sum, { events }) => sum + events, 0)
    },
    async logged() {
      const query = `SELECT count() FROM ${prefix}.events`
      const answer = await fetch(stack.clickhouse.url, { method: 'POST', body: query })
      return Number(await answer.text())
    },
    async used() {
      const all = [...pids].map(async ([name, pid]) => {
        const [cpuSeconds, writtenBytes] = await Promise.all([processCpu(pid), processWrites(pid)])
        return [name, { cpuSeconds, writtenBytes }] as const
      })
      return new Map(await Promise.all(all))
    },
  }
}

/** The shop's documents; instead of its webhook, which nobody here would answer, one subscriber's topic. */
async function documentsWith(topic: string, folder: string): Promise<string> {
  await cp(SHOP_DOCUMENTS, folder, { recursive: true })
  await writeFile(
    join(folder, 'destinations.yaml'),
    [
      `kind: Destination\nid: people\nkafka: { topic: ${topic} }\n`,
      'kind: Sync\nid: people\nfrom: { profile: { paths: [traits.plan, computed.orders] } }\nto: people\nfields: { plan: traits.plan, orders: computed.orders }\n',
    ].join('---\n'),
  )
  return folder
}

/** Bytes that lie in each topic of the pipeline, largest first; empty where the broker's files are not in this folder. */
export async function topicBytes({ prefix }: BenchPipeline): Promise<ReadonlyMap<string, number>> {
  const log = join(BENCH_FOLDER, 'stack', 'kafka', 'log')
  const files = existsSync(log) ? await readdir(log, { recursive: true }) : []
  const bytes = new Map<string, number>()
  for (const file of files) {
    const [, topic] = /^(.*)-[0-9]+\/[0-9]+\.log$/.exec(file) ?? []
    if (!topic?.startsWith(`${prefix}.`)) continue
    const name = topic.slice(prefix.length + 1)
    bytes.set(name, (bytes.get(name) ?? 0) + (await stat(join(log, file))).size)
  }
  return new Map([...bytes].sort(([, a], [, b]) => b - a))
}
