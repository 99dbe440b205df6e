import { describe, expect, test } from '@jest/globals'
import fc from 'fast-check'
import { EventType } from '@tributary/contracts/generated/tributary/event/v1/event'
import { ChangeKind } from '@tributary/contracts/generated/tributary/identity/v1/assignment'
import { type PartitionCounts, type ProfileRecord, topics, versionOf } from '@tributary/contracts'
import {
  type FoldableEvent,
  type Fragment,
  type JsonObject,
  applyDiff,
  assignmentChanges,
  canonicalJsonText,
  eventFacts,
  foldEvent,
  foldProfile,
  isoTime,
  keepAggregates,
  publicProfile,
} from '@tributary/domain'
import { type TableSpec } from '@tributary/stream-runtime'
import { counterRows, memberCountRows, memberRows, profileRows } from './profile/profileRows.ts'
import { readEvent } from './fragment/readEvent.ts'
import { type Choices, type Pipeline, START_MS, createPipeline } from './testing/pipeline.ts'
import {
  type EventGiven,
  assignmentOf,
  eventOf,
  home,
  identifierId,
  identifierOf,
} from './testing/shopPeople.ts'
import { audience, computedOf, jobs, trait } from './testing/adoptedDocuments.ts'
import { audienceChangesOf, changesOf, membershipsOf, stateOf } from './testing/readRecords.ts'

const names = ['u1', 'u2', 'e1', 'a1', 'a2', 'a3']

/** Of every kind, over all events, and over two windows. */
const traits = Object.fromEntries(
  [
    'count',
    'sum',
    'min',
    'max',
    'average',
    'first',
    'last',
    'mostFrequent',
    'uniqueList',
    'distinct',
  ].flatMap((kind) =>
    [{}, { within: '2d' }, { within: '5h' }].map((window, i) => [
      `${kind.toLowerCase()}_${i}`,
      {
        [kind]: {
          event: 'Order Completed',
          ...(kind !== 'count' && { path: 'properties.total' }),
          ...window,
        },
      },
    ]),
  ),
)

const shop = jobs([
  audience('buyers', { event: 'Order Completed' }),
  audience('rich', { trait: 'spend', gte: 100 }),
  trait('orders', { count: { event: 'Order Completed' } }),
  trait('spend', { sum: { event: 'Order Completed', path: 'properties.total' } }),
  ...Object.entries(traits).map(([id, body]) => trait(id, body)),
])

/** Every n-th trait is missing; all are there for 0. */
const withoutSome = (n: number) =>
  jobs(shop.documents.filter(({ document }, i) => document.startsWith('audience/') || n === 0 || i % n !== 0))

const computed = computedOf(shop.documents)

const HOUR = 3_600_000
/** When every program is looked at: some of its events have left each window, others have not. */
const END_MS = START_MS + 75 * HOUR

const prefer = {
  traits: new Map([['plan', { kind: 'Trait' as const, id: 'plan', prefer: ['crm'] }]]),
  hashOf: () => 'hash-plan',
}
const none = { traits: new Map(), hashOf: () => undefined }

/** A pipeline that has adopted the documents of the shop. */
function shopPipeline(counts?: PartitionCounts): Pipeline {
  const pipeline = createPipeline(counts)
  pipeline.configure(0, shop, prefer)
  pipeline.settle()
  return pipeline
}

const allRowsOf = <V>(driver: Pipeline['profiles'][number], rows: TableSpec<V>) => [
  ...driver.table(rows).range('', '~'),
]

function seededChoices(numbers: Iterator<number>): Choices {
  return { next: (below) => ((numbers.next().value as number | undefined) ?? 0) % below }
}

type Step =
  | { readonly kind: 'event'; readonly event: EventGiven }
  /** The identifier is found to belong with another one, or with nobody. */
  | { readonly kind: 'place'; readonly name: string; readonly with: string }
  | { readonly kind: 'settle' }
  | { readonly kind: 'restart' }
  | { readonly kind: 'tick'; readonly nowMs: number }
  /** A revision of the workspace: with all traits, or with some left out. */
  | { readonly kind: 'apply'; readonly leaveOut: number }

