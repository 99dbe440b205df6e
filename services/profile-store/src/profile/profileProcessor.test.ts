import { describe, expect, test } from '@jest/globals'
import {
  type AudienceChangeRecord,
  KEY_SEPARATOR,
  type ProfileChangeRecord,
  topics,
} from '@tributary/contracts'
import { type Control, ControlStep, JobRecord } from '@tributary/contracts/generated/tributary/job/v1/control'
import { type Part, PartRecord } from '@tributary/contracts/generated/tributary/profile/v1/part'
import { eventFacts, fragmentOf, keepAggregates } from '@tributary/domain'
import { type OutputRecord } from '@tributary/stream-runtime'
import { createProcessorDriver } from '@tributary/stream-runtime/testing'
import { readEvent } from '../fragment/readEvent.ts'
import { eventOf, home, identifierId } from '../testing/shopPeople.ts'
import { clockRows, dueRows } from './profileRows.ts'
import { profileTopology } from './profileTopology.ts'

const create = () => createProcessorDriver(profileTopology({ opened() {}, computed() {} }))
type Driver = ReturnType<typeof create>

function say(driver: Driver, name: string, action: Part['action'], to = home(name)): void {
  const part: Part = {
    profileId: to,
    identifierId: identifierId(name),
    identifierType: 'user_id',
    ...(action && { action }),
    causes: [{ messageId: `of ${name}`, sourceId: 'web', receivedTimeMs: 1 }],
  }
  driver.record(topics.profileParts, {
    key: `${to}${KEY_SEPARATOR}${part.identifierId}`,
    value: PartRecord.encode({ record: { $case: 'part', value: part } }).finish(),
  })
}

function put(driver: Driver, name: string, to?: string): void {
  const event = readEvent(eventOf({ messageId: `m-${name}`, identifiers: [name] }))
  say(
    driver,
    name,
    { $case: 'put', value: { fragment: fragmentOf(eventFacts(event), keepAggregates([])) } },
    to,
  )
}

function control(driver: Driver, change: Partial<Control>): void {
  const value: Control = {
    job: 1,
    document: 'audience/all',
    hash: 'h1',
    configOffset: 1,
    step: ControlStep.CONTROL_STEP_SWITCH,
    partitions: 1,
    definition: JSON.stringify({
      kind: 'Audience',
      id: 'all',
      where: { not: { event: 'Never' } },
    }),
    ...change,
  }
  driver.record(topics.profileParts, {
    value: PartRecord.encode({ record: { $case: 'control', value } }).finish(),
  })
}

const of = (topic: { name: string }, records: readonly OutputRecord[]) =>
  records.filter((record) => record.topic.name === topic.name)
const changes = (records: readonly OutputRecord[]) =>
  of(topics.profileChanges, records).map(
    ({ value }) => JSON.parse(Buffer.from(value!).toString()) as ProfileChangeRecord,
  )
const answers = (records: readonly OutputRecord[]) =>
  of(topics.jobs, records).map(({ value }) => JobRecord.decode(value!).record!.value)

describe('when a definition changes', () => {
  const people = 2_500

  function crowd(): Driver {
    const driver = create()
    for (let i = 0; i < people; i++) put(driver, `u${i}`)
    driver.endBatch()
    return driver
  }

  test('profiles are judged anew a thousand at a time, and the job hears of it when the last one was', () => {
    const driver = crowd()
    control(driver, {})
    const entered: number[] = []
    const answered: number[] = []
    for (let batch = 0; batch < 4; batch++) {
      const sent = driver.endBatch()
      entered.push(of(topics.audienceChanges, sent).length)
      answered.push(answers(sent).length)
    }
    expect(entered).toEqual([1_000, 1_000, 500, 0])
    expect(answered).toEqual([0, 0, 1, 0])
  })

  test('a restart in between loses nothing and repeats nothing', () => {
    const driver = crowd()
    control(driver, {})
    let entered = of(topics.audienceChanges, driver.endBatch()).length
    driver.restart()
    for (let batch = 0; batch < 4; batch++) entered += of(topics.audienceChanges, driver.endBatch()).length
    expect(entered).toBe(people)
  })

  test('a second change in between begins anew, and both are answered', () => {
    const driver = crowd()
    control(driver, {})
    driver.endBatch()
    control(driver, {
      document: 'audience/none',
      hash: 'h2',
      definition: '{"kind":"Audience","id":"none","where":{"event":"Never"}}',
    })
    const heard = [0, 1, 2, 3].flatMap(() => answers(driver.endBatch()))
    expect(heard).toMatchObject([{ document: 'audience/all' }, { document: 'audience/none' }])
  })

  test('what it changes says so, and not that an event did, also of those who change before their turn', () => {
    const driver = crowd()
    put(driver, 'u_early')
    control(driver, { definition: '{"kind":"Audience","id":"all","where":{"identifier":"user_id"}}' })
    put(driver, 'u2499')
    put(driver, 'u_new')
    const told = [0, 1, 2].flatMap(() => of(topics.audienceChanges, driver.endBatch()))
    const reasons = new Map(
      told.map(({ key, value }) => {
        const { reason } = JSON.parse(Buffer.from(value!).toString()) as AudienceChangeRecord
        return [key, reason]
      }),
    )
    expect(told).toHaveLength(people + 2)
    expect(reasons.get(home('u_new'))).toBe('event')
    reasons.delete(home('u_new'))
    expect(new Set(reasons.values())).toEqual(new Set(['definition']))
  })

  test('one that is in force already is answered at once', () => {
    const driver = create()
    control(driver, {})
    driver.endBatch()
    control(driver, {})
    expect(answers(driver.endBatch())).toHaveLength(1)
  })
})

