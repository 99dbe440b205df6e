import { describe, expect, test } from '@jest/globals'
import type { RedriveLog } from '@tributary/clickhouse-log'
import { buildWorkspace, canonicalJson, documentHash } from '@tributary/configuration'
import { REDRIVE_ORIGIN, type RejectedRecord, topics } from '@tributary/contracts'
import { Revision } from '@tributary/contracts/generated/tributary/config/v1/revision'
import { EventRecord, type Event } from '@tributary/contracts/generated/tributary/event/v1/event'
import { digest, type ReadingPorts } from '@tributary/sources'
import fc from 'fast-check'
import { MemoryDoor } from '../testing/memoryDoor.ts'
import { readRejects } from './readRejects.ts'
import { redrive, type Redriven } from './redrive.ts'

const documents = [
  { kind: 'Workspace', id: 'shop', schema: 'tributary/v1', timeZone: 'UTC' },
  { kind: 'Source', id: 'web', http: { keys: [{ kind: 'client', value: 'wk_web_1' }] } },
  { kind: 'Source', id: 'off', disabled: true, http: { keys: [{ kind: 'client', value: 'wk_off_1' }] } },
  {
    kind: 'Source',
    id: 'crm',
    kafka: { topic: 'crm', format: 'debezium', onDelete: 'erase' },
    map: { type: { const: 'identify' }, identifiers: { user_id: 'id' }, traits: { plan: 'plan' } },
  },
]
const workspace = buildWorkspace(
  Revision.fromPartial({
    revision: 1,
    documents: documents.map((each) => ({
      kind: each.kind,
      id: each.id,
      json: canonicalJson(each),
      hash: documentHash(each),
      managedBy: 'files',
    })),
  }),
)
const ports: ReadingPorts = {
  hashIdentifier: (type, _version, value) => digest([type, value]),
  phone: () => undefined,
  digest,
  epoch: 1,
  maxEventBytes: 262_144,
}

function reject(door: MemoryDoor, n: number, over: Partial<RejectedRecord> = {}): void {
  const record: RejectedRecord = {
    code: 'too_many_events',
    message: 'too many',
    source: 'web',
    receivedAt: new Date(1_767_225_600_000 + n).toISOString(),
    input: Buffer.from(`{"type":"track","event":"Bought","userId":"u${n % 3}","messageId":"m${n}"}`).toString(
      'base64',
    ),
    messageId: `m${n}`,
    origin: `http:r:${n}`,
    arrival: { as: 'event', trusted: false },
    ...over,
  }
  door.put(topics.rejected, n % 2, Buffer.from(JSON.stringify(record)))
}

async function eventsOf(door: MemoryDoor): Promise<Event[]> {
  const events: Event[] = []
  for (const [partition, { start, end }] of (await door.bounds(topics.events))!.entries())
    for await (const { value } of door.read(topics.events, partition, start, end)) {
      const inner = EventRecord.decode(value!).record
      if (inner?.$case === 'event') events.push(inner.value)
    }
  return events
}

/** The event log as it is: some way behind the topic. */
function logOf(door: MemoryDoor, holds: (offset: number) => boolean = () => true): RedriveLog {
  const stored = async () => {
    const found: { partition: number; offset: number; origin: string }[] = []
    for (const [partition, { start, end }] of (await door.bounds(topics.events))!.entries())
      for await (const { offset, value } of door.read(topics.events, partition, start, end)) {
        // In order, without a gap: what follows one it has not got, it has not got.
        if (!holds(offset)) break
        const inner = EventRecord.decode(value!).record
        if (inner?.$case === 'event') found.push({ partition, offset, origin: inner.value.origin })
      }
    return found
  }
  return {
    async accepted(origins) {
      const known = new Set((await stored()).map(({ origin }) => origin))
      return new Set(origins.filter((each) => known.has(each) || known.has(REDRIVE_ORIGIN + each)))
    },
    async reached() {
      const next = new Map<number, number>()
      for (const { partition, offset } of await stored()) next.set(partition, offset + 1)
      return next
    },
    repeated: () => Promise.resolve(new Set<string>()),
    identifier: () => Promise.resolve(undefined),
  }
}

async function run(door: MemoryDoor, send: boolean, log = logOf(door), stop = new AbortController()) {
  const all: Redriven[] = []
  const options = { door, log, workspace, ports, send, interrupted: stop.signal }
  for await (const lot of redrive(readRejects(door, {}), options)) all.push(...lot)
  return all.map(({ reject: { record }, outcome }) => `${record.origin} ${outcome}`).sort()
}

