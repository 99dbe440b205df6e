import { describe, expect, test } from '@jest/globals'
import fc from 'fast-check'
import { readyRules } from './resolverRules.ts'
import { viewIdentity } from './identityView.ts'
import {
  arbitraryEvidence,
  arbitraryProgram,
  arbitraryRules,
  arbitraryStream,
  type Program,
} from './testing/arbitraryPrograms.ts'
import { type Scenario, createScenario, evidence, fact } from './testing/identityScenario.ts'
import { expectKeptAsRecomputed, oracleOf, stateOf } from './testing/resolvedState.ts'
import { type ResolverInput } from './testing/resolveAll.ts'

function run(program: Program): Scenario {
  const it = createScenario(program.rules)
  for (const input of program.inputs) it.feed(input)
  return it
}

/** Where the assignments sent lead, one after another; every one begins where the last one ended. */
function followed(it: Scenario): Record<string, string> {
  const profiles = Object.fromEntries([...it.rows.identifiers.range('', '~')].map(([id]) => [id, `${id}-0`]))
  for (const { identifierId, from, into } of it.sent) {
    expect(`${from.identifierId}-${from.generation}`).toBe(profiles[identifierId])
    profiles[identifierId] = `${into.identifierId}-${into.generation}`
  }
  return profiles
}

/** Named by somebody, but by nothing that counts: it may be known to one run and not to the other. */
function withDefaults(a: Record<string, string>, b: Record<string, string>): Record<string, string> {
  return { ...Object.fromEntries(Object.keys(b).map((id) => [id, `${id}-0`])), ...a }
}