describe('a profile whose last event leaves', () => {
  test('lives on, empty, while its own identifier belongs to it', () => {
    const driver = create()
    say(driver, 'u1', { $case: 'put', value: {} })
    put(driver, 'a1', home('u1'))
    expect(changes(driver.endBatch())).toMatchObject([{ op: 'c' }])
    say(driver, 'a1', { $case: 'removed', value: { to: home('a1'), erased: false } }, home('u1'))
    expect(changes(driver.endBatch())).toMatchObject([{ op: 'u', after: { identifiers: [], events: 0 } }])
  })

  test('leads to where its own identifier went, not to where the last part did', () => {
    const driver = create()
    put(driver, 'u1')
    put(driver, 'a1', home('u1'))
    driver.endBatch()
    say(driver, 'u1', { $case: 'removed', value: { to: home('u2'), erased: false } })
    expect(changes(driver.endBatch())).toMatchObject([{ op: 'u' }])
    say(driver, 'a1', { $case: 'removed', value: { to: home('a1'), erased: false } }, home('u1'))
    expect(changes(driver.endBatch())).toMatchObject([{ op: 'd', mergedInto: home('u2') }])
  })

  test('and whose own identifier comes back without any lives again, empty, and leads nowhere else', () => {
    const driver = create()
    say(driver, 'u1', { $case: 'put', value: {} })
    put(driver, 'a1', home('u1'))
    driver.endBatch()
    say(driver, 'u1', { $case: 'removed', value: { to: home('u2'), erased: false } })
    say(driver, 'a1', { $case: 'removed', value: { to: home('a1'), erased: false } }, home('u1'))
    expect(changes(driver.endBatch())).toMatchObject([{ op: 'd', mergedInto: home('u2') }])
    say(driver, 'u1', { $case: 'put', value: {} })
    expect(changes(driver.endBatch())).toMatchObject([{ op: 'c', after: { events: 0, identifiers: [] } }])
  })

  test('that was never public says nothing, and leads on when it becomes so', () => {
    const driver = create()
    say(driver, 'u1', { $case: 'moved', value: { to: home('u2') } })
    expect(driver.endBatch()).toEqual([])
    put(driver, 'a1', home('u1'))
    say(driver, 'a1', { $case: 'put', value: {} }, home('u1'))
    expect(changes(driver.endBatch())).toEqual([])
    put(driver, 'a1', home('u1'))
    driver.endBatch()
    say(driver, 'a1', { $case: 'removed', value: { to: home('a1'), erased: false } }, home('u1'))
    expect(changes(driver.endBatch())).toMatchObject([{ op: 'd', mergedInto: home('u2') }])
  })
})

test('the time of changes never goes back, whatever the records say', () => {
  const driver = create()
  driver.tick(5_000)
  put(driver, 'u1')
  driver.endBatch()
  driver.restart()
  put(driver, 'u2')
  expect(changes(driver.endBatch())[0]!.time).toBe('1970-01-01T00:00:05.000Z')
})

