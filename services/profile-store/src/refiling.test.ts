/** Blocking identifiers that anchor events, and taking it back, over all tasks of the service. */
import { describe, expect, test } from '@jest/globals'
import { type ProfileRecord } from '@tributary/contracts'
import { EventType } from '@tributary/contracts/generated/tributary/event/v1/event'
import {
  type Fragment,
  type JsonObject,
  canonicalJsonText,
  eventFacts,
  foldEvent,
  foldProfile,
  keepAggregates,
  publicProfile,
} from '@tributary/domain'
import fc from 'fast-check'
import { readEvent } from './fragment/readEvent.ts'
import { counterRows } from './profile/profileRows.ts'
import { computedOf, jobs, trait } from './testing/adoptedDocuments.ts'
import { type Choices, type Pipeline, START_MS, createPipeline } from './testing/pipeline.ts'
import { stateOf } from './testing/readRecords.ts'
import {
  type EventGiven,
  assignmentOf,
  eventOf,
  home,
  identifierId,
  identifierOf,
} from './testing/shopPeople.ts'

const names = ['u1', 'u2', 'e1', 'e2', 'a1', 'a2']
const documents = [
  trait('orders', { count: { event: 'Order Completed' } }),
  trait('spend', { sum: { event: 'Order Completed', path: 'properties.total' } }),
]
const late = trait('last_total', { last: { event: 'Order Completed', path: 'properties.total' } })
const none = { traits: new Map(), hashOf: () => undefined }
const computed = computedOf([...documents, late])

/** What message n says: the same for each of its copies. */
function message(n: number, identifiers: readonly string[]): EventGiven {
  return {
    messageId: `m${n}`,
    identifiers,
    name: n % 3 === 0 ? 'Viewed' : 'Order Completed',
    type: n % 4 === 0 ? EventType.EVENT_TYPE_IDENTIFY : EventType.EVENT_TYPE_TRACK,
    timeMs: START_MS + n,
    payload: { traits: { [`t${n % 3}`]: n }, properties: { total: n } },
  }
}

type Step =
  | { readonly kind: 'event'; readonly n: number }
  /** A copy that a collector took who knows what is blocked in the end. */
  | { readonly kind: 'stripped'; readonly n: number }
  | { readonly kind: 'rules'; readonly blocked: readonly string[] }
  | { readonly kind: 'fact'; readonly name: string; readonly blocked: boolean }
  | { readonly kind: 'place'; readonly name: string; readonly with: string }
  | { readonly kind: 'trait' }
  | { readonly kind: 'settle' }
  | { readonly kind: 'restart' }

