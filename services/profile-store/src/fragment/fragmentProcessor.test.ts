import { describe, expect, test } from '@jest/globals'
import { topics, textDigest } from '@tributary/contracts'
import { ControlStep, JobRecord } from '@tributary/contracts/generated/tributary/job/v1/control'
import { type Event, EventRecord } from '@tributary/contracts/generated/tributary/event/v1/event'
import { SkipReason, Skipped } from '@tributary/contracts/generated/tributary/event/v1/skipped'
import { Assignment, ChangeKind } from '@tributary/contracts/generated/tributary/identity/v1/assignment'
import { type Part, PartRecord } from '@tributary/contracts/generated/tributary/profile/v1/part'
import { type OutputRecord } from '@tributary/stream-runtime'
import { type ProcessorDriver, createProcessorDriver } from '@tributary/stream-runtime/testing'
import { assignmentOf, eventOf, home, identifierId } from '../testing/shopPeople.ts'
import { NO_TOTALS, erasureFactId } from '@tributary/domain'
import { fillRecord } from '../job/fills.ts'
import { seenTable } from './deduplication.ts'
import { fragmentRows } from './fragmentRows.ts'
import { fragmentTopology } from './fragmentTopology.ts'

const DAY_MS = 86_400_000

const create = () => createProcessorDriver(fragmentTopology({ opened() {}, computed() {} }))

function take(driver: ProcessorDriver, event: Event, appendedMs = 0): void {
  driver.record(topics.events, {
    key: event.anchor,
    value: EventRecord.encode({ record: { $case: 'event', value: event } }).finish(),
    timestampMs: appendedMs,
  })
}

function assign(driver: ProcessorDriver, name: string, to: string): void {
  const assignment = assignmentOf(name, to)
  driver.record(topics.assignments, {
    key: assignment.identifierId,
    value: Assignment.encode(assignment).finish(),
  })
}

function skips(records: readonly OutputRecord[]): string[] {
  return records
    .filter(({ topic }) => topic.name === topics.skipped.name)
    .map(({ value }) => Skipped.decode(value!))
    .map(({ reason, offset }) => `${reason} at ${offset}`)
}

/** "put m1,m2 to <profile>", readable. */
function parts(records: readonly OutputRecord[]): string[] {
  return records
    .filter(({ topic }) => topic.name === topics.profileParts.name)
    .map(({ value }) => PartRecord.decode(value!).record!.value as Part)
    .map(({ action, profileId, causes }) => {
      const to = action?.$case === 'put' ? '' : ` → ${action?.value.to ?? ''}`
      const what = action?.$case === 'put' && !action.value.fragment ? 'identity' : action?.$case
      return [what, ...causes.map((each) => each.messageId), `at ${profileId}${to}`].join(' ')
    })
}

