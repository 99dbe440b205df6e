/** A world of known identifiers on real stores, its events, and one row of LMDB beside each of them. */
import { hash } from 'node:crypto'
import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import { topics } from '@tributary/contracts'
import { Event, EventRecord, EventType } from '@tributary/contracts/generated/tributary/event/v1/event'
import { createLmdbStores } from '@tributary/state-lmdb'
import type { OutputRecord, StateStore } from '@tributary/stream-runtime'
import { extractorTopology } from '../../services/identity-stitcher/src/extractor/extractorTopology.ts'
import { type ResolverOnLmdb, openResolverOnLmdb } from '../support/resolverOnLmdb.ts'
import { type TaskOnLmdb, openTaskOnLmdb, sizeOf } from '../support/taskOnLmdb.ts'
import { BENCH_FOLDER, closeAtEnd } from './benchStack.ts'

/** Known beforehand: three per person. The store is larger than any cache near the processor. */
export const KNOWN_IDENTIFIERS = 1_000_000
export const PERSONS = Math.floor(KNOWN_IDENTIFIERS / 3)
/** The runtime's batch, for the reference too. */
const ROWS_PER_BATCH = 500
/** Bytes of a row of the reference: what the resolver's rows have in the mean. */
export const ROW_BYTES = 110
/** As many as one batch of strangers takes, with two pieces of evidence each. */
const PERSONS_PER_LOAD = 10_000
const LOADS = Math.ceil(PERSONS / PERSONS_PER_LOAD)

const FOLDER = join(BENCH_FOLDER, 'identity')

export interface KnownWorld {
  readonly extractor: TaskOnLmdb
  readonly resolver: ResolverOnLmdb
  /** So many rows as there are identifiers, read, changed and written again in the runtime's batches. */
  readonly rows: { readModifyWrite(count: number, perBatch?: number): void; size(): Promise<number> }
}

/** One prepared world for all bars, since it takes a while to fill. */
let prepared: Promise<KnownWorld> | undefined

export function knownWorld(): Promise<KnownWorld> {
  return (prepared ??= fill())
}

const digest = (text: string): string => hash('sha256', text)

/**
 * An id as a hash would be: spread evenly, and the three of a person far from each other. But the ids of the persons
 * that are loaded together are neighbours, so that each load writes one stretch of the store and not all its pages.
 */
function idOf(type: string, value: string, person: number) {
  const hashed = digest(`${type} ${value}`)
  const load = Math.floor(person / PERSONS_PER_LOAD)
  const place = (load + Number.parseInt(hashed.slice(0, 8), 16) / 2 ** 32) / LOADS
  const begin = Math.floor(place * 2 ** 32)
    .toString(16)
    .padStart(8, '0')
  return { type, value, id: begin + hashed.slice(8, 32) }
}

export const user = (person: number) => idOf('user_id', `u${person}`, person)
const anywhere = (name: string): number => Number.parseInt(digest(name).slice(0, 8), 16) % PERSONS
/** One that nobody has seen is anywhere. */
export const device = (name: string, near = anywhere(name)) => idOf('anonymous_id', name, near)
const ownDevice = (person: number) => device(`d${person}`, person)
const email = (person: number) => idOf('email', `p${person}@example.com`, person)
export const unknownEmail = (name: string) => idOf('email', `${name}@example.com`, anywhere(name))

let messages = 0

/** An event with these identifiers, strongest first. */
export function eventWith(...identifiers: readonly ReturnType<typeof idOf>[]): Uint8Array {
  const n = messages++
  const value = Event.fromPartial({
    messageId: `m-${n}`,
    sourceId: 'web',
    type: EventType.EVENT_TYPE_TRACK,
    anchor: identifiers[0]!.id,
    identifiers: [...identifiers],
    timeMs: 1_767_225_600_000 + n,
    receivedTimeMs: 1_767_225_600_000 + n,
  })
  return EventRecord.encode({ record: { $case: 'event', value } }).finish()
}

/** A known person's event that says nothing new: with the device, or with the address. */
export function knownEvent(person: number, n: number): Uint8Array {
  return eventWith(user(person), n % 2 === 0 ? ownDevice(person) : email(person))
}

export function evidenceOf(sent: readonly OutputRecord[]): readonly Uint8Array[] {
  return sent.flatMap((each) => (each.topic === topics.evidence && each.value ? [each.value] : []))
}

async function fill(): Promise<KnownWorld> {
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
  closeAtEnd(() => Promise.all([extractor.close(), resolver.close(), reference.close()]))
  for (let from = 0; from < PERSONS; from += PERSONS_PER_LOAD) {
    const persons = Array.from({ length: Math.min(PERSONS_PER_LOAD, PERSONS - from) }, (_, n) => from + n)
    const events = persons.flatMap((person) => [knownEvent(person, 0), knownEvent(person, 1)])
    resolver.load(evidenceOf(extractor.load(topics.events, events)))
    reference.write({
      rows: Array.from({ length: persons.length * 3 }, (_, n) => ({
        key: referenceKey(from * 3 + n),
        value: Buffer.alloc(ROW_BYTES, 1),
      })),
      ends: new Map(),
      asOfMs: 0,
    })
  }
  return {
    extractor,
    resolver,
    rows: {
      readModifyWrite: (count, perBatch = ROWS_PER_BATCH) => readModifyWrite(reference, count, perBatch),
      size: () => sizeOf(join(FOLDER, 'reference')),
    },
  }
}

function referenceKey(n: number): string {
  const row = n % (PERSONS * 3)
  return `rows/${idOf('row', String(row), Math.floor(row / 3)).id}`
}

let changed = 0

function readModifyWrite(store: StateStore, count: number, perBatch: number): void {
  const keys = Array.from({ length: count }, () => referenceKey((changed += 7_919)))
  for (let from = 0; from < count; from += perBatch)
    store.write({
      rows: keys.slice(from, from + perBatch).map((key) => {
        const value = Buffer.from(store.get(key)!)
        value[0] = (value[0]! + 1) & 0xff
        return { key, value }
      }),
      ends: new Map(),
      asOfMs: 0,
    })
}
