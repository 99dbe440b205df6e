/** A collector of its own for a bar, as a process, with the role "ingest", on the stack of the run. */
import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { startServices } from '../../deploy/local/src/launcher.ts'
import { uniquePrefix } from '../support/uniquePrefix.ts'
import { waitUntil } from '../support/waitUntil.ts'
import { BENCH_FOLDER, benchStack } from './benchStack.ts'
import { compileServices } from './compileServices.ts'
import { exampleEvent, sendAll } from './collectorLoad.ts'
import { processCpu } from './processCpu.ts'

/** The documents of the shop, unless a bar needs others. */
export const SHOP_DOCUMENTS = fileURLToPath(new URL('../../examples/shop', import.meta.url))

export interface BenchCollector {
  /** Where its source "web" takes events. */
  readonly target: { readonly port: number; readonly path: string; readonly authorization: string }
  readonly brokers: string
  /** Of the names of its topics. */
  readonly prefix: string
  readonly pid: number
  /** CPU seconds it has used so far. */
  cpu(): Promise<number>
  close(): Promise<void>
}

/** Resolves once it knows the write key, that is, its configuration. */
export async function startBenchCollector(
  name: string,
  options: {
    readonly documents?: string
    /** As in the image, for what it needs of memory: to strip types at the start takes 60 MB that stay. */
    readonly compiled?: boolean
  } = {},
): Promise<BenchCollector> {
  const { documents = SHOP_DOCUMENTS, compiled = false } = options
  if (compiled) compileServices('services/collector/tsconfig.build.json')
  const folder = join(BENCH_FOLDER, `collector-${name}`)
  await rm(folder, { recursive: true, force: true })
  const prefix = uniquePrefix('bench')
  const stack = await benchStack()
  const installation = await startServices(
    { ...stack, clickhouse: { ...stack.clickhouse, database: prefix } },
    {
      dataDir: folder,
      services: [{ service: 'collector', settings: { ROLE: 'ingest' } }],
      settings: { TOPIC_PREFIX: prefix, GROUP_PREFIX: prefix },
      documents,
      compiled,
    },
  )
  const collector = installation.service('collector')
  const pid = collector.pid() as number
  const authorization = `Basic ${btoa(`${installation.writeKeys['web']}:`)}`
  const target = { port: collector.ports().http as number, path: '/v1/track', authorization }
  await waitUntil('the collector to know the write key', () =>
    sendAll(target, [JSON.stringify(exampleEvent(0))], 1).then(
      () => true,
      () => false,
    ),
  )
  return {
    target,
    brokers: stack.kafka.brokers,
    prefix,
    pid,
    cpu: () => processCpu(pid),
    close: () => installation.stop(),
  }
}
