/**
 * What identity costs: events that bring new evidence and events that do not, the ceiling of the one writer, a merge,
 * and space. Times are the processor's, not the clock's: the store is on one thread, and a shared machine has others.
 */
import { topics } from '@tributary/contracts'
import type { Bar } from '../bar.ts'
import {
  KNOWN_IDENTIFIERS,
  PERSONS,
  ROW_BYTES,
  type KnownWorld,
  device,
  eventWith,
  evidenceOf,
  knownEvent,
  knownWorld,
  unknownEmail,
  user,
} from '../identityLoad.ts'

/** One run: a second or two. */
const EVENTS_PER_RUN = 20_000
const EVIDENCE_PER_RUN = 5_000
/** So many, that the worst hundredth is twenty of them. */
const MERGES_PER_RUN = 2_000

let made = 0

/** Persons of events, far from each other. */
function somebody(): number {
  return (++made * 7_919) % PERSONS
}

/** With a device that nobody has seen. */
function newEvent(person: number): Uint8Array {
  return eventWith(user(person), device(`new-${made}`))
}

/** Microseconds of the processor that something takes. */
function cpuMicros(run: () => void): number {
  const before = process.cpuUsage()
  run()
  const { user: own, system } = process.cpuUsage(before)
  return own + system
}

/** Events of known persons, so many of a hundred with new evidence, evenly spread; CPU µs each. */
function eventMicros({ extractor, resolver }: KnownWorld, newOfHundred: number): number {
  const events = Array.from({ length: EVENTS_PER_RUN }, (_, n) => {
    const isNew = (n * newOfHundred) % 100 < newOfHundred
    return isNew ? newEvent(somebody()) : knownEvent(somebody(), n)
  })
  const all = cpuMicros(() => resolver.feed(evidenceOf(extractor.feed(topics.events, events))))
  return all / EVENTS_PER_RUN
}

const eventBar = (newOfHundred: number, goal: number, reason: string): Bar => ({
  name: `identity-${newOfHundred}-percent-new`,
  about: `Events per second of CPU through extractor and resolver with ${KNOWN_IDENTIFIERS} identifiers known, ${newOfHundred} % of them with new evidence, beside reading, changing and writing one row of LMDB per event. ${reason}`,
  unit: 'events/s',
  better: 'higher',
  goal,
  async prepare() {
    const world = await knownWorld()
    return {
      ours: () => 1e6 / eventMicros(world, newOfHundred),
      reference: () => 1e6 / (cpuMicros(() => world.rows.readModifyWrite(EVENTS_PER_RUN)) / EVENTS_PER_RUN),
    }
  },
})

/** Milliseconds of the worst of a hundred, by the clock: somebody waits for it. */
function worstOfHundredMs(count: number, run: (n: number) => void): number {
  const times = Array.from({ length: count }, (_, n) => {
    const started = process.hrtime.bigint()
    run(n)
    return Number(process.hrtime.bigint() - started) / 1e6
  })
  return times.toSorted((a, b) => a - b)[Math.floor(count * 0.99)]!
}

export const bars: Bar[] = [
  eventBar(1, 0.5, 'An event without new evidence costs a hash and a read.'),
  eventBar(5, 0.4, ''),
  // Twice the cost at one per cent.
  eventBar(20, 0.25, ''),
  {
    name: 'identity-20-to-1',
    about: `CPU per event with ${KNOWN_IDENTIFIERS} identifiers known: 20 % of the events with new evidence, beside 1 %.`,
    unit: 'µs',
    better: 'lower',
    goal: 2,
    async prepare() {
      const world = await knownWorld()
      return { ours: () => eventMicros(world, 20), reference: () => eventMicros(world, 1) }
    },
  },
  {
    name: 'identity-ceiling',
    about:
      'The ceiling of the one writer: new evidence resolved per second of CPU, each with a device that nobody has seen, beside rows of LMDB read, changed and written.',
    unit: 'evidence/s',
    better: 'higher',
    // Nine rows are written for it: evidence, two of its index, identifier, two members, cluster, and what is sent.
    goal: 0.1,
    async prepare() {
      const { extractor, resolver, rows } = await knownWorld()
      return {
        ours() {
          const events = Array.from({ length: EVIDENCE_PER_RUN }, () => newEvent(somebody()))
          const evidence = evidenceOf(extractor.feed(topics.events, events))
          return 1e6 / (cpuMicros(() => resolver.feed(evidence)) / evidence.length)
        },
        reference: () => 1e6 / (cpuMicros(() => rows.readModifyWrite(EVIDENCE_PER_RUN)) / EVIDENCE_PER_RUN),
      }
    },
  },
  {
    name: 'identity-merge-p99',
    about:
      'The worst of a hundred merges: a profile of two identifiers comes into one of three or more, alone in its batch, until it is stored; beside one row of LMDB read, changed and written alone.',
    unit: 'ms',
    better: 'lower',
    // Eleven rows are written for it; what a transaction costs is the same on both sides.
    goal: 6,
    async prepare() {
      const { resolver, extractor, rows } = await knownWorld()
      return {
        ours() {
          const names = Array.from({ length: MERGES_PER_RUN }, () => `merge-${somebody()}-${made}`)
          const two = names.map((name) => eventWith(unknownEmail(name), device(name)))
          resolver.feed(evidenceOf(extractor.feed(topics.events, two)))
          const merges = evidenceOf(
            extractor.feed(
              topics.events,
              names.map((name) => eventWith(user(somebody()), device(name))),
            ),
          )
          return worstOfHundredMs(MERGES_PER_RUN, (n) => resolver.feed([merges[n]!]))
        },
        reference: () => worstOfHundredMs(MERGES_PER_RUN, () => rows.readModifyWrite(1)),
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
      const { resolver, rows } = await knownWorld()
      let identifiers = 0
      for (const [id] of resolver.rows().identifiers.range('', '~')) if (id) identifiers++
      return {
        ours: async () => (await resolver.size()) / identifiers,
        reference: async () => (await rows.size()) / KNOWN_IDENTIFIERS,
      }
    },
  },
]
