/** What is in the public topics: valid by the published schemas, and enough for a copy that follows the stated rules. */
import { describe, expect, test } from '@jest/globals'
import { type TopicSpec, changeTypes, topics } from '@tributary/contracts'
import { EventType } from '@tributary/contracts/generated/tributary/event/v1/event'
import { ChangeKind } from '@tributary/contracts/generated/tributary/identity/v1/assignment'
import fc from 'fast-check'
import { type Change, type Held, ProfileView } from '../../../examples/consumers/profileView.ts'
import { publicRecordProblems } from '../../../tests/support/publicRecordProblems.ts'
import { audience, jobs, trait } from './testing/adoptedDocuments.ts'
import { type Choices, type Pipeline, START_MS, createPipeline } from './testing/pipeline.ts'
import { assignmentOf, eventOf, home } from './testing/shopPeople.ts'

const adopted = jobs([
  audience('pro', { trait: 'traits.plan', eq: 'pro' }),
  trait('seen', { count: { event: 'Viewed' } }),
])
const people = ['u1', 'u2', 'a1', 'a2', 'e1']
const traits = fc.dictionary(
  fc.constantFrom('plan', 'a.b', 'deep', '__proto__', 'x\\y'),
  fc.oneof(
    fc.constantFrom(null, 1, 'pro', true),
    fc.array(fc.nat(), { maxLength: 2 }),
    fc.dictionary(fc.constantFrom('b', 'c.d'), fc.constantFrom(1, 'x'), { maxKeys: 2 }),
  ),
  { maxKeys: 3 },
)
const step = fc.oneof(
  { weight: 5, arbitrary: fc.record({ kind: fc.constant('event' as const), who: fc.nat(4), traits }) },
  {
    weight: 2,
    arbitrary: fc.record({ kind: fc.constant('merge' as const), who: fc.nat(4), into: fc.nat(4) }),
  },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('split' as const), who: fc.nat(4) }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('erase' as const), who: fc.nat(4) }) },
)
type Step = typeof step extends fc.Arbitrary<infer S> ? S : never

function choicesOf(numbers: readonly number[]): Choices {
  let n = 0
  return { next: (below) => (numbers[n++ % numbers.length] ?? 0) % below }
}

function run(
  steps: readonly Step[],
  choices: Choices,
  seen: (pipeline: Pipeline) => void = () => {},
): Pipeline {
  const pipeline = createPipeline()
  pipeline.configure(0, adopted, { traits: new Map(), hashOf: () => undefined })
  pipeline.settle()
  const generations = new Map<string, number>()
  for (const [n, each] of steps.entries()) {
    const name = people[each.who]!
    if (each.kind === 'event')
      pipeline.event(
        eventOf({
          messageId: `m${n}`,
          identifiers: [name],
          type: EventType.EVENT_TYPE_IDENTIFY,
          timeMs: 1_767_225_600_000 + n,
          payload: { traits: each.traits },
        }),
      )
    else if (each.kind === 'erase') {
      const generation = (generations.get(name) ?? 0) + 1
      generations.set(name, generation)
      const change = {
        id: `x${n}`,
        kind: ChangeKind.CHANGE_KIND_ERASE,
        from: home(name),
        into: '',
        cause: 'f',
      }
      pipeline.assign({
        ...assignmentOf(name, home(name).replace(/\d+$/, String(generation))),
        generation,
        change,
      })
    } else {
      const to = each.kind === 'merge' ? people[each.into]! : name
      const kind = each.kind === 'merge' ? ChangeKind.CHANGE_KIND_MERGE : ChangeKind.CHANGE_KIND_SPLIT
      const into = home(to).replace(/\d+$/, String(generations.get(to) ?? 0))
      const change = { id: `c${n}`, kind, from: home(name), into, cause: 'e' }
      pipeline.assign({ ...assignmentOf(name, into), generation: generations.get(name) ?? 0, change })
    }
    if (choices.next(3) === 0) pipeline.settle(choices)
    seen(pipeline)
  }
  pipeline.settle(choices)
  seen(pipeline)
  return pipeline
}

interface Told<T> {
  readonly partition: number
  readonly key: string
  readonly value: T
}

