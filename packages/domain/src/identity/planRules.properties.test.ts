import { describe, expect, test } from '@jest/globals'
import fc from 'fast-check'
import { type AssignmentChange } from './assignmentChanges.ts'
import { summarise } from './describeExplanation.ts'
import { type ProfileName, sameProfile } from './identityState.ts'
import { planRules } from './planRules.ts'
import { type ResolverRules } from './resolverRules.ts'
import { type RulesPlan } from './rulesPlan.ts'
import { arbitraryProgram, arbitraryRules, arbitraryStream } from './testing/arbitraryPrograms.ts'
import { type Scenario, createScenario, scenarioRules } from './testing/identityScenario.ts'
import { toTheEnd } from './toTheEnd.ts'

/** More samples than a program has identifiers: every move is one. */
const ALL = 1_000

const textOf = (name: ProfileName): string => `${name.identifierId}-${name.generation}`

function planOf(it: Scenario, rules: ResolverRules, more: { maxGroup?: number; samples?: number } = {}) {
  return toTheEnd(planRules(() => it.rows, rules, { samples: ALL, ...more }))
}

/** The same from what was done. */
function doneBy(sent: readonly AssignmentChange[]) {
  const moved = sent.filter((each) => !sameProfile(each.from, each.into))
  const ofKind = (kind: string) => moved.filter((each) => each.kind === kind)
  const kinds = ['merge', 'split', 'rename']
  const pairs = new Map<string, string[]>()
  for (const each of moved) {
    const key = `${each.kind} ${textOf(each.from)} ${textOf(each.into)}`
    pairs.set(key, [...(pairs.get(key) ?? []), each.identifierId])
  }
  return {
    identifiers: Object.fromEntries(kinds.map((kind) => [kind, ofKind(kind).length])),
    profiles: Object.fromEntries(
      kinds.map((kind) => [kind, new Set(ofKind(kind).map((each) => textOf(each.from))).size]),
    ),
    moves: new Map([...pairs].map(([key, ids]) => [key, ids.length])),
  }
}

function plannedBy({ identifiers, profiles, samples }: RulesPlan) {
  const moves = [...samples.merge, ...samples.split, ...samples.rename]
  return {
    identifiers,
    profiles,
    moves: new Map(
      moves.map((each) => [`${each.kind} ${textOf(each.from)} ${textOf(each.into)}`, each.identifiers]),
    ),
  }
}

function sizes(it: Scenario): readonly number[] {
  const found = new Map<string, number>()
  for (const [id] of it.rows.identifiers.range('', '~'))
    found.set(it.profile(id), (found.get(it.profile(id)) ?? 0) + 1)
  return [...found.values()].sort((a, b) => b - a)
}

/** An earlier change that has been carried out for some identifiers, or for none, when the next one is planned. */
const halfway = fc.record({ rules: arbitraryRules, walked: fc.nat(12) })

const programs = fc.oneof(arbitraryProgram, arbitraryStream)

describe('a plan of changed rules', () => {
  test('says what carrying the change out then does, move by move', () => {
    fc.assert(
      fc.property(
        programs,
        halfway,
        arbitraryRules,
        fc.integer({ min: 1, max: 20 }),
        (program, other, rules, steps) => {
          const it = createScenario(program.rules)
          for (const input of program.inputs) it.feed(input)
          if (other.walked > 0) it.begin({ kind: 'rules', rules: other.rules, configOffset: 98 })
          for (let n = 1; n < other.walked; n++) it.walk(1)
          const before = { sizes: sizes(it), conflicts: it.conflicts().length, known: it.sent.length }
          const standings = new Map(
            [...it.rows.identifiers.range('', '~')].map(([id, row]) => [id, row.standing]),
          )
          const plan = planOf(it, rules)

          it.begin({ kind: 'rules', rules, configOffset: 99 })
          while (it.resolver.isWalking()) it.walk(steps)
          expect(plannedBy(plan)).toEqual(doneBy(it.sent.slice(before.known)))
          for (const { into, members } of Object.values(plan.samples).flat())
            expect(members.map(({ id }) => it.profile(id))).toEqual(members.map(() => textOf(into)))
          expect(plan.lookedAt).toBe(standings.size)
          expect(plan.conflicts).toEqual({ before: before.conflicts, after: it.conflicts().length })
          expect([plan.largest.before?.identifiers, plan.largest.after?.identifiers]).toEqual([
            before.sizes[0],
            sizes(it)[0],
          ])
          const changed = [...it.rows.identifiers.range('', '~')]
            .filter(([id, row]) => row.standing !== standings.get(id))
            .map(([id, row]) => `${standings.get(id)} → ${row.standing}`)
          expect(
            [...plan.standings].flatMap(([change, n]) => Array.from({ length: n }, () => change)).sort(),
          ).toEqual(changed.sort())
        },
      ),
      { numRuns: 2_000 },
    )
  })

  test('changes nothing', () => {
    fc.assert(
      fc.property(programs, arbitraryRules, (program, rules) => {
        const it = createScenario(program.rules)
        for (const input of program.inputs) it.feed(input)
        const dump = () =>
          JSON.stringify(Object.entries(it.rows).map(([name, rows]) => [name, [...rows.range('', '~')]]))
        const before = dump()
        planOf(it, rules)
        expect(dump()).toBe(before)
      }),
      { numRuns: 200 },
    )
  })

  test('says why of each sample: together what merges, apart what splits', () => {
    fc.assert(
      fc.property(programs, arbitraryRules, (program, rules) => {
        const it = createScenario(program.rules)
        for (const input of program.inputs) it.feed(input)
        const { samples } = planOf(it, rules)
        it.feed({ kind: 'rules', rules, configOffset: 99 })
        for (const { because } of samples.merge) expect(because?.together).toBe(true)
        for (const { from, into, because } of samples.split)
          expect(because?.together).toBe(it.profile(from.identifierId) === textOf(into))
        const sentences = [...samples.merge, ...samples.split].map(({ because }) =>
          summarise(because!, ({ id }) => id),
        )
        expect(sentences.filter((each) => each.includes('nothing has ever joined them'))).toEqual([])
      }),
      { numRuns: 500 },
    )
  })

  test('names the largest moves, and counts what is too large to be worked out instead of working it out', () => {
    const it = createScenario()
    for (const [user, devices] of [
      ['u1', 2],
      ['u2', 6],
      ['u3', 4],
    ] as const)
      for (let n = 0; n < devices; n++) it.saw([user, `a${user}${n}`], n)
    const rules: ResolverRules = {
      ...scenarioRules,
      types: scenarioRules.types.map((each) =>
        each.type === 'anonymous_id' ? { ...each, maxPerProfile: 1 } : each,
      ),
    }
    const { samples, identifiers, largest } = planOf(it, rules, { samples: 2 })
    expect(identifiers.split).toBe(1 + 5 + 3)
    expect(samples.split).toHaveLength(2)
    expect(largest).toEqual({
      before: { name: { identifierId: 'u2', generation: 0 }, identifiers: 7 },
      after: { name: { identifierId: 'u1', generation: 0 }, identifiers: 2 },
    })
    const bounded = planOf(it, rules, { maxGroup: 5 })
    expect(bounded.identifiers.split).toBe(1 + 3)
    expect(bounded.tooLarge).toEqual({ groups: 1, identifiers: 6 })
  })
})