test('R1: what is sent has the message id, the time of receipt, the bytes and the mark of its reject', async () => {
  const door = new MemoryDoor()
  reject(door, 1)
  expect(await run(door, false)).toEqual(['http:r:1 send'])
  expect(await eventsOf(door)).toEqual([])
  expect(await run(door, true)).toEqual(['http:r:1 send'])
  expect(await eventsOf(door)).toMatchObject([
    {
      messageId: 'm1',
      messageIdGenerated: false,
      receivedTimeMs: 1_767_225_600_001,
      origin: 'redrive:http:r:1',
      trusted: false,
      anchor: digest(['user_id', 'u1']),
    },
  ])
})

test('a reject without a message id is the same event each time', async () => {
  const input = Buffer.from('{"type":"page","userId":"u1"}').toString('base64')
  const ids = await Promise.all(
    [1, 1, 2].map(async (n) => {
      const door = new MemoryDoor()
      const { messageId: _none, ...rest } = { input, origin: `http:r:${n}`, messageId: '' }
      reject(door, 1, rest)
      await run(door, true)
      return (await eventsOf(door))[0]!.messageId
    }),
  )
  expect(ids[0]).toBe(ids[1])
  expect(ids[0]).not.toBe(ids[2])
})

test('R2, R3: stopped wherever, with a log however far behind, and started again: each is sent once', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.integer({ min: 1, max: 450 }),
      fc.array(fc.record({ lots: fc.nat(3), behind: fc.nat(300) }), { maxLength: 4 }),
      async (count, runs) => {
        const door = new MemoryDoor()
        for (let n = 0; n < count; n++) reject(door, n)
        for (const { lots, behind } of runs) {
          const log = logOf(door, (offset) => offset < behind)
          const options = {
            door,
            log,
            workspace,
            ports,
            send: true,
            interrupted: new AbortController().signal,
          }
          let left = lots
          // As a process that is killed: what was sent is sent, what it said is lost.
          if (left > 0)
            for await (const lot of redrive(readRejects(door, {}), options))
              if (lot.length > 0 && --left <= 0) break
        }
        await run(
          door,
          true,
          logOf(door, (offset) => offset < 100),
        )
        const origins = (await eventsOf(door)).map(({ origin }) => origin)
        expect(origins.length).toBe(count)
        expect(new Set(origins).size).toBe(count)
        expect(new Set(await run(door, true))).toEqual(
          new Set(Array.from({ length: count }, (_, n) => `http:r:${n} before`)),
        )
      },
    ),
    { numRuns: 15 },
  )
})

describe('what is not sent', () => {
  test('a reject that stands there twice is sent once', async () => {
    const door = new MemoryDoor()
    reject(door, 1)
    reject(door, 1)
    expect(await run(door, true)).toEqual(['http:r:1 before', 'http:r:1 send'])
  })

  test('a record of a Kafka source that was read again and accepted is there already', async () => {
    const door = new MemoryDoor()
    reject(door, 1)
    const log = {
      ...logOf(door),
      accepted: (origins: readonly string[]) => Promise.resolve(new Set(origins)),
    }
    expect(await run(door, true, log)).toEqual(['http:r:1 before'])
  })

  test('what is refused still, what its source is disabled for, and what would erase', async () => {
    const door = new MemoryDoor()
    reject(door, 1, { input: Buffer.from('{"type":"track"}').toString('base64') })
    reject(door, 2, { source: 'off' })
    const row = { op: 'd', before: { id: 'u1' }, after: null, source: { table: 't' } }
    reject(door, 3, {
      source: 'crm',
      code: 'change_left_out',
      input: Buffer.from(JSON.stringify(row)).toString('base64'),
      origin: 'kafka:crm:0:3',
      position: { topic: 'crm', partition: 0, offset: 3 },
      arrival: { as: 'record', trusted: true, key: Buffer.from('{"id":"u1"}').toString('base64') },
    })
    expect(await run(door, true)).toEqual(['http:r:1 refused', 'http:r:2 cannot', 'kafka:crm:0:3 cannot'])
    expect(await eventsOf(door)).toEqual([])
  })

  test('after an interruption the lot that was being sent is the last', async () => {
    const door = new MemoryDoor()
    for (let n = 0; n < 450; n++) reject(door, n)
    const stop = new AbortController()
    door.beforeAppend = () => stop.abort()
    expect((await run(door, true, logOf(door), stop)).length).toBe(200)
    expect((await eventsOf(door)).length).toBe(200)
  })
})