describe('deduplication', () => {
  const event = eventOf({ messageId: 'm1', identifiers: ['u1'], payload: { properties: { total: 1 } } })

  test('the first of two copies counts, the second is skipped with its place', () => {
    const driver = create()
    take(driver, event)
    take(driver, { ...event, raw: Buffer.from('{"sentAt":"later","properties":{"total":1}}') })
    const sent = driver.endBatch()
    expect(parts(sent)).toEqual([`put m1 at ${home('u1')}`])
    expect(skips(sent)).toEqual([`${SkipReason.SKIP_REASON_DUPLICATE} at 1`])
  })

  test('the same id with other content is a conflict', () => {
    const driver = create()
    take(driver, event)
    take(driver, { ...event, raw: Buffer.from('{"properties":{"total":2}}') })
    expect(skips(driver.endBatch())).toEqual([`${SkipReason.SKIP_REASON_CONFLICT} at 1`])
  })

  test.each<[string, Partial<Event>]>([
    ['source', { sourceId: 'crm' }],
    ['message id', { messageId: 'm2' }],
    ['anchor', { ...eventOf({ messageId: 'm1', identifiers: ['u2'] }) }],
  ])('another %s is another message', (_, other) => {
    const driver = create()
    take(driver, event)
    take(driver, { ...event, ...other })
    expect(skips(driver.endBatch())).toEqual([])
  })

  test('is remembered for seven days by the append time of the broker, also after a restart', () => {
    const driver = create()
    take(driver, event, 0)
    driver.endBatch()
    driver.restart()
    take(driver, event, 7 * DAY_MS + DAY_MS - 1)
    expect(skips(driver.endBatch())).toHaveLength(1)
    take(driver, eventOf({ messageId: 'm2', identifiers: ['u1'] }), 8 * DAY_MS)
    take(driver, event, 8 * DAY_MS)
    expect(skips(driver.endBatch())).toEqual([])
  })

  test('a day that is over is forgotten, so what is remembered is bounded', () => {
    const driver = create()
    take(driver, event, 0)
    driver.endBatch()
    take(driver, eventOf({ messageId: 'm2', identifiers: ['u1'] }), 8 * DAY_MS)
    driver.endBatch()
    expect([...driver.table(seenTable).range('', '~')]).toHaveLength(1)
  })

  test('a clock of the broker that goes back changes nothing', () => {
    const driver = create()
    take(driver, event, 5 * DAY_MS)
    take(driver, event, 1 * DAY_MS)
    expect(skips(driver.endBatch())).toHaveLength(1)
  })
})

test('an event without identifier is skipped and makes no profile', () => {
  const driver = create()
  take(driver, eventOf({ messageId: 'm1', identifiers: [] }))
  const sent = driver.endBatch()
  expect(skips(sent)).toEqual([`${SkipReason.SKIP_REASON_NO_IDENTIFIER} at 0`])
  expect(parts(sent)).toEqual([])
})

test('a payload that is no JSON counts as an event that says nothing', () => {
  const driver = create()
  take(driver, { ...eventOf({ messageId: 'm1', identifiers: ['u1'] }), raw: Buffer.from('{"a":') })
  expect(parts(driver.endBatch())).toEqual([`put m1 at ${home('u1')}`])
})

describe('what an assignment sends', () => {
  const visit = (messageId: string) => eventOf({ messageId, identifiers: ['a1'] })

  test('to an identifier that nobody was told of: an identity-only part, nothing else', () => {
    const driver = create()
    assign(driver, 'e1', home('u1'))
    expect(parts(driver.endBatch())).toEqual([`identity at ${home('u1')}`])
  })

  test('away from its own profile: removed there, put where it belongs now', () => {
    const driver = create()
    take(driver, visit('m1'))
    driver.endBatch()
    assign(driver, 'a1', home('u1'))
    expect(parts(driver.endBatch())).toEqual([
      `removed at ${home('a1')} → ${home('u1')}`,
      `put at ${home('u1')}`,
    ])
  })

  test('on to a third profile: its own profile is told where it moved', () => {
    const driver = create()
    take(driver, visit('m1'))
    assign(driver, 'a1', home('u1'))
    driver.endBatch()
    assign(driver, 'a1', home('u2'))
    expect(parts(driver.endBatch())).toEqual([
      `removed at ${home('u1')} → ${home('u2')}`,
      `put at ${home('u2')}`,
      `moved at ${home('a1')} → ${home('u2')}`,
    ])
  })

  test('back to its own profile', () => {
    const driver = create()
    take(driver, visit('m1'))
    assign(driver, 'a1', home('u1'))
    driver.endBatch()
    assign(driver, 'a1', home('a1'))
    expect(parts(driver.endBatch())).toEqual([
      `removed at ${home('u1')} → ${home('a1')}`,
      `put at ${home('a1')}`,
    ])
  })

  test('there and back within one batch: the snapshot once, to where it is', () => {
    const driver = create()
    take(driver, visit('m1'))
    driver.endBatch()
    assign(driver, 'a1', home('u1'))
    take(driver, visit('m2'))
    assign(driver, 'a1', home('a1'))
    expect(parts(driver.endBatch())).toEqual([`put m2 at ${home('a1')}`])
  })

  test('that changes nothing: nothing', () => {
    const driver = create()
    take(driver, visit('m1'))
    driver.endBatch()
    assign(driver, 'a1', home('a1'))
    expect(driver.endBatch()).toEqual([])
  })

  test('of a new generation: erased everywhere it was shown, and the state is gone', () => {
    const driver = create()
    take(driver, visit('m1'))
    assign(driver, 'a1', home('u1'))
    driver.endBatch()
    const assignment = { ...assignmentOf('a1', `${identifierId('a1')}-1`), generation: 1 }
    driver.record(topics.assignments, { value: Assignment.encode(assignment).finish() })
    expect(parts(driver.endBatch())).toEqual([`removed at ${home('u1')} → `, `removed at ${home('a1')} → `])
    take(driver, visit('m2'))
    expect(parts(driver.endBatch())).toEqual([`put m2 at ${identifierId('a1')}-1`])
  })
})

