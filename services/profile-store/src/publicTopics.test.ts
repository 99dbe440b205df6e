/** What is in the public topics: valid by the published schemas, and enough for a copy that follows the stated rules. */
import { readFileSync } from 'node:fs'
import { describe, expect, test } from '@jest/globals'
import { type TopicSpec, topics } from '@tributary/contracts'
import { EventType } from '@tributary/contracts/generated/tributary/event/v1/event'
import { ChangeKind } from '@tributary/contracts/generated/tributary/identity/v1/assignment'
import { Ajv2020 } from 'ajv/dist/2020.js'
import fc from 'fast-check'
import { type Change, type Held, ProfileView } from '../../../examples/consumers/profileView.ts'
import { type Choices, type Pipeline, createPipeline } from './testing/pipeline.ts'
import { assignmentOf, eventOf, home } from './testing/shopPeople.ts'

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

/** A schema as it is published is open, for readers; what we write has no field that is not in it. */
function closed(schema: unknown): unknown {
  if (Array.isArray(schema)) return schema.map(closed)
  if (typeof schema !== 'object' || schema === null) return schema
  const copy = Object.fromEntries(Object.entries(schema).map(([key, value]) => [key, closed(value)]))
  return 'properties' in copy && !('additionalProperties' in copy)
    ? { ...copy, additionalProperties: false }
    : copy
}

describe('the published schemas', () => {
  test.each([
    ['profile', topics.profiles],
    ['profile-change', topics.profileChanges],
  ])('%s: every record is valid, and has no field the schema does not name', (name, topic) => {
    const file = new URL(`../../../docs/reference/schemas/${name}.schema.json`, import.meta.url)
    const validate = new Ajv2020({ strict: false }).compile(
      closed(JSON.parse(readFileSync(file, 'utf8'))) as object,
    )
    fc.assert(
      fc.property(...program, (steps, numbers) => {
        for (const { value } of told(run(steps, choicesOf(numbers)), topic).flat())
          expect([value, value === null || validate(value), validate.errors]).toEqual([value, true, null])
      }),
      { numRuns: 50 },
    )
  })
})
