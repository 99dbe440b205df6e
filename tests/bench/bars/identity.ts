/** What identity costs: events that bring new evidence and events that do not, the ceiling of the one writer, and space. */
import { createHash } from 'node:crypto'
import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import { topics } from '@tributary/contracts'
import { Event, EventRecord, EventType } from '@tributary/contracts/generated/tributary/event/v1/event'
import { createLmdbStores } from '@tributary/state-lmdb'
import type { OutputRecord, StateStore } from '@tributary/stream-runtime'
import { extractorTopology } from '../../../services/identity-stitcher/src/extractor/extractorTopology.ts'
import { type ResolverOnLmdb, openResolverOnLmdb } from '../../support/resolverOnLmdb.ts'
import { type TaskOnLmdb, openTaskOnLmdb, sizeOf } from '../../support/taskOnLmdb.ts'
import type { Bar } from '../bar.ts'
import { BENCH_FOLDER } from '../benchStack.ts'

/** Known beforehand: three per person. Enough that the store is larger than any cache of pages near the processor. */
const KNOWN_IDENTIFIERS = 300_000
const PERSONS = KNOWN_IDENTIFIERS / 3
/** One run: some seconds. */
const EVENTS_PER_RUN = 20_000
const EVIDENCE_PER_RUN = 5_000
/** The runtime's batch, for the reference too. */
const ROWS_PER_BATCH = 500
/** Bytes of a row of the reference: what the resolver's rows have in the mean. */
const ROW_BYTES = 110

const FOLDER = join(BENCH_FOLDER, 'identity')

const hash = (text: string): string => createHash('sha256').update(text).digest('hex').slice(0, 32)
const idOf = (type: string, value: string) => ({ type, value, id: hash(`${type} ${value}`) })

/** A person's n-th event: with a device, or with an address, so that each person has two sets. */
function event(person: number, n: number, device: string): Uint8Array {
  const second = n % 2 === 0 ? idOf('anonymous_id', device) : idOf('email', `p${person}@example.com`)
  const user = idOf('user_id', `u${person}`)
  const value = Event.fromPartial({
    messageId: `m-${person}-${n}`,
    sourceId: 'web',
    type: EventType.EVENT_TYPE_TRACK,
    anchor: user.id,
    identifiers: [user, second],
    timeMs: 1_767_225_600_000 + n,
    receivedTimeMs: 1_767_225_600_000 + n,
  })
  return EventRecord.encode({ record: { $case: 'event', value } }).finish()
}

interface Identity {
  readonly extractor: TaskOnLmdb
  readonly resolver: ResolverOnLmdb
  readonly reference: StateStore
}

/** One prepared store for all bars, since it takes a minute to fill; closed when the bench has nothing left to do. */
let prepared: Promise<Identity> | undefined
let made = 0

function identity(): Promise<Identity> {
  if (prepared) return prepared
  prepared = fill()
  process.once('beforeExit', () => void close())
  return prepared
}

async function close(): Promise<void> {
  const { extractor, resolver, reference } = await prepared!
  await Promise.all([extractor.close(), resolver.close(), reference.close()])
}

async function fill(): Promise<Identity> {
  await rm(FOLDER, { recursive: true, force: true })
  const extractor = await openTaskOnLmdb(
    extractorTopology({ seen: () => undefined, sent: () => undefined }),
    join(FOLDER, 'extractor'),
  )
  const resolver = await openResolverOnLmdb(join(FOLDER, 'resolver'))
  const reference = await createLmdbStores({ directory: join(FOLDER, 'reference') }).open({
    group: 'reference',
    partition: 0,
  })
  for (let from = 0; from < PERSONS; from += 5_000) {
    const persons = Array.from({ length: Math.min(5_000, PERSONS - from) }, (_, n) => from + n)
    const events = persons.flatMap((n) => [event(n, 0, `d${n}`), event(n, 1, '')])
    resolver.feed(evidenceOf(extractor.feed(topics.events, events)))
  }
  for (let from = 0; from < KNOWN_IDENTIFIERS; from += ROWS_PER_BATCH)
    reference.write({
      rows: Array.from({ length: ROWS_PER_BATCH }, (_, n) => ({
        key: referenceKey(from + n),
        value: Buffer.alloc(ROW_BYTES, 1),
      })),
      ends: new Map(),
      asOfMs: 0,
    })
  return { extractor, resolver, reference }
}