describe('a deleted row', () => {
  const visit = (messageId: string, more: Partial<Event> = {}) => ({
    ...eventOf({ messageId, identifiers: ['u1'] }),
    ...more,
  })
  const deletion = (messageId: string, receivedTimeMs: number) =>
    visit(messageId, { erases: true, sourceId: 'crm', receivedTimeMs })
  const factOf = (messageId: string) =>
    erasureFactId({ sourceId: 'crm', messageId }, identifierId('u1'), textDigest)
  const erase = (driver: ProcessorDriver, generation: number, cause: string, erasedUntilMs: number) =>
    driver.record(topics.assignments, {
      value: Assignment.encode({
        ...assignmentOf('u1', `${identifierId('u1')}-${generation}`),
        generation,
        erasedUntilMs,
        change: { id: 'x', kind: ChangeKind.CHANGE_KIND_ERASE, from: home('u1'), into: '', cause },
      }).finish(),
    })
  const eventsOf = (driver: ProcessorDriver) =>
    driver.table(fragmentRows).get(identifierId('u1'))?.fragment?.events

  test('is skipped as erased; the fragment goes when the erasure has come round, and is counted', () => {
    const driver = create()
    take(driver, visit('m1', { receivedTimeMs: 1_000 }))
    take(driver, deletion('d1', 2_000))
    const before = driver.endBatch()
    expect(skips(before)).toEqual([`${SkipReason.SKIP_REASON_ERASED} at 1`])
    expect(parts(before)).toEqual([`put m1 at ${home('u1')}`])
    erase(driver, 1, factOf('d1'), 1_999)
    const sent = driver.endBatch()
    expect(parts(sent)).toEqual([`removed at ${home('u1')} → `])
    expect(PartRecord.decode(sent[0]!.value!).record).toMatchObject({
      value: { action: { value: { events: 1 } } },
    })
    expect(eventsOf(driver)).toBeUndefined()
  })

  test('and inserted again at once: what came after it stays, under the new name', () => {
    const driver = create()
    take(driver, visit('m1', { receivedTimeMs: 1_000 }))
    take(driver, deletion('d1', 2_000))
    take(driver, visit('m2', { receivedTimeMs: 2_000 }))
    driver.endBatch()
    driver.restart()
    take(driver, visit('m3', { receivedTimeMs: 2_001 }))
    erase(driver, 1, factOf('d1'), 1_999)
    const sent = driver.endBatch()
    expect(parts(sent)).toEqual([`removed at ${home('u1')} → `, `put at ${identifierId('u1')}-1`])
    expect(PartRecord.decode(sent[0]!.value!).record).toMatchObject({
      value: { action: { value: { events: 1 } } },
    })
    expect(eventsOf(driver)).toBe(2)
  })

  test('deleted, inserted, deleted and inserted: the last row stays', () => {
    const driver = create()
    for (const [i, each] of ['d1', 'm1', 'd2', 'm2'].entries())
      take(driver, each.startsWith('d') ? deletion(each, i) : visit(each, { receivedTimeMs: i }))
    erase(driver, 1, factOf('d1'), -1)
    driver.endBatch()
    erase(driver, 2, factOf('d2'), 1)
    driver.endBatch()
    expect(eventsOf(driver)).toBe(1)
  })

  test('an operator’s erasure meanwhile takes what came since with it', () => {
    const driver = create()
    take(driver, deletion('d1', 2_000))
    take(driver, visit('m2', { receivedTimeMs: 2_001 }))
    erase(driver, 1, 'operator', 3_000)
    erase(driver, 2, factOf('d1'), 3_000)
    driver.endBatch()
    expect(eventsOf(driver)).toBeUndefined()
  })

  test('what was received before it is skipped as erased, whenever it comes', () => {
    const driver = create()
    erase(driver, 1, factOf('d1'), 1_999)
    driver.endBatch()
    take(driver, visit('m1', { receivedTimeMs: 1_999 }))
    take(driver, deletion('d1', 1_999))
    take(driver, visit('m2', { receivedTimeMs: 2_000 }))
    const sent = driver.endBatch()
    expect(skips(sent)).toEqual([0, 1].map((i) => `${SkipReason.SKIP_REASON_ERASED} at ${i}`))
    expect(parts(sent)).toEqual([`put m2 at ${identifierId('u1')}-1`])
  })

  describe('in a new layout epoch, which is told of erasures before it is sent copies', () => {
    const tell = (driver: ProcessorDriver, untilMs: number, generation = 1) => {
      const definition = JSON.stringify([{ id: identifierId('u1'), type: 'user_id', generation, untilMs }])
      const control = {
        job: 0,
        document: 'rebuild/2',
        hash: '',
        configOffset: 0,
        step: ControlStep.CONTROL_STEP_ERASED,
        partitions: 3,
        definition,
      }
      const value = EventRecord.encode({ record: { $case: 'control', value: control } }).finish()
      driver.record(topics.events, { value })
    }
    const copy = (event: Event): Event => ({
      ...event,
      copyOf: { topic: topics.events.name, partition: 0, offset: 0 },
    })

    test('what came to it since stays, the copies of what was erased are skipped, and nothing is awaited', () => {
      const driver = create()
      take(driver, visit('live', { receivedTimeMs: 9_000 }))
      driver.endBatch()
      tell(driver, 1_999)
      expect(parts(driver.endBatch())).toEqual([
        `removed at ${home('u1')} → ${identifierId('u1')}-1`,
        `put at ${identifierId('u1')}-1`,
      ])
      erase(driver, 1, factOf('d1'), 1_999)
      expect(driver.endBatch()).toEqual([])
      take(driver, copy(visit('m1', { receivedTimeMs: 1_000 })))
      take(driver, copy(deletion('d1', 2_000)))
      take(driver, copy(visit('m2', { receivedTimeMs: 2_001 })))
      expect(skips(driver.endBatch())).toEqual([2, 3].map((i) => `${SkipReason.SKIP_REASON_ERASED} at ${i}`))
      expect(eventsOf(driver)).toBe(2)
      expect(driver.table(fragmentRows).get(identifierId('u1'))?.afresh).toBeUndefined()
    })

    test('told again it changes nothing, and an erasure that is told after copies is one', () => {
      const driver = create()
      tell(driver, 1_999)
      take(driver, copy(visit('m1', { receivedTimeMs: 2_500 })))
      tell(driver, 1_999)
      tell(driver, 3_000, 2)
      driver.endBatch()
      driver.restart()
      expect(eventsOf(driver)).toBe(1)
      erase(driver, 2, 'operator', 3_000)
      driver.endBatch()
      expect(eventsOf(driver)).toBeUndefined()
    })
  })

  test('read twice is a duplicate the second time, and forgets nothing more', () => {
    const driver = create()
    take(driver, deletion('d1', 2_000))
    take(driver, visit('m2', { receivedTimeMs: 2_000 }))
    take(driver, deletion('d1', 2_000))
    expect(skips(driver.endBatch())).toEqual([
      `${SkipReason.SKIP_REASON_ERASED} at 0`,
      `${SkipReason.SKIP_REASON_DUPLICATE} at 2`,
    ])
    erase(driver, 1, factOf('d1'), 1_999)
    driver.endBatch()
    expect(eventsOf(driver)).toBe(1)
  })
})

