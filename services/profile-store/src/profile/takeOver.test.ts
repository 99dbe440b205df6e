import { expect, test } from '@jest/globals'
import {
  KEY_SEPARATOR,
  type AudienceMembershipRecord,
  type MergedProfileRecord,
  type ProfileChangeRecord,
  type ProfileRecord,
  type TopicSpec,
  topics,
} from '@tributary/contracts'
import { EventType } from '@tributary/contracts/generated/tributary/event/v1/event'
import { type Control, ControlStep, JobRecord } from '@tributary/contracts/generated/tributary/job/v1/control'
import {
  type Part,
  PartRecord,
  type Published,
} from '@tributary/contracts/generated/tributary/profile/v1/part'
import { eventFacts, fragmentOf, keepAggregates } from '@tributary/domain'
import { type OutputRecord } from '@tributary/stream-runtime'
import { createProcessorDriver } from '@tributary/stream-runtime/testing'
import { readEvent } from '../fragment/readEvent.ts'
import { eventOf, home, identifierId } from '../testing/shopPeople.ts'
import { counterRows, memberCountRows, memberRows, profileRows, publishedRows } from './profileRows.ts'
import { profileTopology } from './profileTopology.ts'

const create = (epoch: number) =>
  createProcessorDriver(profileTopology({ opened() {}, computed() {} }), { epoch })
type Driver = ReturnType<typeof create>

function say(driver: Driver, record: PartRecord['record'], key = ''): void {
  driver.record(topics.profileParts, { key, value: PartRecord.encode({ record }).finish() })
}

function put(driver: Driver, name: string, traits: object, to = home(name)): void {
  const event = readEvent(
    eventOf({
      type: EventType.EVENT_TYPE_IDENTIFY,
      messageId: `m-${name}`,
      identifiers: [name],
      payload: { traits },
    }),
  )
  const part: Part = {
    profileId: to,
    identifierId: identifierId(name),
    identifierType: 'user_id',
    action: { $case: 'put', value: { fragment: fragmentOf(eventFacts(event), keepAggregates([])) } },
    causes: [],
  }
  say(driver, { $case: 'part', value: part }, `${to}${KEY_SEPARATOR}${part.identifierId}`)
}

function leave(driver: Driver, name: string, to: string): void {
  const [profileId, value] = [home(name), { to, erased: false }]
  const part = { profileId, identifierId: identifierId(name), identifierType: 'user_id', causes: [] }
  say(driver, { $case: 'part', value: { ...part, action: { $case: 'removed', value } } })
}

/** One that holds of everybody, and one that something has to be known for. */
const conditions = { all: { not: { event: 'Never' } }, free: { trait: 'plan', eq: 'free' } }

function control(
  driver: Driver,
  step: ControlStep,
  more: Partial<Control> = {},
  id: keyof typeof conditions = 'all',
): void {
  const definition = JSON.stringify({ kind: 'Audience', id, where: conditions[id] })
  const value: Control = {
    job: 1,
    document: `audience/${id}`,
    hash: 'h1',
    configOffset: 1,
    step,
    partitions: 1,
    definition,
    ...more,
  }
  say(driver, { $case: 'control', value })
}

const isPublic = ({ topic }: OutputRecord) => topic.visibility === 'public'
const read = <T>(records: readonly OutputRecord[], topic: TopicSpec): T[] =>
  records
    .filter((record) => record.topic.name === topic.name && record.value !== null)
    .map(({ value }) => JSON.parse(Buffer.from(value!).toString()) as T)

/** What is public of the last epoch, as the rebuild tells it: the last record of each key. */
function publishedBy(records: readonly OutputRecord[]): Published[] {
  const state = new Map<string, Published>()
  for (const { topic, key, value } of records) {
    const json = value === null ? '' : Buffer.from(value).toString()
    const [first = '', second = ''] = (key ?? '').split(KEY_SEPARATOR)
    if (topic.name === topics.profiles.name) state.set(first, { profileId: first, audience: '', json })
    if (topic.name === topics.audienceMemberships.name)
      state.set(key!, { profileId: second, audience: first, json })
  }
  return [...state.values()]
}

function firstEpoch() {
  const driver = create(1)
  driver.tick(1_000)
  control(driver, ControlStep.CONTROL_STEP_SWITCH)
  control(driver, ControlStep.CONTROL_STEP_SWITCH, {}, 'free')
  put(driver, 'same', { plan: 'free' })
  put(driver, 'other', { plan: 'free' })
  put(driver, 'vanished', { plan: 'free' })
  put(driver, 'merged', { plan: 'free' })
  const sent = driver.endBatch()
  leave(driver, 'merged', home('same'))
  put(driver, 'merged', { seat: 4 }, home('same'))
  return {
    sent: [...sent, ...driver.endBatch()],
    changes: driver.table(counterRows).get('counters')!.changes,
  }
}

