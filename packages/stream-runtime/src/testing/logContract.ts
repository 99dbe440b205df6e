/** The promises of a log, for every implementation: ports/log.ts. */
import { type TopicSpec, topics } from '@tributary/contracts'
import type { InputStream, LogRecord, ReadRecord, RuntimeLog, TransactionalSession } from '../ports/log.ts'
import { RuntimeFault } from '../runtimeFault.ts'

export interface LogUnderTest {
  readonly log: RuntimeLog
  /** Unique to this run: group names and transactional ids begin with it. */
  readonly name: string
  /** Plain records, as a producer outside transactions writes them. */
  readonly append: (topic: TopicSpec, partition: number, keys: readonly string[]) => Promise<void>
  /** Drops what lies below an offset. */
  readonly expire: (topic: TopicSpec, partition: number, before: number) => Promise<void>
}

export interface LogContractCase {
  /** The promise. */
  readonly name: string
  /**
   * Throws when it is broken. Each case has a partition of its own (0 to 7) of the topics events and skipped; a log
   * has 8 partitions of each.
   */
  readonly run: (subject: LogUnderTest) => Promise<void>
}

export const LOG_CONTRACT_PARTITIONS = 8

/** A broker, a rebalance or a marker may take so long, ms. */
const PATIENCE_MS = 20_000

const OUT = topics.skipped
const IN = topics.events

export const logContract: readonly LogContractCase[] = [
  {
    name: 'a transaction is seen whole once it is committed, and not at all before',
    async run({ log, name }) {
      const session = await log.openSession(`${name}-whole`)
      await session.send([record(0, 'a'), record(0, 'b')])
      equal(await visible(log, 0), [])
      await session.send([record(0, 'c')])
      await session.commit()
      await eventually(async () => equal(await visible(log, 0), ['a', 'b', 'c']))
      await session.discard()
    },
  },
  {
    name: 'what was sent lies where the answer says',
    async run({ log, name }) {
      const session = await log.openSession(`${name}-where`)
      await session.send([record(1, 'first')])
      await session.commit()
      const [sent] = await session.send([record(1, 'a'), record(1, 'b')])
      await session.commit()
      await eventually(async () => {
        const records = await all(log, OUT, 1)
        const last = records.find(({ offset }) => offset === sent!.lastOffset)
        equal(last?.key?.toString(), 'b')
      })
      await session.discard()
    },
  },
  {
    name: 'a new session of the same id aborts what the last one left open, and refuses all its later writes',
    async run({ log, name }) {
      const old = await log.openSession(`${name}-fence`)
      await old.send([record(2, 'left open')])
      const fresh = await log.openSession(`${name}-fence`)
      await fenced(() => old.send([record(2, 'late')]))
      await fresh.send([record(2, 'mine')])
      await fresh.commit()
      await eventually(async () => equal(await visible(log, 2), ['mine']))
      await Promise.all([old.discard(), fresh.discard()])
    },
  },
  {
    name: 'a fenced session cannot commit what it had sent',
    async run({ log, name }) {
      const old = await log.openSession(`${name}-fenced-commit`)
      await old.send([record(3, 'stalled')])
      const fresh = await log.openSession(`${name}-fenced-commit`)
      await fenced(() => old.commit())
      await fresh.send([record(3, 'mine')])
      await fresh.commit()
      await eventually(async () => equal(await visible(log, 3), ['mine']))
      await Promise.all([old.discard(), fresh.discard()])
    },
  },
  {
    name: 'transactions of one session follow each other at once, their records in order',
    async run({ log, name }) {
      const session = await log.openSession(`${name}-order`)
      const wanted: string[] = []
      for (let i = 0; i < 30; i++) {
        wanted.push(`r${i}`)
        await session.send([record(4, `r${i}`)])
        await session.commit()
      }
      await eventually(async () => equal(await visible(log, 4), wanted))
      await session.discard()
    },
  },
  {
    name: 'a reader reaches the end although the last things in the log are markers and aborted records',
    async run({ log, name }) {
      const session = await log.openSession(`${name}-end`)
      await session.send([record(5, 'a')])
      await session.commit()
      await session.send([record(5, 'given up')])
      await (await log.openSession(`${name}-end`)).discard()
      await eventually(async () => {
        const { end } = await log.bounds(OUT, 5)
        const read = await all(log, OUT, 5)
        equal(
          read.map(({ key }) => key?.toString()),
          ['a'],
        )
        // A record, its marker, the aborted record and its marker.
        equal(end, 4)
      })
      await session.discard()
    },
  },
  {
    name: 'inputs begin at their positions, come in order and within the limits, and say where the end is',
    async run({ log, append }) {
      const keys = Array.from({ length: 50 }, (_, i) => `k${i}`)
      await append(IN, 6, keys)
      const inputs = log.openInputs([{ topic: IN, partition: 6, offset: 10 }])
      const got = await take(inputs, 40, 7)
      equal(
        got.map(({ key }) => key?.toString()),
        keys.slice(10),
      )
      equal([inputs.endOf(IN), inputs.take({ records: 7, bytes: 1_000 }).length], [50, 0])
      await append(IN, 6, ['later'])
      equal((await take(inputs, 1, 7))[0]!.offset, 50)
      inputs.close()
    },
  },
  {
    name: 'two readers of one partition each get every record behind their own position',
    async run({ log, append }) {
      const keys = Array.from({ length: 30 }, (_, i) => `k${i}`)
      for (let i = 0; i < 30; i += 5) await append(IN, 0, keys.slice(i, i + 5))
      const readers = [0, 12, 25].map((offset) => ({
        offset,
        inputs: log.openInputs([{ topic: IN, partition: 0, offset }]),
      }))
      await append(IN, 0, ['later'])
      for (const { offset, inputs } of readers) {
        const got = await take(inputs, 31 - offset, 4)
        equal(
          got.map(({ key }) => key?.toString()),
          [...keys.slice(offset), 'later'],
        )
        inputs.close()
      }
    },
  },
  {
    name: 'inputs that stand before the start of their log fail and say so',
    async run({ log, append, expire }) {
      await append(IN, 7, ['a', 'b', 'c'])
      await expire(IN, 7, 2)
      equal((await log.bounds(IN, 7)).start, 2)
      const inputs = log.openInputs([{ topic: IN, partition: 7, offset: 0 }])
      await eventually(() => fault(() => inputs.check(), 'position-before-log-start'))
      inputs.close()
    },
  },
  {
    name: 'a group gives each partition to one member, all of them to the last one',
    async run({ log, name }) {
      const owned = { a: [] as readonly number[], b: [] as readonly number[] }
      const join = (nodeId: 'a' | 'b') =>
        log.join({
          group: `${name}-group`,
          topics: [IN],
          nodeId,
          onAssigned: (partitions) => void (owned[nodeId] = partitions),
          onFatal: (error) => {
            throw error
          },
        })
      const everything = Array.from({ length: LOG_CONTRACT_PARTITIONS }, (_, i) => i)
      const a = await join('a')
      await eventually(() => equal([...owned.a].sort(ascending), everything))
      const b = await join('b')
      await eventually(() => {
        equal([...owned.a, ...owned.b].sort(ascending), everything)
        equal([owned.a.length, owned.b.length], [4, 4])
      })
      equal(a.confirmedAtMs() > -Infinity, true)
      await a.leave()
      await eventually(() => equal([...owned.b].sort(ascending), everything))
      await b.leave()
    },
  },
]

