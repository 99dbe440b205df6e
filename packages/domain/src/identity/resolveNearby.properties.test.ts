import { expect, test } from '@jest/globals'
import fc from 'fast-check'
import { viewIdentity } from './identityView.ts'
import { arbitraryLateStream } from './testing/arbitraryPrograms.ts'
import { createScenario, evidence, scenarioRules } from './testing/identityScenario.ts'
import { type ResolverInput } from './testing/resolveAll.ts'
import { expectKeptAsRecomputed, oracleOf, stateOf } from './testing/resolvedState.ts'

test('evidence that comes late into conflicts gives what resolving everything gives, from a part of the component', () => {
  let [recomputed, inPart] = [0, 0]
  fc.assert(
    fc.property(arbitraryLateStream, (program) => {
      const it = createScenario(program.rules)
      program.inputs.forEach((input, index) => {
        const resolution = it.feed(input)
        expect(stateOf(it)).toEqual(oracleOf({ ...program, inputs: program.inputs.slice(0, index + 1) }))
        if (index % 8 === 0) expectKeptAsRecomputed(it)
        if (!resolution.recomputed || input.kind !== 'evidence') return
        recomputed++
        const view = viewIdentity(it.rows)
        const whole = view.componentOf(input.evidence.members.map((each) => each.id)).members.length
        if (resolution.largestComponent < whole) inPart++
      })
      expectKeptAsRecomputed(it)
    }),
    { numRuns: 200 },
  )
  expect(inPart / recomputed).toBeGreaterThan(0.1)
})

test('a chain in which each takes what the last one lost is followed to where it ends, and no farther', () => {
  const rules = {
    ...scenarioRules,
    types: scenarioRules.types.map((each) => ({ ...each, maxPerProfile: 1, sharedAfter: 0 })),
  }
  const LENGTH = 8
  // Each user has an address, no room for the one of the next, and the next has it; the fifth has room for nothing more.
  const chain = Array.from({ length: LENGTH }, (_, n) => [
    evidence([`u${n}`, `e${n}`], 10 * n + 10),
    evidence([`u${n}`, `e${n + 1}`], n === 5 ? 1_000 : 10 * n + 15),
  ]).flat()
  const inputs = [...chain, evidence(['u99', 'e0'], 0)].map((seen): ResolverInput => ({
    kind: 'evidence',
    evidence: seen,
  }))
  const it = createScenario(rules)
  const last = inputs.map((input) => it.feed(input)).at(-1)!
  expect(stateOf(it)).toEqual(oracleOf({ rules, inputs }))
  expectKeptAsRecomputed(it)
  expect(last.assignments.filter((each) => each.kind === 'split').map((each) => each.identifierId)).toEqual([
    'e0',
    'e1',
    'e2',
    'e3',
    'e4',
    'e5',
  ])
  expect(last.largestComponent).toBeLessThan(2 * LENGTH)
})