function secondEpoch(): { driver: Driver; silent: OutputRecord[] } {
  const driver = create(2)
  driver.tick(50_000)
  control(driver, ControlStep.CONTROL_STEP_SWITCH)
  control(driver, ControlStep.CONTROL_STEP_SWITCH, {}, 'free')
  put(driver, 'merged', { plan: 'free' })
  put(driver, 'same', { plan: 'free' })
  put(driver, 'other', { plan: 'paid' })
  put(driver, 'new', { plan: 'free' })
  const silent = driver.endBatch()
  leave(driver, 'merged', home('same'))
  put(driver, 'merged', { seat: 4 }, home('same'))
  return { driver, silent: [...silent, ...driver.endBatch()] }
}

const published = (driver: Driver, records: readonly Published[]) => {
  for (const value of records) say(driver, { $case: 'published', value })
}
const takeOver = (driver: Driver, changes: number) =>
  control(driver, ControlStep.CONTROL_STEP_TAKE_OVER, { document: 'rebuild/2', hash: '', changes })

test('a new epoch is silent until it takes over, and then tells exactly what differs, with the next numbers', () => {
  const before = firstEpoch()
  const { driver, silent } = secondEpoch()
  expect(silent.filter(isPublic)).toEqual([])
  published(driver, publishedBy(before.sent))
  expect(driver.endBatch().filter(isPublic)).toEqual([])
  takeOver(driver, before.changes)
  const sent = driver.endBatch()

  const changes = read<ProfileChangeRecord>(sent, topics.profileChanges)
  expect(
    Object.fromEntries(changes.map(({ profileId, op, before: was, after }) => [profileId, [op, was, after]])),
  ).toEqual({
    [home('other')]: [
      'u',
      { 'traits.plan': 'free', 'audiences.free': { since: '1970-01-01T00:00:01.000Z' } },
      { 'traits.plan': 'paid' },
    ],
    [home('new')]: ['c', {}, expect.objectContaining({ 'traits.plan': 'free' })],
    [home('vanished')]: ['d', {}, {}],
  })
  expect(changes.map(({ version }) => version).sort()).toEqual(
    [1, 2, 3].map((n) => `0002-${String(before.changes + n).padStart(18, '0')}`),
  )
  const done = sent.filter(({ topic }) => topic.name === topics.jobs.name)
  expect(done.map(({ value }) => JobRecord.decode(value!).record?.value)).toMatchObject([
    { document: 'rebuild/2', step: ControlStep.CONTROL_STEP_TAKE_OVER },
  ])
})

test('what did not differ keeps its version and since when it is a member; nothing told is left to compare', () => {
  const before = firstEpoch()
  const { driver } = secondEpoch()
  published(driver, publishedBy(before.sent))
  takeOver(driver, before.changes)
  driver.endBatch()
  const was = new Map(
    read<ProfileRecord | MergedProfileRecord>(before.sent, topics.profiles).map((each) => [
      each.profileId,
      each,
    ]),
  )
  const row = driver.table(profileRows).get(home('same'))!
  expect(JSON.parse(row.publicJson)).toEqual(was.get(home('same')))
  expect(driver.table(profileRows).get(home('merged'))).toMatchObject({
    version: was.get(home('merged'))!.version,
    mergedInto: home('same'),
  })
  const since = read<AudienceMembershipRecord>(before.sent, topics.audienceMemberships)[0]!.since
  expect(driver.table(memberRows).get(`all${KEY_SEPARATOR}${home('same')}`)).toBe(Date.parse(since))
  // same, other, new
  expect(driver.table(memberCountRows).get('all')).toBe(3)
  expect([...driver.table(publishedRows).range('', '~')]).toEqual([])
})

test.each(['at its turn', 'changed before its turn'])(
  'who is known to this epoch alone is a member of what the condition says: %s',
  (when) => {
    const before = firstEpoch()
    const { driver } = secondEpoch()
    published(driver, publishedBy(before.sent))
    takeOver(driver, before.changes)
    if (when !== 'at its turn') put(driver, 'new', { plan: 'free', seat: 7 })
    const told = read<AudienceMembershipRecord>(driver.endBatch(), topics.audienceMemberships).filter(
      ({ profileId }) => profileId === home('new'),
    )
    expect(told.map(({ audience, member }) => [audience, member])).toEqual([
      ['all', true],
      ['free', true],
    ])
    expect(driver.table(memberRows).get(`free${KEY_SEPARATOR}${home('new')}`)).toBeDefined()
    // same, new; other has paid.
    expect(driver.table(memberCountRows).get('free')).toBe(2)
  },
)

test('a profile that changes before its turn is compared with what is public, and a second take-over is only answered', () => {
  const before = firstEpoch()
  const { driver } = secondEpoch()
  published(driver, publishedBy(before.sent))
  takeOver(driver, before.changes)
  put(driver, 'same', { plan: 'gold' })
  const [change] = read<ProfileChangeRecord>(driver.endBatch(), topics.profileChanges).filter(
    ({ profileId }) => profileId === home('same'),
  )
  expect(change).toMatchObject({
    op: 'u',
    before: { 'traits.plan': 'free' },
    after: { 'traits.plan': 'gold' },
  })
  driver.restart()
  takeOver(driver, 0)
  const again = driver.endBatch()
  expect(again.filter(isPublic)).toEqual([])
  expect(again).toHaveLength(1)
})