describe('the resolver', () => {
  test('gives after every prefix what resolving everything at once gives', () => {
    fc.assert(
      fc.property(arbitraryProgram, (program) => {
        const it = createScenario(program.rules)
        program.inputs.forEach((input, index) => {
          it.feed(input)
          expect(stateOf(it)).toEqual(oracleOf({ ...program, inputs: program.inputs.slice(0, index + 1) }))
        })
      }),
      { numRuns: 2_000 },
    )
  })

  test('gives the same on streams of evidence, most of which it resolves by itself', () => {
    const [all, recomputed] = [new Set<object>(), new Set<object>()]
    fc.assert(
      fc.property(arbitraryStream, (program) => {
        const it = createScenario(program.rules)
        program.inputs.forEach((input, index) => {
          const resolution = it.feed(input)
          if (input.kind === 'evidence') all.add(input)
          if (input.kind === 'evidence' && resolution.recomputed) recomputed.add(input)
          expect(stateOf(it)).toEqual(oracleOf({ ...program, inputs: program.inputs.slice(0, index + 1) }))
        })
        expectKeptAsRecomputed(it)
      }),
      { numRuns: 1_000 },
    )
    expect(recomputed.size / all.size).toBeLessThan(0.5)
  })

  test('keeps conflicts and clusters in every detail as recomputing everything gives them', () => {
    fc.assert(
      fc.property(arbitraryProgram, (program) => {
        const it = createScenario(program.rules)
        for (const input of program.inputs) {
          it.feed(input)
          expectKeptAsRecomputed(it)
        }
      }),
      { numRuns: 500 },
    )
  })

  test('gives the same whatever the order of arrival', () => {
    const shuffled = arbitraryProgram.chain((program) =>
      fc
        .shuffledSubarray([...program.inputs], { minLength: program.inputs.length })
        .map((inputs) => [program, { ...program, inputs }] as const),
    )
    fc.assert(
      fc.property(shuffled, ([program, other]) => {
        expect(stateOf(run(other))).toEqual(stateOf(run(program)))
      }),
      { numRuns: 300 },
    )
  })

  test('gives the same when inputs arrive twice', () => {
    const doubled = arbitraryProgram.chain((program) =>
      fc
        .array(fc.constantFrom(...program.inputs), { maxLength: 10 })
        .map((again) => [program, { ...program, inputs: [...program.inputs, ...again] }] as const),
    )
    fc.assert(
      fc.property(doubled, ([program, other]) => {
        expect(stateOf(run(other))).toEqual(stateOf(run(program)))
      }),
      { numRuns: 300 },
    )
  })

  test('says exactly what changed: the assignments sent, one after another, give the profiles', () => {
    fc.assert(
      fc.property(arbitraryProgram, (program) => {
        const it = run(program)
        const { profiles } = stateOf(it)
        expect(followed(it)).toEqual(profiles)
        // Whoever gives its name to others has an assignment that says so.
        const assigned = new Set(it.sent.map((each) => each.identifierId))
        const unannounced = Object.entries(profiles).filter(
          ([id, profile]) => profile !== `${id}-0` && !assigned.has(profile.split('-')[0]!),
        )
        expect(unannounced).toEqual([])
      }),
      { numRuns: 300 },
    )
  })

  test('knows the members of every profile', () => {
    fc.assert(
      fc.property(arbitraryProgram, (program) => {
        const it = run(program)
        const { profiles } = stateOf(it)
        for (const [key] of it.rows.membersOf.range('', '~')) {
          const [naming, id] = key.split('|') as [string, string]
          expect(profiles[id]!.split('-')[0]).toBe(naming)
        }
        const members = new Set([...it.rows.membersOf.range('', '~')].map(([key]) => key))
        const missing = Object.entries(profiles).filter(
          ([id, profile]) => profile !== `${id}-0` && !members.has(`${profile.split('-')[0]}|${id}`),
        )
        expect(missing).toEqual([])
      }),
      { numRuns: 300 },
    )
  })

  test('never breaks a limit or a separation: but by joins, which count once', () => {
    const withoutJoins = arbitraryProgram.map((program) => ({
      ...program,
      inputs: program.inputs.filter(
        (each) =>
          each.kind === 'rules' ||
          (each.kind === 'evidence' ? each.evidence.class !== 'join' : each.fact.kind !== 'join'),
      ),
    }))
    fc.assert(
      fc.property(withoutJoins, (program) => {
        const it = run(program)
        const { profiles, shared, blocked } = stateOf(it)
        const rules = readyRules(it.rows.rules.get('rules')!.rules)
        const held = new Map<string, number>()
        for (const [id, profile] of Object.entries(profiles)) {
          const type = it.rows.identifiers.get(id)!.type
          const count = (held.get(`${profile} ${type}`) ?? 0) + 1
          held.set(`${profile} ${type}`, count)
          expect(count).toBeLessThanOrEqual(rules.limitOf(type))
        }
        const view = viewIdentity(it.rows)
        const separations = Object.keys(profiles)
          .flatMap((id) => view.activeFactsOf(id))
          .filter((each) => each.kind === 'separate')
          .map((each) => each.members.map(({ id }) => profiles[id]))
        expect(separations.filter(([a, b]) => a === b)).toEqual([])
        for (const id of [...shared, ...blocked]) expect(profiles[id]).toMatch(new RegExp(`^${id}-`))
      }),
      { numRuns: 300 },
    )
  })

  test('separating what was joined gives exactly what was before the join', () => {
    fc.assert(
      fc.property(arbitraryProgram, (program) => {
        const plain = {
          ...program,
          inputs: program.inputs.filter((each) => each.kind !== 'fact' || each.fact.kind !== 'join'),
        }
        const it = run(plain)
        const before = stateOf(it)
        it.said('join', ['u1', 'u2'], 50, { id: 'the-join' })
        if (before.profiles['u1'] !== undefined && before.profiles['u1'] === before.profiles['u2']) return
        it.said('separate', ['u1', 'u2'], 51, { id: 'the-separation' })
        const after = stateOf(it)
        expect(after.profiles).toEqual(withDefaults(before.profiles, after.profiles))
      }),
      { numRuns: 300 },
    )
  })

  test('adding evidence and retracting it changes nothing', () => {
    fc.assert(
      fc.property(arbitraryProgram, arbitraryEvidence, (program, added) => {
        if (added.kind !== 'evidence') return
        const known = program.inputs.some(
          (each) => each.kind === 'evidence' && each.evidence.id === added.evidence.id,
        )
        fc.pre(!known)
        const it = run(program)
        const before = stateOf(it)
        it.feed(added)
        it.said('retract', [], 60, { id: 'undo', retracts: added.evidence.id })
        const after = stateOf(it)
        expect(after.profiles).toEqual(withDefaults(before.profiles, after.profiles))
        expect(after.conflicts).toEqual(before.conflicts)
      }),
      { numRuns: 300 },
    )
  })

  test('blocking an identifier gives what never having seen it gives, and unblocking undoes it', () => {
    const without = (input: ResolverInput): readonly ResolverInput[] => {
      if (input.kind === 'evidence') {
        const names = input.evidence.members.map((each) => each.id).filter((id) => id !== 'u1')
        if (names.length < 2) return []
        return [{ kind: 'evidence', evidence: evidence(names, input.evidence.firstTimeMs, input.evidence) }]
      }
      // A fact about it alone goes; a pair with it says nothing about the other.
      if (input.kind === 'fact' && input.fact.members.some((each) => each.id === 'u1')) {
        const names = input.fact.members.map((each) => each.id).filter((id) => id !== 'u1')
        if (names.length === 0 || ['join', 'separate'].includes(input.fact.kind)) return []
        return [
          { kind: 'fact', fact: fact(input.fact.kind, names, input.fact.timeMs, { id: input.fact.id }) },
        ]
      }
      return [input]
    }
    fc.assert(
      fc.property(arbitraryProgram, (program) => {
        // What is retracted or erased by id or time is another set once a member is missing.
        const inputs = program.inputs.filter(
          (each) => each.kind !== 'fact' || !['retract', 'erase'].includes(each.fact.kind),
        )
        const it = run({ ...program, inputs })
        const before = stateOf(it)
        it.said('block', ['u1'], 70, { id: 'the-block' })
        const blocked = stateOf(it).profiles
        const never = stateOf(run({ ...program, inputs: inputs.flatMap(without) })).profiles
        delete blocked['u1']
        expect(blocked).toEqual(withDefaults(never, blocked))

        // Undone by what was in force before: nothing, or an earlier block.
        it.said('retract', [], 71, { id: 'undo', retracts: 'the-block' })
        const after = stateOf(it)
        expect(after.profiles).toEqual(withDefaults(before.profiles, after.profiles))
        expect(after.conflicts).toEqual(before.conflicts)
      }),
      { numRuns: 300 },
    )
  })

  test('a stranger changes nobody else', () => {
    fc.assert(
      fc.property(arbitraryProgram, (program) => {
        const it = run(program)
        const before = stateOf(it)
        const { assignments } = it.saw(['u9', 'a9'], 3)
        expect(assignments.map((each) => each.identifierId)).toEqual(['a9', 'u9'])
        const { profiles } = stateOf(it)
        delete profiles['u9']
        delete profiles['a9']
        expect(profiles).toEqual(before.profiles)
      }),
      { numRuns: 200 },
    )
  })

  test('an event of a known user stays with that user whatever weak identifiers say', () => {
    fc.assert(
      fc.property(fc.array(arbitraryEvidence, { maxLength: 20 }), (inputs) => {
        const it = createScenario()
        for (const each of inputs)
          if (each.kind === 'evidence' && each.evidence.class !== 'join') it.feed(each)
        const { profiles } = stateOf(it)
        const users = Object.keys(profiles).filter((id) => id.startsWith('u'))
        expect(users.map((id) => profiles[id])).toEqual(users.map((id) => `${id}-0`))
      }),
      { numRuns: 300 },
    )
  })
})

