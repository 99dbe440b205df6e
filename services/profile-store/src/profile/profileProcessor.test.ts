import { describe, expect, test } from '@jest/globals'
import { KEY_SEPARATOR, type ProfileChangeRecord, topics } from '@tributary/contracts'
import { type Control, ControlStep, JobRecord } from '@tributary/contracts/generated/tributary/job/v1/control'
import { type Part, PartRecord } from '@tributary/contracts/generated/tributary/profile/v1/part'
import { eventFacts, fragmentOf, keepAggregates } from '@tributary/domain'
import { type OutputRecord } from '@tributary/stream-runtime'
import { createProcessorDriver } from '@tributary/stream-runtime/testing'
import { readEvent } from '../fragment/readEvent.ts'
import { eventOf, home, identifierId } from '../testing/shopPeople.ts'
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