test('a part names the events that caused it, at most twenty', () => {
  const driver = create()
  for (let i = 0; i < 30; i++) take(driver, eventOf({ messageId: `m${i}`, identifiers: ['u1'] }))
  const [part] = driver.endBatch()
  expect((PartRecord.decode(part!.value!).record!.value as Part).causes).toHaveLength(20)
})

describe('control records', () => {
  const control = {
    job: 3,
    document: 'trait/orders',
    hash: 'h1',
    configOffset: 3,
    step: ControlStep.CONTROL_STEP_ADOPT,
    partitions: 4,
    definition: JSON.stringify({ kind: 'Trait', id: 'orders', count: { event: 'Order Completed' } }),
  }
  const say = (driver: ProcessorDriver, change: Partial<typeof control> | object = {}) =>
    driver.record(topics.events, {
      value: EventRecord.encode({ record: { $case: 'control', value: { ...control, ...change } } }).finish(),
    })
  const order = (messageId: string) => eventOf({ messageId, identifiers: ['u1'], name: 'Order Completed' })
  const aggregates = (records: readonly OutputRecord[]) => {
    const part = records.find(({ topic }) => topic.name === topics.profileParts.name)!
    const { action } = PartRecord.decode(part.value!).record!.value as Part
    return action?.$case === 'put'
      ? action.value.fragment!.aggregates.map(({ job, count }) => ({ job, count }))
      : []
  }

  test('are answered in the batch that follows them, as often as they come', () => {
    const driver = create()
    say(driver)
    say(driver)
    const answers = driver.endBatch().map(({ value }) => JobRecord.decode(value!).record)
    expect(answers).toMatchObject([
      {
        $case: 'answered',
        value: { job: 3, document: 'trait/orders', offset: 0, topic: topics.events.name },
      },
      { value: { offset: 1 } },
    ])
  })

  test('begin an aggregate where they stand, and it outlives a restart', () => {
    const driver = create()
    take(driver, order('m1'))
    say(driver)
    take(driver, order('m2'))
    driver.endBatch()
    driver.restart()
    take(driver, order('m3'))
    expect(aggregates(driver.endBatch())).toEqual([{ job: 3, count: 2 }])
  })

  test('of a lower job never undo a higher one', () => {
    const driver = create()
    say(driver)
    say(driver, { job: 2, step: ControlStep.CONTROL_STEP_RETIRE })
    take(driver, order('m1'))
    expect(aggregates(driver.endBatch())).toEqual([{ job: 3, count: 1 }])
  })
})

