/**
 * How fast an installation is rebuilt from its event log, beside how fast it took the same events: both by real processes,
 * from the first event to the last profile.
 */
import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { credentials } from '@grpc/grpc-js'
import { ProfileServiceClient } from '@tributary/contracts/generated/tributary/profile/v1/profile_service'
import { bearerCredentials, callUnary, createGrpcChannelOptions } from '@tributary/service-kit'
import { type Installation, startServices } from '../../../deploy/local/src/launcher.ts'
import { runTributary } from '../../../deploy/local/src/runTributary.ts'
import { readSecret } from '../../../deploy/local/src/secretFiles.ts'
import { OfficeClient } from '../../demo/officeClient.ts'
import { documentsOf } from '../../rebuild/documents.ts'
import { madeEvents } from '../../rebuild/madeEvents.ts'
import type { Bar } from '../bar.ts'
import { BENCH_FOLDER, benchStack } from '../benchStack.ts'

/** Some ten seconds of either side on two cores: start-up is not what is measured. */
const EVENTS = 20_000
const PEOPLE = 2_000
const BATCH = 100
/** Requests at the same time: the collector is not what live events wait for. */
const SENDERS = 4
const LOOK_EVERY_MS = 100
const SERVICES = ['collector', 'identity-stitcher', 'profile-store'] as const

let number = 0

export const bars: Bar[] = [
  {
    name: 'rebuild-rate',
    about: `${EVENTS.toLocaleString('en-US')} events: rebuilt from the event log; taken live over HTTP, until every profile has them`,
    unit: 'events/s',
    better: 'higher',
    goal: 2,
    runs: 1,
    async prepare() {
      let world: World | undefined
      return {
        // Live events first, in an installation of their own; then that one is rebuilt.
        async reference() {
          world ??= await openWorld()
          const taken = world.live
          await world.close()
          world = undefined
          return taken
        },
        async ours() {
          world ??= await openWorld()
          return rebuilt(world)
        },
        async close() {
          await world?.close()
        },
      }
    },
  },
]

interface World {
  /** Events per second. */
  readonly live: number
  readonly settings: Record<string, string>
  readonly next: Installation
  close(): Promise<void>
}

/** An installation that has taken the events, with the services of the next layout epoch beside it. */
async function openWorld(): Promise<World> {
  const stack = await benchStack()
  const name = `rebuild-${process.pid}-${++number}`
  const dataDir = join(BENCH_FOLDER, name)
  const documents = join(dataDir, 'documents')
  await mkdir(documents, { recursive: true })
  await writeFile(join(documents, 'workspace.yaml'), documentsOf(`${name}.customers`, false))
  const open = (own: Record<string, string>, folder: string) =>
    startServices(
      { kafka: stack.kafka, clickhouse: { url: stack.clickhouse.url, database: name.replaceAll('-', '_') } },
      {
        dataDir: join(dataDir, folder),
        settings: { TOPIC_PREFIX: name, GROUP_PREFIX: name, ...own },
        services: SERVICES.map((service) => ({ service })),
        documents,
        applyArgs: ['--wait'],
      },
    )
  const first = await open({}, 'first')
  const live = await takenLive(first)
  await stored(first)
  const settings = { WORKSPACE_KEY_FILE: first.secrets.workspaceKey, LAYOUT_EPOCH: '2' }
  await first.stop()
  const next = await open(settings, 'next')
  return { live, settings: next.settings, next, close: () => next.stop() }
}

async function takenLive(installation: Installation): Promise<number> {
  const events = madeEvents(7, PEOPLE, EVENTS)
  const client = new OfficeClient(installation.addresses().collector!.http, installation.writeKeys['web']!)
  const startMs = performance.now()
  let next = 0
  await Promise.all(
    Array.from({ length: SENDERS }, async () => {
      while (next < EVENTS) {
        const batch = events.slice(next, (next += BATCH))
        const body = JSON.stringify({ writeKey: installation.writeKeys['web'], batch })
        const { status } = await client.post(body)
        if (status !== 200) throw new Error(`the collector answered ${status}`)
      }
    }),
  )
  await untilFolded(installation, EVENTS)
  return (EVENTS * 1000) / (performance.now() - startMs)
}

/** From the start of the command until every profile has its events; the switch is a matter of seconds, however many. */
async function rebuilt({ settings, next }: World): Promise<number> {
  const startMs = performance.now()
  const command = runTributary(['rebuild', '--rate', '0', '--copy-only'], settings)
  await untilFolded(next, EVENTS)
  const rate = (EVENTS * 1000) / (performance.now() - startMs)
  const { code, stderr } = await command
  if (code !== 0) throw new Error(`the rebuild ended with ${code}: ${stderr}`)
  return rate
}

/** Until the profiles have folded so many. */
async function untilFolded(installation: Installation, events: number): Promise<void> {
  const client = new ProfileServiceClient(
    installation.addresses().profileStore!.grpc,
    credentials.createInsecure(),
    createGrpcChannelOptions(),
  )
  const call = {
    deadlineMs: 10_000,
    metadata: bearerCredentials(await readSecret(installation.secrets.grpcToken)),
  }
  try {
    for (;;) {
      const { partitions } = await callUnary(client.getTotals.bind(client), {}, call)
      if (partitions.reduce((sum, each) => sum + each.events, 0) >= events) return
      await sleep(LOOK_EVERY_MS)
    }
  } finally {
    client.close()
  }
}

/** Until the log has everything. */
async function stored({ settings }: Installation): Promise<void> {
  for (let line = ''; !line.endsWith('balances');) {
    const { stdout } = await runTributary(['audit'], settings)
    line = stdout.trim().split('\n').at(-1) ?? ''
  }
}