function told<T>(pipeline: Pipeline, topic: TopicSpec): Told<T>[][] {
  return pipeline.sent(topic).map((records, partition) =>
    records.map(({ key, value }) => ({
      partition,
      key: key!,
      value: value === null ? null : JSON.parse(Buffer.from(value).toString()),
    })),
  ) as Told<T>[][]
}

function stateOf(pipeline: Pipeline): Map<string, Held> {
  const view = new ProfileView()
  for (const records of told<Held | null>(pipeline, topics.profiles))
    for (const { key, value } of records) view.readState(key, value)
  return view.profiles
}

/** What a cleaner leaves of the state topic: the last record of each key, and of erased ones perhaps none. */
function compactedState(pipeline: Pipeline): [string, Held][] {
  const last = new Map<string, Held | null>()
  for (const records of told<Held | null>(pipeline, topics.profiles))
    for (const { key, value } of records) last.set(key, value)
  return [...last].filter((entry): entry is [string, Held] => entry[1] !== null)
}

/** Records of the partitions in an order of chance's choice; within one, their own. */
function interleaved<T>(partitions: readonly (readonly T[])[], choices: Choices): T[] {
  const left = partitions.map((records) => [...records])
  const out: T[] = []
  for (;;) {
    const open = left.filter((records) => records.length > 0)
    if (open.length === 0) return out
    out.push(open[choices.next(open.length)]!.shift()!)
  }
}

const program = [
  fc.array(step, { minLength: 1, maxLength: 40 }),
  fc.array(fc.nat(99), { minLength: 20 }),
] as const

describe('a copy of all profiles', () => {
  test('folding the change topic from its start gives the state topic, in any order of the partitions', () => {
    fc.assert(
      fc.property(...program, (steps, numbers) => {
        const choices = choicesOf(numbers)
        const pipeline = run(steps, choices)
        const view = new ProfileView()
        for (const { partition, value } of interleaved(
          told<Change>(pipeline, topics.profileChanges),
          choices,
        ))
          expect(view.follow(partition, value)).not.toBe('missed')
        expect(view.profiles).toEqual(stateOf(pipeline))
      }),
    )
  })

  test('whoever reads the state at any time and then follows the changes noted before, or was away, ends equal', () => {
    fc.assert(
      fc.property(...program, fc.nat(40), fc.nat(5), (steps, numbers, begins, later) => {
        const choices = choicesOf(numbers)
        const view = new ProfileView()
        let noted: number[] | undefined
        let n = 0
        const pipeline = run(steps, choices, (sofar) => {
          // The ends of the changes are noted first; the state is read later, so it may be newer.
          if (n === Math.min(begins, steps.length))
            noted = told(sofar, topics.profileChanges).map(({ length }) => length)
          if (n === Math.min(begins + later, steps.length))
            for (const [key, held] of stateOf(sofar)) view.readState(key, held)
          n++
        })
        const changes = told<Change>(pipeline, topics.profileChanges).map((all, i) => all.slice(noted![i]))
        for (const { partition, value } of interleaved(changes, choices)) {
          expect(view.follow(partition, value)).not.toBe('missed')
          // Delivered again: nothing changes.
          expect(view.follow(partition, value)).toBe('dropped')
        }
        expect(view.profiles).toEqual(stateOf(pipeline))
      }),
    )
  })

  test('whoever was away while the topics were compacted and expired begins anew when it is told to, and ends equal', () => {
    fc.assert(
      fc.property(...program, fc.nat(40), (steps, numbers, leaves) => {
        const choices = choicesOf(numbers)
        let view = new ProfileView()
        let atLeaving: number[] | undefined
        let n = 0
        const pipeline = run(steps, choices, (sofar) => {
          if (n++ !== Math.min(leaves, steps.length)) return
          const changes = told<Change>(sofar, topics.profileChanges)
          for (const { partition, value } of interleaved(changes, choices)) view.follow(partition, value)
          atLeaving = changes.map(({ length }) => length)
        })
        const all = told<Change>(pipeline, topics.profileChanges)
        // What is kept of the changes begins at any place behind where it was.
        const begins = all.map(({ length }, i) => {
          const left = atLeaving![i] ?? 0
          return left + choices.next(length - left + 1)
        })
        const missed = interleaved(
          all.map((records, i) => records.slice(begins[i])),
          choices,
        ).some(({ partition, value }) => view.follow(partition, value) === 'missed')
        const lost = begins.some((from, i) => from > (atLeaving![i] ?? 0))
        // A consumer's offset that is no longer there says the same as a number that is missing.
        if (missed || lost) {
          view = new ProfileView()
          for (const [key, held] of compactedState(pipeline)) view.readState(key, held)
        }
        expect(view.profiles).toEqual(stateOf(pipeline))
        expect(lost || !missed).toBe(true)
      }),
    )
  })

  test('a change that never came is noticed at the next one of its partition', () => {
    const pipeline = run(
      [1, 2, 3].map((n) => ({ kind: 'event' as const, who: 0, traits: { plan: n } })),
      choicesOf([0]),
    )
    const [first, , third] = told<Change>(pipeline, topics.profileChanges).flat()
    const view = new ProfileView()
    expect(view.follow(first!.partition, first!.value)).toBe('applied')
    expect(view.follow(third!.partition, third!.value)).toBe('missed')
  })
})