describe('a change of the rules', () => {
  test('carried out in steps while inputs arrive ends where resolving everything at once ends', () => {
    fc.assert(
      fc.property(arbitraryProgram, arbitraryRules, (program, rules) => {
        const it = createScenario(program.rules)
        const half = Math.floor(program.inputs.length / 2)
        const change: ResolverInput = { kind: 'rules', rules, configOffset: 9 }
        for (const input of program.inputs.slice(0, half)) it.feed(input)
        it.begin(change)
        for (const input of program.inputs.slice(half)) {
          it.begin(input)
          it.walk(1)
        }
        while (it.resolver.isWalking()) it.walk(2)
        const inputs = [...program.inputs.slice(0, half), change, ...program.inputs.slice(half)]
        expect(stateOf(it)).toEqual(oracleOf({ ...program, inputs }))
        expect(followed(it)).toEqual(stateOf(it).profiles)
        expectKeptAsRecomputed(it)
      }),
      { numRuns: 1_000 },
    )
  })

  test('that comes while another is carried out ends where resolving everything at once ends', () => {
    fc.assert(
      fc.property(
        arbitraryProgram,
        arbitraryRules,
        arbitraryRules,
        fc.nat(12),
        (program, one, two, walked) => {
          const it = createScenario(program.rules)
          const changes = [one, two].map((rules, index): ResolverInput => ({
            kind: 'rules',
            rules: { ...rules, hash: `${index}` },
            configOffset: 9 + index,
          }))
          const half = Math.floor(program.inputs.length / 2)
          for (const input of program.inputs.slice(0, half)) it.feed(input)
          it.begin(changes[0]!)
          for (let n = 0; n < walked; n++) it.walk(1)
          it.begin(changes[1]!)
          for (const input of program.inputs.slice(half)) {
            it.begin(input)
            it.walk(1)
          }
          while (it.resolver.isWalking()) it.walk(2)
          const inputs = [...program.inputs.slice(0, half), ...changes, ...program.inputs.slice(half)]
          expect(stateOf(it)).toEqual(oracleOf({ ...program, inputs }))
          expect(followed(it)).toEqual(stateOf(it).profiles)
          expectKeptAsRecomputed(it)
        },
      ),
      { numRuns: 1_000 },
    )
  })
})