describe('a window', () => {
  const HOUR = 3_600_000
  const hourly = { event: 'Order Completed', within: '3h' }
  const owned = [
    {
      job: 1,
      definition: {
        document: 'trait/lately',
        hash: 'h1',
        kind: 'count' as const,
        event: 'Order Completed',
        within: { unitMs: HOUR, units: 3 },
      },
    },
  ]

  /** A task that has the trait in force. */
  function withTrait(): Driver {
    const driver = create()
    control(driver, {
      document: 'trait/lately',
      definition: JSON.stringify({ kind: 'Trait', id: 'lately', count: hourly }),
    })
    driver.endBatch()
    return driver
  }

  function order(driver: Driver, name: string, timeMs: number): void {
    const event = readEvent(
      eventOf({ messageId: `m-${name}`, identifiers: [name], name: 'Order Completed', timeMs }),
    )
    const fragment = fragmentOf(eventFacts(event), keepAggregates(owned))
    say(driver, name, { $case: 'put', value: { fragment } })
  }

  const lately = (records: readonly OutputRecord[]) =>
    changes(records).map(({ after, causedBy }) => [after['computed.lately'], causedBy.reason])
  const dues = (driver: Driver) => [...driver.table(dueRows).range('', '~')].map(([key]) => key)

  test('that ends changes the profile at that moment, because of the time', () => {
    const driver = withTrait()
    driver.tick(10 * HOUR)
    order(driver, 'u1', 9 * HOUR + 1)
    expect(lately(driver.endBatch())).toEqual([[1, 'event']])
    driver.tick(13 * HOUR - 1)
    expect(driver.endBatch()).toEqual([])
    driver.tick(13 * HOUR)
    expect(lately(driver.endBatch())).toEqual([[undefined, 'time']])
    expect(dues(driver)).toEqual([])
  })

  test('moves on after a restart, and does not go back under a clock that is behind', () => {
    const driver = withTrait()
    driver.tick(10 * HOUR)
    order(driver, 'u1', 9 * HOUR)
    driver.endBatch()
    driver.restart()
    driver.tick(13 * HOUR)
    expect(lately(driver.endBatch())).toEqual([[undefined, 'time']])
    driver.restart()
    // The part comes again from an owner whose clock is five hours behind.
    order(driver, 'u1', 9 * HOUR)
    expect(lately(driver.endBatch())).toEqual([])
    expect(driver.table(clockRows).get('clock')).toBe(13 * HOUR)
  })

  test('counts a late event for what is left of its time', () => {
    const driver = withTrait()
    driver.tick(12 * HOUR)
    order(driver, 'u1', 9 * HOUR)
    expect(lately(driver.endBatch())).toEqual([[1, 'event']])
    expect(dues(driver)).toEqual([`${String(13 * HOUR).padStart(15, '0')}|${home('u1')}`])
    order(driver, 'u2', 8 * HOUR)
    expect(lately(driver.endBatch())).toEqual([[undefined, 'event']])
    expect(dues(driver)).toHaveLength(1)
  })

  test('of many people that ends at once is judged a thousand at a time, and nobody else is', () => {
    const driver = withTrait()
    driver.tick(10 * HOUR)
    for (let i = 0; i < 2_300; i++) order(driver, `u${i}`, 9 * HOUR)
    for (let i = 0; i < 100; i++) order(driver, `a${i}`, 10 * HOUR)
    driver.endBatch()
    driver.tick(13 * HOUR)
    const told = [0, 1, 2, 3].map(() => lately(driver.endBatch()).length)
    expect(told).toEqual([1_000, 1_000, 300, 0])
    expect(dues(driver)).toHaveLength(100)
  })

  test('of a profile that is gone, or of a trait that is gone, is waited for no more', () => {
    const driver = withTrait()
    driver.tick(10 * HOUR)
    order(driver, 'u1', 9 * HOUR)
    order(driver, 'u2', 9 * HOUR)
    driver.endBatch()
    say(driver, 'u1', { $case: 'removed', value: { to: home('u3'), erased: false } })
    driver.endBatch()
    expect(dues(driver)).toHaveLength(1)
    control(driver, { job: 2, document: 'trait/lately', step: ControlStep.CONTROL_STEP_RETIRE })
    driver.endBatch()
    expect(dues(driver)).toEqual([])
  })

  test('that nothing has moves no clock: a quiet task writes nothing', () => {
    const driver = withTrait()
    driver.tick(10 * HOUR)
    driver.endBatch()
    const before = driver.changeLog().length
    driver.tick(11 * HOUR)
    expect(driver.endBatch()).toEqual([])
    // Only the record of how far the task is, which a real task does not commit by itself.
    expect(driver.changeLog().length - before).toBe(1)
  })
})