describe('the published documents', () => {
  test.each([topics.profiles, topics.profileChanges, topics.audienceMemberships, topics.audienceChanges])(
    '$name: every record is as the AsyncAPI document and its schema say, and has no field they do not name',
    (topic) => {
      fc.assert(
        fc.property(...program, (steps, numbers) => {
          const ids = new Set<string>()
          for (const records of run(steps, choicesOf(numbers)).sent(topic))
            for (const record of records) {
              expect(publicRecordProblems(topic, record)).toEqual([])
              ids.add(record.headers['ce_id']!)
            }
          expect(ids.size).toBe(run(steps, choicesOf(numbers)).sent(topic).flat().length)
        }),
        { numRuns: 50 },
      )
    },
  )
})

describe('types of changes', () => {
  const typesOf = (pipeline: Pipeline, topic: TopicSpec) =>
    pipeline
      .sent(topic)
      .flat()
      .map(({ headers }) => headers['ce_type'])

  test('a consent that changes has a type of its own, whatever else the event says', () => {
    const pipeline = createPipeline()
    for (const [n, given] of [true, false, false].entries()) {
      const context = { consent: { categoryPreferences: { email: given } } }
      const payload = { traits: { plan: `p${n}` }, context }
      pipeline.event(eventOf({ messageId: `m${n}`, identifiers: ['u1'], timeMs: START_MS + n, payload }))
      pipeline.settle()
    }
    expect(typesOf(pipeline, topics.profileChanges)).toEqual([
      changeTypes.profileCreated,
      changeTypes.consentChanged,
    ])
  })

  test('a membership that a join had brought about is corrected when the join is undone', () => {
    const pipeline = createPipeline()
    pipeline.configure(0, adopted, { traits: new Map(), hashOf: () => undefined })
    pipeline.settle()
    const identify = (messageId: string, name: string, plan: string) => {
      const type = EventType.EVENT_TYPE_IDENTIFY
      pipeline.event(eventOf({ messageId, identifiers: [name], type, payload: { traits: { plan } } }))
      pipeline.settle()
    }
    identify('m1', 'u1', 'free')
    identify('m2', 'u2', 'pro')
    pipeline.assign(assignmentOf('u2', home('u1')))
    pipeline.settle()
    pipeline.assign(
      assignmentOf('u2', home('u2'), {
        kind: ChangeKind.CHANGE_KIND_SPLIT,
        from: home('u1'),
        into: home('u2'),
      }),
    )
    pipeline.settle()
    const flips = pipeline
      .sent(topics.audienceChanges)
      .flat()
      .map(({ key, value, headers }) => {
        const { change } = JSON.parse(Buffer.from(value!).toString()) as { change: string }
        return [key, change, headers['ce_type']]
      })
    expect(flips.filter(([key]) => key === home('u1'))).toEqual([
      [home('u1'), 'entered', changeTypes.audienceEntered],
      [home('u1'), 'left', changeTypes.audienceCorrected],
    ])
    expect(flips.filter(([key]) => key === home('u2')).at(-1)).toEqual([
      home('u2'),
      'entered',
      changeTypes.audienceCorrected,
    ])
  })
})