const MESSAGES = 12
const someNames = fc.uniqueArray(fc.constantFrom(...names), { maxLength: 4 })
const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 8, arbitrary: fc.record({ kind: fc.constant('event' as const), n: fc.nat(MESSAGES - 1) }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('stripped' as const), n: fc.nat(MESSAGES - 1) }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('rules' as const), blocked: someNames }) },
  {
    weight: 3,
    arbitrary: fc.record({
      kind: fc.constant('fact' as const),
      name: fc.constantFrom(...names),
      blocked: fc.boolean(),
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({
      kind: fc.constant('place' as const),
      name: fc.constantFrom(...names),
      with: fc.constantFrom(...names),
    }),
  },
  { weight: 1, arbitrary: fc.constant<Step>({ kind: 'trait' }) },
  { weight: 3, arbitrary: fc.constant<Step>({ kind: 'settle' }) },
  { weight: 2, arbitrary: fc.constant<Step>({ kind: 'restart' }) },
)

interface Program {
  /** Identifiers of each message, strongest first. */
  readonly carried: readonly (readonly string[])[]
  readonly steps: readonly Step[]
  /** What is blocked in the end. */
  readonly blocked: readonly string[]
  readonly numbers: readonly number[]
}

const programs: fc.Arbitrary<Program> = fc.record({
  carried: fc.array(
    fc
      .uniqueArray(fc.constantFrom(...names), { minLength: 1, maxLength: 4 })
      .map((all) => all.sort((a, b) => names.indexOf(a) - names.indexOf(b))),
    { minLength: MESSAGES, maxLength: MESSAGES },
  ),
  steps: fc.array(step, { maxLength: 40 }),
  blocked: someNames,
  numbers: fc.array(fc.nat(1_000), { minLength: 50, maxLength: 50 }),
})

function choicesOf(numbers: readonly number[]): Choices {
  let i = 0
  return { next: (below) => numbers[i++ % numbers.length]! % below }
}

function configure(pipeline: Pipeline, offset: number, withLate: boolean, blocked: readonly string[]): void {
  const workspace = jobs(withLate ? [...documents, late] : documents)
  const ids = blocked.map(identifierOf).map(({ type, id }) => ({ type, id }))
  pipeline.configure(offset, { ...workspace, rules: { ...workspace.rules, blocked: ids } }, none)
}

const say = (pipeline: Pipeline, name: string, blocked: boolean) =>
  pipeline.say({ anchor: identifierId(name), type: identifierOf(name).type, blocked })

interface Ran {
  readonly pipeline: Pipeline
  readonly tags: ReadonlyMap<string, string>
  /** Copies that were accepted, in order. */
  readonly accepted: readonly EventGiven[]
}

function run({ carried, steps, blocked, numbers }: Program): Ran {
  const choices = choicesOf(numbers)
  const counts = { identifier: 1 + choices.next(3), profile: 1 + choices.next(2), delivery: 1 }
  const pipeline = createPipeline(counts)
  const tags = new Map(names.map((name) => [name, home(name)]))
  const accepted: EventGiven[] = []
  let [revision, withLate] = [0, false]
  let byRules: readonly string[] = []
  configure(pipeline, revision, withLate, byRules)
  // Of everyone it is known where they belong, as of all whom the resolver has ever placed.
  for (const name of names) pipeline.assign(assignmentOf(name, home(name)))
  const take = (event: EventGiven): void => {
    accepted.push(event)
    pipeline.event(eventOf(event))
  }
  for (const each of steps) {
    switch (each.kind) {
      case 'event':
        take(message(each.n, carried[each.n]!))
        break
      case 'stripped':
        take(
          message(
            each.n,
            carried[each.n]!.filter((name) => !blocked.includes(name)),
          ),
        )
        break
      case 'rules':
        byRules = each.blocked
        configure(pipeline, ++revision, withLate, byRules)
        break
      case 'trait':
        withLate = !withLate
        configure(pipeline, ++revision, withLate, byRules)
        break
      case 'fact':
        say(pipeline, each.name, each.blocked)
        break
      case 'place': {
        const to = tags.get(each.with)!
        tags.set(each.name, to)
        pipeline.assign(assignmentOf(each.name, to))
        break
      }
      case 'settle':
        pipeline.settle(choices)
        break
      case 'restart':
        pipeline.restart()
        break
    }
  }
  // In the end: some by the rules, the others by facts, and everything counted.
  const half = blocked.slice(0, blocked.length >> 1)
  for (const name of names) say(pipeline, name, blocked.includes(name) && !half.includes(name))
  configure(pipeline, ++revision, true, half)
  // As the resolver tells it: who is blocked belongs to nobody, and gives nobody a name.
  for (const name of names)
    if (blocked.includes(name) || blocked.some((each) => tags.get(name) === home(each))) {
      tags.set(name, home(name))
      pipeline.assign(assignmentOf(name, home(name)))
    }
  pipeline.settle(choices)
  return { pipeline, tags, accepted }
}

/** Each message once under its first identifier that is not blocked, as a fold by the final assignment makes it. */
function oracle({ tags, accepted }: Ran, blocked: readonly string[]): { profiles: object; events: number } {
  const kept = keepAggregates(computed.map(({ aggregate, job }) => ({ definition: aggregate, job })))
  const fragments = new Map<string, Fragment>()
  const counted = new Set<string>()
  for (const given of accepted) {
    const identifiers = given.identifiers.filter((name) => !blocked.includes(name))
    const [anchor] = identifiers
    const key = `${given.messageId} ${anchor}`
    if (anchor === undefined || counted.has(key)) continue
    counted.add(key)
    const facts = eventFacts(readEvent(eventOf({ ...given, identifiers })))
    fragments.set(anchor, foldEvent(fragments.get(anchor), facts, kept))
  }
  const profiles = new Map<string, string>()
  for (const profileId of new Set(tags.values())) {
    const parts = names
      .filter((name) => tags.get(name) === profileId)
      .map((name) => ({ identifierId: identifierId(name), fragment: fragments.get(name) }))
    const profile = foldProfile(parts, { preferences: new Map(), computed, nowMs: START_MS + 100 })
    if (!profile) continue
    const record = publicProfile({ profileId, version: '', profile, audiences: {} })
    profiles.set(profileId, bodyOf(record as unknown as ProfileRecord))
  }
  return { profiles: Object.fromEntries(profiles), events: counted.size }
}

function bodyOf({ version: _v, audiences: _a, events: _e, lastSeen: _l, ...body }: ProfileRecord): string {
  return canonicalJsonText(body as unknown as JsonObject)
}

/** Profiles that anything is known of: one whose events all went elsewhere stays for those who have its id. */
function aliveIn(pipeline: Pipeline): object {
  return Object.fromEntries(
    [...stateOf(pipeline)].flatMap(([id, record]) =>
      'mergedInto' in record || record.identifiers.length === 0 ? [] : [[id, bodyOf(record)] as const],
    ),
  )
}

const eventsIn = (pipeline: Pipeline): number =>
  pipeline.profiles.reduce((sum, each) => sum + (each.table(counterRows).get('counters')?.events ?? 0), 0)

describe('blocking by rules and facts, unblocking, late and repeated events, merges, new traits, kills', () => {
  test('end in the profiles there would be had the blocked values never been seen, each message counted once', () => {
    fc.assert(
      fc.property(programs, (program) => {
        const ran = run(program)
        const { profiles, events } = oracle(ran, program.blocked)
        expect(aliveIn(ran.pipeline)).toEqual(profiles)
        expect(eventsIn(ran.pipeline)).toBe(events)
      }),
      { numRuns: 50 },
    )
  })
})

describe('one value that slipped through: user_id "undefined", on two people', () => {
  const visits = [
    message(1, ['u1', 'e1', 'a1']),
    message(2, ['u1', 'e2']),
    message(5, ['u1']),
    message(7, ['e1', 'a1']),
  ]

  function seen(): Pipeline {
    const pipeline = createPipeline()
    configure(pipeline, 0, true, [])
    for (const name of ['e1', 'e2', 'a1']) pipeline.assign(assignmentOf(name, home('u1')))
    for (const visit of visits) pipeline.event(eventOf(visit))
    pipeline.settle()
    return pipeline
  }
  const ordersOf = (pipeline: Pipeline) =>
    Object.fromEntries(
      [...stateOf(pipeline)].flatMap(([id, record]) =>
        'mergedInto' in record || record.identifiers.length === 0
          ? []
          : [[names.find((name) => home(name) === id)!, record.computed['orders']]],
      ),
    )

  test('blocked, its events go to the next of their identifiers; those that carry no other make no profile', () => {
    const pipeline = seen()
    expect(ordersOf(pipeline)).toEqual({ u1: 4 })
    configure(pipeline, 1, true, ['u1'])
    for (const [name, to] of [
      ['e1', 'e1'],
      ['a1', 'e1'],
      ['e2', 'e2'],
    ] as const)
      pipeline.assign(assignmentOf(name, home(to)))
    pipeline.settle()
    expect(ordersOf(pipeline)).toEqual({ e1: 2, e2: 1 })
  })

  test('what still arrives under it is filed too; open again, everything is where it was', () => {
    const pipeline = seen()
    const before = aliveIn(pipeline)
    say(pipeline, 'u1', true)
    pipeline.settle()
    pipeline.event(eventOf(message(8, ['u1', 'e2'])))
    pipeline.settle()
    expect(eventsIn(pipeline)).toBe(4)
    say(pipeline, 'u1', false)
    pipeline.settle()
    expect(eventsIn(pipeline)).toBe(5)
    const without = seen()
    without.event(eventOf(message(8, ['u1', 'e2'])))
    without.settle()
    expect(aliveIn(pipeline)).toEqual(aliveIn(without))
    expect(aliveIn(pipeline)).not.toEqual(before)
  })
})