const eventStep: fc.Arbitrary<Step> = fc.record({
  kind: fc.constant('event' as const),
  event: fc.record({
    messageId: fc.integer({ min: 0, max: 40 }).map((n) => `m${n}`),
    identifiers: fc.uniqueArray(fc.constantFrom(...names), { minLength: 1, maxLength: 3 }),
    sourceId: fc.constantFrom('web', 'crm'),
    type: fc.constantFrom(EventType.EVENT_TYPE_TRACK, EventType.EVENT_TYPE_IDENTIFY),
    name: fc.constantFrom('Order Completed', 'Viewed'),
    timeMs: fc
      .tuple(fc.constantFrom(-200, 0, 20, 70, 72), fc.nat(4))
      .map(([hours, ms]) => START_MS + hours * HOUR + ms),
    payload: fc.record({
      traits: fc.dictionary(fc.constantFrom('plan', 'city'), fc.constantFrom('x', 'y', null, { z: 1 })),
      properties: fc.record({ total: fc.constantFrom(0.1, 60, '40.5', 'none') }),
      context: fc.record({ consent: fc.dictionary(fc.constantFrom('email'), fc.boolean()) }),
    }),
  }),
})

const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 6, arbitrary: eventStep },
  {
    weight: 3,
    arbitrary: fc.record({
      kind: fc.constant('place' as const),
      name: fc.constantFrom(...names),
      with: fc.constantFrom(...names),
    }),
  },
  { weight: 2, arbitrary: fc.constant<Step>({ kind: 'settle' }) },
  { weight: 1, arbitrary: fc.constant<Step>({ kind: 'restart' }) },
  {
    weight: 1,
    arbitrary: fc.record({
      kind: fc.constant('tick' as const),
      nowMs: fc.integer({ min: 0, max: 74 }).map((hours) => START_MS + hours * HOUR),
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({ kind: fc.constant('apply' as const), leaveOut: fc.nat({ max: 6 }) }),
  },
)

interface Ran {
  readonly pipeline: Pipeline
  /** Accepted events that are no repetition, in order. */
  readonly unique: readonly EventGiven[]
  /** Name → the profile it belongs to. */
  readonly tags: ReadonlyMap<string, string>
  /** Whom an assignment spoke of: only these and those with events are known to belong anywhere. */
  readonly assigned: ReadonlySet<string>
}

const changeKinds = {
  merge: ChangeKind.CHANGE_KIND_MERGE,
  split: ChangeKind.CHANGE_KIND_SPLIT,
  rename: ChangeKind.CHANGE_KIND_RENAME,
  erase: ChangeKind.CHANGE_KIND_ERASE,
}

/** Clusters of names as a resolver keeps them: each is called after its best member, and told as the real one tells. */
function createResolver(pipeline: Pipeline) {
  const clusters = new Map(names.map((name) => [name, name]))
  const assigned = new Set<string>()
  let change = 0
  const best = (name: string): string => names.find((each) => clusters.get(each) === clusters.get(name))!
  const tags = () => new Map(names.map((name) => [name, home(best(name))]))
  return {
    assigned,
    tags,
    place(name: string, other: string): void {
      const before = tags()
      // A cluster is called by a number that no other has, so that leaving one never joins another.
      clusters.set(name, name === other ? `alone ${change}` : clusters.get(other)!)
      const after = tags()
      const nameOf = (profileId: string) => ({ identifierId: profileId.slice(0, 32), generation: 0 })
      const changes = assignmentChanges(
        names.map((each) => ({
          identifierId: identifierId(each),
          type: identifierOf(each).type,
          generationBefore: 0,
          generation: 0,
          before: nameOf(before.get(each)!),
          after: nameOf(after.get(each)!),
          assigned: assigned.has(each),
          inCompany: names.some((one) => one !== each && clusters.get(one) === clusters.get(each)),
        })),
      )
      change++
      for (const { identifierId: id, kind, from, into } of changes) {
        const moved = names.find((each) => identifierId(each) === id)!
        assigned.add(moved)
        const to = `${into.identifierId}-0`
        pipeline.assign(
          assignmentOf(moved, to, {
            id: `c${change}`,
            kind: changeKinds[kind],
            from: `${from.identifierId}-0`,
          }),
        )
      }
    },
  }
}

function run(steps: readonly Step[], choices: Choices): Ran {
  const pipeline = shopPipeline({
    identifier: 1 + choices.next(4),
    profile: 1 + choices.next(3),
    delivery: 1,
  })
  const unique: EventGiven[] = []
  const seen = new Set<string>()
  const resolver = createResolver(pipeline)
  let revision = 0
  for (const each of steps) {
    if (each.kind === 'event') {
      const key = `${each.event.sourceId} ${each.event.messageId} ${each.event.identifiers[0]!}`
      if (!seen.has(key)) unique.push(each.event)
      seen.add(key)
      pipeline.event(eventOf(each.event))
    } else if (each.kind === 'place') resolver.place(each.name, each.with)
    else if (each.kind === 'settle') pipeline.settle(choices)
    else if (each.kind === 'tick') pipeline.tick(each.nowMs)
    else if (each.kind === 'apply') pipeline.configure(++revision, withoutSome(each.leaveOut), prefer)
    else pipeline.restart()
  }
  // In the end every trait is there, whenever it came, went and came back.
  pipeline.configure(++revision, shop, prefer)
  pipeline.settle(choices)
  pipeline.tick(END_MS)
  return { pipeline, unique, tags: resolver.tags(), assigned: resolver.assigned }
}

/** The profiles as a plain fold by the final assignment makes them: the oracle. */
function oracle({ unique, tags, assigned }: Ran): Map<string, string> {
  const kept = keepAggregates(computed.map(({ aggregate, job }) => ({ definition: aggregate, job })))
  const fragments = new Map<string, Fragment>()
  for (const given of unique) {
    const event: FoldableEvent = readEvent(eventOf(given))
    const anchor = given.identifiers[0]!
    fragments.set(anchor, foldEvent(fragments.get(anchor), eventFacts(event), kept))
  }
  const expected = new Map<string, string>()
  for (const profileId of new Set(tags.values())) {
    const parts = names
      .filter((name) => tags.get(name) === profileId && (assigned.has(name) || fragments.has(name)))
      .map((name) => ({ identifierId: identifierId(name), fragment: fragments.get(name) }))
    const profile = foldProfile(parts, {
      preferences: new Map([['plan', ['crm']]]),
      computed,
      nowMs: END_MS,
    })
    if (!profile) continue
    expected.set(
      profileId,
      bodyOf(publicProfile({ profileId, version: '', profile, audiences: {} }) as unknown as ProfileRecord),
    )
  }
  return expected
}

/** What must be byte-identical: all but version and memberships, and what may lag behind in the public record. */
function bodyOf({ version: _v, audiences: _a, events: _e, lastSeen: _l, ...body }: ProfileRecord): string {
  return canonicalJsonText(body as unknown as JsonObject)
}

describe('events and assignments of any kind, in any order, with restarts', () => {
  const programs = fc.tuple(fc.array(step, { maxLength: 40 }), fc.infiniteStream(fc.nat({ max: 1_000 })))

  test('end in the profiles that a fold by the final assignment makes', () => {
    fc.assert(
      fc.property(programs, ([steps, numbers]) => {
        const ran = run(steps, seededChoices(numbers))
        const alive = new Map(
          [...stateOf(ran.pipeline)].flatMap(([id, record]) =>
            'mergedInto' in record || record.identifiers.length === 0 ? [] : [[id, bodyOf(record)] as const],
          ),
        )
        expect(Object.fromEntries(alive)).toEqual(Object.fromEntries(oracle(ran)))
      }),
      { numRuns: 200 },
    )
  })

  test('count every accepted event once, over all profiles, exactly', () => {
    fc.assert(
      fc.property(programs, ([steps, numbers]) => {
        const { pipeline, unique } = run(steps, seededChoices(numbers))
        const counters = pipeline.profiles.map((driver) => driver.table(counterRows).get('counters'))
        const sum = counters.reduce((total, each) => total + (each?.events ?? 0), 0)
        expect(sum).toBe(unique.length)
        expect(pipeline.folded()).toBe(unique.length)
      }),
      { numRuns: 50 },
    )
  })

  test('number the changes of a partition without a gap, each number once', () => {
    fc.assert(
      fc.property(programs, ([steps, numbers]) => {
        const { pipeline } = run(steps, seededChoices(numbers))
        for (const records of pipeline.sent(topics.profileChanges)) {
          const versions = records.map(
            ({ value }) => (JSON.parse(Buffer.from(value!).toString()) as { version: string }).version,
          )
          expect(versions).toEqual(versions.map((_, i) => versionOf(1, i + 1)))
        }
        const told = new Set(changesOf(pipeline).map(({ version, profileId }) => `${version} ${profileId}`))
        for (const [profileId, { version }] of stateOf(pipeline))
          expect(told).toContain(`${version} ${profileId}`)
        for (const { version, profileId } of audienceChangesOf(pipeline))
          expect(told).toContain(`${version} ${profileId}`)
      }),
      { numRuns: 50 },
    )
  })

  test('tell a subscriber who folds the changes what the state topic says', () => {
    fc.assert(
      fc.property(programs, ([steps, numbers]) => {
        const { pipeline } = run(steps, seededChoices(numbers))
        const followed = new Map<string, JsonObject>()
        const held = new Map<string, string>()
        for (const change of changesOf(pipeline)) {
          const { profileId, version, previousVersion, op, mergedInto } = change
          expect(held.get(profileId) ?? null).toBe(previousVersion)
          held.set(profileId, version)
          const before = followed.get(profileId)
          const isAlive = before !== undefined && !('mergedInto' in before)
          expect(isAlive).toBe(op === 'u' || (op === 'd' && isAlive))
          followed.set(
            profileId,
            op === 'd'
              ? { profileId, version, mergedInto: mergedInto! }
              : {
                  ...applyDiff(isAlive ? before : undefined, change),
                  profileId,
                  version,
                },
          )
        }
        const state = Object.fromEntries(stateOf(pipeline))
        expect(JSON.parse(canonicalJsonText(Object.fromEntries(followed)))).toEqual(state)
      }),
      { numRuns: 50 },
    )
  })

  test('keep memberships equal to the profiles, and end those of a merged profile', () => {
    fc.assert(
      fc.property(programs, ([steps, numbers]) => {
        const { pipeline } = run(steps, seededChoices(numbers))
        const members = [...membershipsOf(pipeline).values()].filter(({ member }) => member)
        const shown = [...stateOf(pipeline)].flatMap(([profileId, record]) =>
          'mergedInto' in record
            ? []
            : Object.entries(record.audiences).map(([id, { since }]) => `${id} ${profileId} ${since}`),
        )
        expect(members.map((each) => `${each.audience} ${each.profileId} ${each.since}`).sort()).toEqual(
          shown.sort(),
        )
        const rows = pipeline.profiles.flatMap((driver) => allRowsOf(driver, memberRows))
        expect(rows.map(([key, ms]) => `${key.replace('|', ' ')} ${isoTime(ms)}`).sort()).toEqual(shown)
        const sizes = pipeline.profiles.flatMap((driver) => allRowsOf(driver, memberCountRows))
        expect(sizes.reduce((sum, [, count]) => sum + count, 0)).toBe(shown.length)
      }),
      { numRuns: 50 },
    )
  })

  test('lead every id that was ever public to where its identifier is now', () => {
    fc.assert(
      fc.property(programs, ([steps, numbers]) => {
        const { pipeline, tags } = run(steps, seededChoices(numbers))
        for (const [profileId, record] of stateOf(pipeline)) {
          const name = names.find((each) => home(each) === profileId)!
          expect('mergedInto' in record ? record.mergedInto : profileId).toBe(tags.get(name))
        }
      }),
      { numRuns: 100 },
    )
  })
})

describe('a merge and its undoing', () => {
  const visit = (messageId: string, name: string) =>
    eventOf({ messageId, identifiers: [name], name: 'Viewed' })
  const identify = eventOf({
    messageId: 'm9',
    identifiers: ['u1', 'a1'],
    type: EventType.EVENT_TYPE_IDENTIFY,
    payload: { traits: { plan: 'pro' } },
  })

  function merged(): Pipeline {
    const pipeline = shopPipeline()
    pipeline.event(visit('m1', 'a1'))
    pipeline.settle()
    pipeline.event(identify)
    pipeline.settle()
    pipeline.assign(assignmentOf('a1', home('u1'), { id: 'c7', from: home('a1') }))
    pipeline.settle()
    return pipeline
  }

  test('tells both sides: merged {into} under the losing id, updated {mergedFrom} under the winning one', () => {
    const changes = changesOf(merged()).map(({ ceType, profileId, mergedInto, mergedFrom, causedBy }) => ({
      ceType,
      profileId,
      mergedInto,
      mergedFrom,
      reason: causedBy.reason,
      changeId: causedBy.changeId,
    }))
    const common = { mergedInto: undefined, mergedFrom: [], reason: 'event', changeId: undefined }
    expect(changes).toHaveLength(4)
    expect(changes).toEqual(
      expect.arrayContaining([
        { ...common, ceType: 'profile.created', profileId: home('a1') },
        { ...common, ceType: 'profile.created', profileId: home('u1') },
        {
          ceType: 'profile.merged',
          profileId: home('a1'),
          mergedInto: home('u1'),
          mergedFrom: [],
          reason: 'identity',
          changeId: 'c7',
        },
        {
          ceType: 'profile.updated',
          profileId: home('u1'),
          mergedInto: undefined,
          mergedFrom: [home('a1')],
          reason: 'identity',
          changeId: 'c7',
        },
      ]),
    )
    expect(stateOf(merged()).get(home('a1'))).toMatchObject({ mergedInto: home('u1') })
    expect(stateOf(merged()).get(home('u1'))).toMatchObject({
      events: 2,
      identifiers: [
        { type: 'anonymous_id', value: 'a1' },
        { type: 'user_id', value: 'u1' },
      ],
    })
  })

  test('undone, gives each side back what it had', () => {
    const pipeline = merged()
    pipeline.assign(
      assignmentOf('a1', home('a1'), {
        id: 'c8',
        kind: ChangeKind.CHANGE_KIND_SPLIT,
        from: home('u1'),
      }),
    )
    pipeline.settle()
    const split = changesOf(pipeline).findLast(({ profileId }) => profileId === home('a1'))
    expect(split).toMatchObject({ ceType: 'profile.split', op: 'c', splitFrom: home('u1') })
    const state = stateOf(pipeline)
    expect(state.get(home('a1'))).toMatchObject({ events: 1, traits: {} })
    expect(state.get(home('u1'))).toMatchObject({
      events: 1,
      traits: { plan: 'pro' },
      identifiers: [{ type: 'user_id', value: 'u1' }],
    })
  })

  test('moves on: an id merged twice leads to where its identifier is now', () => {
    const pipeline = merged()
    pipeline.event(visit('m20', 'u2'))
    pipeline.settle()
    for (const name of ['a1', 'u1'])
      pipeline.assign(assignmentOf(name, home('u2'), { id: 'c9', from: home('u1'), into: home('u2') }))
    pipeline.settle()
    const state = stateOf(pipeline)
    for (const name of ['a1', 'u1'])
      expect(state.get(home(name))).toEqual({
        profileId: home(name),
        version: expect.any(String),
        mergedInto: home('u2'),
      })
  })

  test('an identifier without events of its own is shown by its profile, once a fragment has its value', () => {
    const pipeline = shopPipeline()
    pipeline.event(eventOf({ messageId: 'm1', identifiers: ['u1', 'e1'] }))
    pipeline.settle()
    pipeline.assign(assignmentOf('e1', home('u1')))
    pipeline.settle()
    expect(stateOf(pipeline).get(home('u1'))).toMatchObject({
      identifiers: [
        { type: 'email', value: 'e1' },
        { type: 'user_id', value: 'u1' },
      ],
    })
    expect(stateOf(pipeline).has(home('e1'))).toBe(false)
    const added = changesOf(pipeline).at(-1)!.identifiers.added
    expect(added).toEqual([{ type: 'email', value: 'e1' }])
  })

  test('an erased identifier is gone, and its next event begins a new generation', () => {
    const pipeline = merged()
    const { events: folded } = stateOf(pipeline).get(home('u1')) as { events: number }
    pipeline.assign({
      ...assignmentOf('u1', home('u1')),
      generation: 1,
      profileId: `${identifierId('u1')}-1`,
      change: { id: 'x', kind: ChangeKind.CHANGE_KIND_ERASE, from: home('u1'), into: '', cause: 'fact' },
    })
    pipeline.assign({
      ...assignmentOf('a1', home('a1')),
      generation: 1,
      profileId: `${identifierId('a1')}-1`,
      change: { id: 'x', kind: ChangeKind.CHANGE_KIND_ERASE, from: home('u1'), into: '', cause: 'fact' },
    })
    pipeline.settle()
    expect(stateOf(pipeline).has(home('u1'))).toBe(false)
    expect(changesOf(pipeline).at(-1)).toMatchObject({ ceType: 'profile.erased', op: 'd' })
    const counted = pipeline.profiles.map((driver) => driver.table(counterRows).get('counters'))
    const sum = (of: 'events' | 'erasedEvents') =>
      counted.reduce((total, each) => total + (each?.[of] ?? 0), 0)
    expect([sum('events'), sum('erasedEvents')]).toEqual([0, folded])
    pipeline.event(visit('m30', 'u1'))
    pipeline.settle()
    expect(stateOf(pipeline).get(`${identifierId('u1')}-1`)).toMatchObject({ events: 1, traits: {} })
  })
})

describe('what is worth a change', () => {
  test('a page view of a known person is not, but the count is exact all the same', () => {
    const pipeline = shopPipeline()
    for (const [messageId, timeMs] of [
      ['m1', 1_000],
      ['m2', 2_000],
      ['m3', 3_000],
    ] as const) {
      pipeline.event(eventOf({ messageId, identifiers: ['u1'], name: 'Viewed', timeMs }))
      pipeline.settle()
    }
    expect(changesOf(pipeline)).toHaveLength(1)
    const row = pipeline.profiles
      .map((driver) => driver.table(profileRows).get(home('u1')))
      .find((each) => each !== undefined)
    expect(row).toMatchObject({ events: 3, firstSeenMs: 1_000, lastSeenMs: 3_000 })
    expect(stateOf(pipeline).get(home('u1'))).toMatchObject({
      events: 1,
      lastSeen: '1970-01-01T00:00:01.000Z',
    })
  })

  test('one change per batch and profile, with its causes', () => {
    const pipeline = shopPipeline()
    const order = (messageId: string, sourceId: string) =>
      pipeline.event(
        eventOf({
          messageId,
          sourceId,
          identifiers: ['u1'],
          name: 'Order Completed',
          payload: { properties: { total: 60 } },
        }),
      )
    order('m1', 'web')
    order('m2', 'pos')
    pipeline.settle()
    expect(changesOf(pipeline)).toHaveLength(1)
    expect(changesOf(pipeline)[0]).toMatchObject({
      op: 'c',
      changed: expect.arrayContaining([
        'audiences.buyers',
        'audiences.rich',
        'computed.orders',
        'computed.spend',
      ]),
      after: { 'computed.orders': 2, 'computed.spend': 120 },
      causedBy: { reason: 'event', messageIds: ['m1', 'm2'], sources: ['pos', 'web'] },
      rules: {
        'audience/buyers': 'hash-buyers',
        'audience/rich': 'hash-rich',
        'trait/orders': 'hash-orders',
        'trait/spend': 'hash-spend',
      },
    })
    expect(audienceChangesOf(pipeline)).toMatchObject([
      {
        audience: 'buyers',
        change: 'entered',
        reason: 'event',
        because: [{ condition: 'count of Order Completed is at least 1', value: 2, met: true }],
      },
      { audience: 'rich', because: [{ condition: 'spend is at least 100', value: 120, met: true }] },
    ])
  })

  test('records say what they are in CloudEvents headers, with ids that repeat when a batch does', () => {
    const once = () => {
      const pipeline = shopPipeline()
      pipeline.event(eventOf({ messageId: 'm1', identifiers: ['u1'] }))
      pipeline.settle()
      return pipeline.sent(topics.profileChanges).flat()
    }
    expect(once()).toEqual(once())
    expect(once()[0]!.headers).toMatchObject({
      ce_specversion: '1.0',
      ce_id: expect.stringMatching(/^1-profile-changes-\d-1$/),
      ce_type: 'dev.tributary.profile.created.v1',
      ce_source: '/tributary/profile-store',
      ce_subject: home('u1'),
      'content-type': 'application/json',
    })
  })
})

describe('definitions', () => {
  const buy = (pipeline: Pipeline, messageId: string, name = 'u1') => {
    pipeline.event(
      eventOf({
        messageId,
        identifiers: [name],
        name: 'Order Completed',
        payload: { properties: { total: 60 } },
      }),
    )
    pipeline.settle()
  }
  const without = jobs(shop.documents.filter(({ document }) => document !== 'audience/rich'))

  test('an audience that is removed is left by everyone, because of the definition', () => {
    const pipeline = shopPipeline()
    buy(pipeline, 'm1')
    buy(pipeline, 'm2')
    pipeline.configure(5, without, prefer)
    pipeline.settle()
    expect(audienceChangesOf(pipeline).at(-1)).toMatchObject({
      audience: 'rich',
      change: 'left',
      reason: 'definition',
    })
    expect(changesOf(pipeline).at(-1)).toMatchObject({
      changed: ['audiences.rich'],
      causedBy: { reason: 'definition' },
    })
  })

  test('a changed audience is judged anew on every profile, and says so', () => {
    const pipeline = shopPipeline()
    buy(pipeline, 'm1')
    buy(pipeline, 'm2', 'u2')
    const lower = jobs([
      ...without.documents,
      audience('rich', { trait: 'spend', gte: 50 }, { hash: 'lower' }),
    ])
    pipeline.configure(5, lower, prefer)
    pipeline.settle()
    const entered = audienceChangesOf(pipeline).filter((each) => each.audience === 'rich')
    expect(entered).toHaveLength(2)
    expect(entered[0]).toMatchObject({
      change: 'entered',
      reason: 'definition',
      rules: { 'audience/rich': 'lower' },
      because: [{ condition: 'spend is at least 50', value: 60, met: true }],
    })
  })

  test('a new trait counts from the log what came before; one that comes back likewise', () => {
    const pipeline = shopPipeline()
    buy(pipeline, 'm1')
    const more = jobs([...shop.documents, trait('again', { count: { event: 'Order Completed' } })])
    pipeline.configure(5, more, prefer)
    pipeline.settle()
    expect(stateOf(pipeline).get(home('u1'))).toMatchObject({ computed: { orders: 1, again: 1 } })
    buy(pipeline, 'm2')
    expect(stateOf(pipeline).get(home('u1'))).toMatchObject({ computed: { orders: 2, again: 2 } })
    pipeline.configure(6, shop, prefer)
    pipeline.settle()
    expect(stateOf(pipeline).get(home('u1'))).not.toHaveProperty('computed.again')
    pipeline.configure(7, more, prefer)
    pipeline.settle()
    buy(pipeline, 'm3')
    expect(stateOf(pipeline).get(home('u1'))).toMatchObject({ computed: { orders: 3, again: 3 } })
  })

  test('a source that is preferred wins at once on every profile', () => {
    const pipeline = createPipeline()
    pipeline.configure(0, shop, none)
    pipeline.settle()
    for (const [messageId, sourceId, plan, timeMs] of [
      ['m1', 'crm', 'gold', 1_000],
      ['m2', 'web', 'free', 2_000],
    ] as const)
      pipeline.event(
        eventOf({
          messageId,
          sourceId,
          timeMs,
          identifiers: ['u1'],
          type: EventType.EVENT_TYPE_IDENTIFY,
          payload: { traits: { plan } },
        }),
      )
    pipeline.settle()
    expect(stateOf(pipeline).get(home('u1'))).toMatchObject({ traits: { plan: 'free' } })
    pipeline.configure(3, shop, prefer)
    pipeline.settle()
    expect(stateOf(pipeline).get(home('u1'))).toMatchObject({ traits: { plan: 'gold' } })
    expect(changesOf(pipeline).at(-1)).toMatchObject({
      causedBy: { reason: 'definition' },
      rules: { 'trait/plan': 'hash-plan' },
    })
  })

  test('a merge ends the memberships of the losing profile as merged', () => {
    const pipeline = shopPipeline()
    buy(pipeline, 'm1', 'a1')
    pipeline.event(eventOf({ messageId: 'm2', identifiers: ['u1', 'a1'] }))
    pipeline.settle()
    pipeline.assign(assignmentOf('a1', home('u1')))
    pipeline.settle()
    const told = audienceChangesOf(pipeline).map(
      ({ audience: id, profileId, change, reason }) =>
        `${id} ${profileId === home('u1') ? 'u1' : 'a1'} ${change} ${reason}`,
    )
    expect(told.sort()).toEqual([
      'buyers a1 entered event',
      'buyers a1 merged merged',
      'buyers u1 entered identity',
    ])
  })
})

test('identifiers of the tests are as real ones are', () => {
  expect(identifierOf('u1').id).toMatch(/^[0-9a-f]{32}$/)
})