function evidenceOf(sent: readonly OutputRecord[]): readonly Uint8Array[] {
  return sent.flatMap((each) => (each.topic === topics.evidence && each.value ? [each.value] : []))
}

function referenceKey(n: number): string {
  return `rows/${hash(`row ${n % KNOWN_IDENTIFIERS}`)}`
}

/** So many rows read, changed and written again, in batches; per second. */
function readModifyWrite(store: StateStore, count: number): number {
  const keys = Array.from({ length: count }, (_, n) => referenceKey(made + n * 31))
  made += count
  const started = process.hrtime.bigint()
  for (let from = 0; from < count; from += ROWS_PER_BATCH)
    store.write({
      rows: keys.slice(from, from + ROWS_PER_BATCH).map((key) => {
        const value = Buffer.from(store.get(key)!)
        value[0] = (value[0]! + 1) & 0xff
        return { key, value }
      }),
      ends: new Map(),
      asOfMs: 0,
    })
  return perSecond(count, started)
}

function perSecond(count: number, started: bigint): number {
  return count / (Number(process.hrtime.bigint() - started) / 1e9)
}

/** Events of known persons; so many of a hundred from a device that nobody has seen. */
function run({ extractor, resolver }: Identity, newOfHundred: number): number {
  const events = Array.from({ length: EVENTS_PER_RUN }, (_, n) => {
    const person = (made + n * 7_919) % PERSONS
    const isNew = n % 100 < newOfHundred
    return isNew ? event(person, 2, `new-${made + n}`) : event(person, n % 2, `d${person}`)
  })
  made += EVENTS_PER_RUN
  const started = process.hrtime.bigint()
  resolver.feed(evidenceOf(extractor.feed(topics.events, events)))
  return perSecond(EVENTS_PER_RUN, started)
}

const eventBar = (newOfHundred: number, goal: number, reason: string): Bar => ({
  name: `identity-${newOfHundred}-percent-new`,
  about: `Events per second through extractor and resolver with ${KNOWN_IDENTIFIERS} identifiers known, ${newOfHundred} % of them with new evidence, beside reading, changing and writing one row of LMDB per event. ${reason}`,
  unit: 'events/s',
  better: 'higher',
  goal,
  async prepare() {
    const all = await identity()
    return {
      ours: () => run(all, newOfHundred),
      reference: () => readModifyWrite(all.reference, EVENTS_PER_RUN),
    }
  },
})

export const bars: Bar[] = [
  eventBar(1, 0.5, 'An event without new evidence costs two hashes and a read.'),
  eventBar(5, 0.4, ''),
  // Twice the cost at one per cent.
  eventBar(20, 0.25, ''),
  {
    name: 'identity-ceiling',
    about:
      'The ceiling of the one writer: new evidence resolved per second, each with a device that nobody has seen, beside rows of LMDB read, changed and written.',
    unit: 'evidence/s',
    better: 'higher',
    // Nine rows are written for it: evidence, two of its index, identifier, two members, cluster, and what is sent.
    goal: 0.1,
    async prepare() {
      const all = await identity()
      return {
        ours() {
          const events = Array.from({ length: EVIDENCE_PER_RUN }, (_, n) =>
            event((made + n * 7_919) % PERSONS, 2, `ceiling-${made + n}`),
          )
          made += EVIDENCE_PER_RUN
          const evidence = evidenceOf(all.extractor.feed(topics.events, events))
          const started = process.hrtime.bigint()
          all.resolver.feed(evidence)
          return perSecond(evidence.length, started)
        },
        reference: () => readModifyWrite(all.reference, EVIDENCE_PER_RUN),
      }
    },
  },
  {
    name: 'identity-bytes',
    about: `Bytes on disk per identifier that the resolver keeps (with all its evidence, indexes and clusters), beside one row of ${ROW_BYTES} bytes under a key of 37 in LMDB.`,
    unit: 'bytes',
    better: 'lower',
    // Per identifier: its row, 0.7 of a piece of evidence with its index, its place among members, a third of a cluster.
    goal: 8,
    runs: 1,
    async prepare() {
      const all = await identity()
      let identifiers = 0
      for (const [id] of all.resolver.rows().identifiers.range('', '~')) if (id) identifiers++
      return {
        ours: async () => (await all.resolver.size()) / identifiers,
        reference: async () => (await sizeOf(join(FOLDER, 'reference'))) / KNOWN_IDENTIFIERS,
      }
    },
  },
]