function record(partition: number, key: string): LogRecord {
  return { topic: OUT, partition, key, value: Buffer.from('v') }
}

function ascending(a: number, b: number): number {
  return a - b
}

async function all(log: RuntimeLog, topic: TopicSpec, partition: number): Promise<ReadRecord[]> {
  const { start, end } = await log.bounds(topic, partition)
  const records: ReadRecord[] = []
  // An open transaction holds readers back: ask for what is there now, and give up soon.
  const reading = log.read(topic, partition, start, end)[Symbol.asyncIterator]()
  for (;;) {
    const next = await Promise.race([reading.next(), pause(500)])
    if (next === undefined || next.done) break
    records.push(...next.value.records)
  }
  void reading.return?.()
  return records
}

async function visible(log: RuntimeLog, partition: number): Promise<(string | undefined)[]> {
  return (await all(log, OUT, partition)).map(({ key }) => key?.toString())
}

async function take(inputs: InputStream, count: number, atOnce: number): Promise<ReadRecord[]> {
  const records: ReadRecord[] = []
  await eventually(() => {
    for (const taken of inputs.take({ records: atOnce, bytes: 1 << 20 })) {
      if (taken.records.length > atOnce) throw new Error('more records than asked for')
      records.push(...taken.records)
    }
    if (records.length < count) throw new Error(`${records.length} of ${count} records`)
  })
  return records
}

async function fenced(write: () => ReturnType<TransactionalSession['send']> | Promise<void>): Promise<void> {
  try {
    await write()
  } catch (error) {
    if (error instanceof RuntimeFault && error.code === 'fenced') return
    throw error
  }
  throw new Error('the write of a fenced session was accepted')
}

function fault(run: () => void, code: string): void {
  try {
    run()
  } catch (error) {
    if (error instanceof RuntimeFault && error.code === code) return
    throw error
  }
  throw new Error(`no fault ${code}`)
}

function equal(found: unknown, wanted: unknown): void {
  const [a, b] = [JSON.stringify(found), JSON.stringify(wanted)]
  if (a !== b) throw new Error(`found ${a}, wanted ${b}`)
}

async function eventually(check: () => void | Promise<void>): Promise<void> {
  const deadline = Date.now() + PATIENCE_MS
  for (;;) {
    try {
      await check()
      return
    } catch (error) {
      if (Date.now() > deadline) throw error
    }
    await pause(20)
  }
}

function pause(ms: number): Promise<undefined> {
  return new Promise((resolve) => {
    setTimeout(() => resolve(undefined), ms).unref()
  })
}