describe('a fill', () => {
  const adopt = (driver: ProcessorDriver, job: number, step: ControlStep = ControlStep.CONTROL_STEP_ADOPT) =>
    driver.record(topics.events, {
      value: EventRecord.encode({
        record: {
          $case: 'control',
          value: {
            job,
            document: 'trait/orders',
            hash: 'h1',
            configOffset: job,
            step,
            partitions: 4,
            definition: JSON.stringify({ kind: 'Trait', id: 'orders', count: { event: 'Order Completed' } }),
          },
        },
      }).finish(),
    })
  const order = (messageId: string) => eventOf({ messageId, identifiers: ['u1'], name: 'Order Completed' })
  const fill = (driver: ProcessorDriver, job: number, count: number, name = 'u1') => {
    const fillOf = {
      anchor: identifierId(name),
      aggregates: [
        {
          ...NO_TOTALS,
          document: 'trait/orders',
          hash: 'h1',
          job,
          count,
          units: [],
          values: [],
          filled: false,
        },
      ],
    }
    driver.record(topics.events, { value: fillRecord(job, fillOf) })
  }
  const counted = (driver: ProcessorDriver) =>
    driver
      .table(fragmentRows)
      .get(identifierId('u1'))
      ?.fragment?.aggregates.map(({ job, count }) => ({ job, count }))

  /** Two orders before the adoption, one after it. */
  function adopted(): ProcessorDriver {
    const driver = create()
    take(driver, order('m1'))
    take(driver, order('m2'))
    adopt(driver, 3)
    take(driver, order('m3'))
    driver.endBatch()
    return driver
  }

  test('adds what came before to what has come since, and tells the profile', () => {
    const driver = adopted()
    fill(driver, 3, 2)
    expect(parts(driver.endBatch())).toEqual([`put at ${home('u1')}`])
    expect(counted(driver)).toEqual([{ job: 3, count: 3 }])
  })

  test('that comes twice, or again after a restart, counts once', () => {
    const driver = adopted()
    fill(driver, 3, 2)
    fill(driver, 3, 2)
    driver.endBatch()
    driver.restart()
    fill(driver, 3, 2)
    expect(driver.endBatch()).toEqual([])
    expect(counted(driver)).toEqual([{ job: 3, count: 3 }])
  })

  test('of a job that another has overtaken counts nothing', () => {
    const driver = adopted()
    adopt(driver, 4, ControlStep.CONTROL_STEP_RETIRE)
    adopt(driver, 5)
    fill(driver, 3, 2)
    driver.endBatch()
    fill(driver, 5, 3)
    driver.endBatch()
    expect(counted(driver)).toContainEqual({ job: 5, count: 3 })
  })

  test('of somebody who was erased since brings nothing back', () => {
    const driver = adopted()
    driver.record(topics.assignments, {
      value: Assignment.encode({ ...assignmentOf('u1', `${identifierId('u1')}-1`), generation: 1 }).finish(),
    })
    take(driver, order('m4'))
    driver.endBatch()
    fill(driver, 3, 2)
    driver.endBatch()
    expect(counted(driver)).toEqual([{ job: 3, count: 1 }])
  })

  test('of a job that began after an erasure brings nothing back either: the log may still hold what was erased', () => {
    const driver = create()
    driver.record(topics.assignments, {
      value: Assignment.encode({
        ...assignmentOf('u1', `${identifierId('u1')}-1`),
        generation: 1,
        erasedUntilMs: 0,
      }).finish(),
    })
    driver.endBatch()
    adopt(driver, 3)
    take(driver, { ...order('m4'), receivedTimeMs: 1 })
    driver.endBatch()
    fill(driver, 3, 2)
    driver.endBatch()
    expect(counted(driver)).toEqual([{ job: 3, count: 1 }])
  })

  test('of somebody without any events makes nobody', () => {
    const driver = adopted()
    fill(driver, 3, 2, 'u2')
    expect(driver.endBatch()).toEqual([])
  })

  test('has its end answered, with how many events were skipped so far', () => {
    const driver = adopted()
    take(driver, order('m1'))
    adopt(driver, 3, ControlStep.CONTROL_STEP_FILLED)
    const answers = driver.endBatch().flatMap(({ topic, value }) => {
      const { record } = topic.name === topics.jobs.name ? JobRecord.decode(value!) : {}
      return record?.$case === 'answered' ? [record.value] : []
    })
    expect(answers).toMatchObject([{ job: 3, step: ControlStep.CONTROL_STEP_FILLED, skipped: 1 }])
  })
})
