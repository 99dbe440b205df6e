import fc from 'fast-check'
import { type Fact } from '../fact.ts'
import { type ResolverRules } from '../resolverRules.ts'
import { evidence, fact, member, scenarioRules } from './identityScenario.ts'
import { type ResolverInput } from './resolveAll.ts'

/** Few identifiers, so that they meet often. */
const names = 'u1 u2 u3 u4 l1 l2 l3 e1 e2 e3 p1 a1 a2 a3 a4 x1 x2'.split(' ')
const name = fc.constantFrom(...names)
const set = fc.uniqueArray(name, { minLength: 2, maxLength: 4 })
const time = fc.integer({ min: 0, max: 20 })

const evidenceInput: fc.Arbitrary<ResolverInput> = fc
  .record({
    names: set,
    time,
    receivedTimeMs: fc.integer({ min: 0, max: 40 }),
    class: fc.constantFrom('co-occurrence', 'co-occurrence', 'identify', 'alias', 'join'),
    sourceId: fc.constantFrom('web', 'pos'),
  })
  .map((each) => ({ kind: 'evidence', evidence: evidence(each.names, each.time, each) }))

/** A program's facts may retract its evidence, its facts and each other. */
const factInput = (index: number, retractable: readonly string[]): fc.Arbitrary<ResolverInput> => {
  const id = `f${index}`
  const two = fc.uniqueArray(name, { minLength: 2, maxLength: 2 })
  const some = fc.uniqueArray(name, { minLength: 1, maxLength: 3 })
  const made: fc.Arbitrary<Fact> = fc.oneof(
    fc
      .tuple(fc.constantFrom('join' as const, 'separate' as const), two, time)
      .map(([kind, each, at]) => fact(kind, each, at, { id })),
    fc
      .tuple(
        fc.constantFrom(
          ...(['block', 'unblock', 'shared', 'not-shared', 'erase'] as const satisfies readonly string[]),
        ),
        some,
        time,
      )
      .map(([kind, each, at]) => fact(kind, each, at, { id })),
    fc
      .tuple(fc.constantFrom(...retractable, 'f0', 'f1', 'f2'), time)
      .map(([retracts, at]) => fact('retract', [], at, { id, retracts })),
  )
  return made.map((each) => ({ kind: 'fact', fact: each }))
}

/** Limits, and when a type is shared: of the strong types and of the weak ones apart, and all may be without. */
const arbitraryLimits = fc.record({
  strong: fc.integer({ min: 0, max: 2 }),
  email: fc.integer({ min: 0, max: 3 }),
  other: fc.integer({ min: 0, max: 3 }),
})

/** Changes of every sort that is carried out live: limits, sharedAfter, owner policy, blocked values. */
export const arbitraryRules: fc.Arbitrary<ResolverRules> = fc
  .record({
    sharedAfter: arbitraryLimits,
    max: arbitraryLimits,
    owner: fc.constantFrom('first' as const, 'nobody' as const),
    blocked: fc.uniqueArray(name, { maxLength: 2 }),
  })
  .map(({ sharedAfter, max, owner, blocked }) => ({
    types: scenarioRules.types.map((each) => {
      const of = each.strong ? 'strong' : each.type === 'email' ? 'email' : 'other'
      return { ...each, maxPerProfile: max[of], ...(!each.strong && { sharedAfter: sharedAfter[of] }) }
    }),
    owner,
    blocked: blocked.map(member),
    hash: JSON.stringify([sharedAfter, max, owner, blocked]),
  }))

const rulesInput = (index: number): fc.Arbitrary<ResolverInput> =>
  arbitraryRules.map((rules) => ({ kind: 'rules', rules, configOffset: index + 1 }))

export interface Program {
  readonly rules: ResolverRules
  readonly inputs: readonly ResolverInput[]
}

/** Rules to begin with, then evidence, facts and changes of the rules, mixed. */
export const arbitraryProgram: fc.Arbitrary<Program> = fc
  .array(evidenceInput, { minLength: 1, maxLength: 14 })
  .chain((seen) => {
    const ids = seen.flatMap((each) => (each.kind === 'evidence' ? [each.evidence.id] : []))
    const facts = fc
      .integer({ min: 0, max: 6 })
      .chain((count) => fc.tuple(...Array.from({ length: count }, (_, index) => factInput(index, ids))))
    const rules = fc
      .integer({ min: 0, max: 2 })
      .chain((count) => fc.tuple(...Array.from({ length: count }, (_, index) => rulesInput(index))))
    return fc.record({ rules: arbitraryRules, facts, changes: rules }).chain((rest) =>
      fc
        .shuffledSubarray([...seen, ...rest.facts, ...rest.changes], {
          minLength: seen.length + rest.facts.length + rest.changes.length,
        })
        .map((inputs) => ({ rules: rest.rules, inputs })),
    )
  })

/** Evidence only, of the same few identifiers. */
export const arbitraryEvidence = evidenceInput

/**
 * Evidence as it comes in life: later and later but for a few, of users who are seen again and again with more devices
 * and addresses, with low limits, and now and then a fact. Much of it is resolved by itself.
 */
export const arbitraryStream: fc.Arbitrary<Program> = fc
  .array(
    fc.record({
      user: fc.constantFrom('u1', 'u2', undefined),
      others: fc.uniqueArray(fc.constantFrom(...'e1 e2 p1 a1 a2 a3 a4 a5 a6 a7 a8 a9'.split(' ')), {
        minLength: 1,
        maxLength: 3,
      }),
      class: fc.constantFrom('co-occurrence' as const, 'identify' as const),
      late: fc.integer({ min: 0, max: 9 }),
      retract: fc.integer({ min: 0, max: 29 }),
      pair: fc.uniqueArray(name, { minLength: 2, maxLength: 2 }),
    }),
    { minLength: 5, maxLength: 40 },
  )
  .chain((steps) =>
    arbitraryRules.map((rules) => {
      const inputs = steps.flatMap((step, index): readonly ResolverInput[] => {
        const at = step.late === 0 ? Math.floor(index / 2) : index
        const together = step.user ? [step.user, ...step.others] : step.others
        const seen = evidence(together, at, { class: step.class, receivedTimeMs: index })
        const id = `s${index}`
        const said: readonly ResolverInput[] =
          step.retract === 0
            ? [{ kind: 'fact', fact: fact('retract', [], index, { id, retracts: seen.id }) }]
            : step.retract === 1
              ? [{ kind: 'fact', fact: fact('separate', step.pair, index, { id }) }]
              : step.retract === 2
                ? [{ kind: 'fact', fact: fact('join', step.pair, index, { id }) }]
                : []
        return together.length < 2 ? said : [{ kind: 'evidence', evidence: seen }, ...said]
      })
      return { rules, inputs }
    }),
  )

/**
 * Evidence at any time, of users with addresses and devices that several of them have: most of it is refused, in long chains,
 * and what comes late changes who holds what, and that who holds something else.
 */
export const arbitraryLateStream: fc.Arbitrary<Program> = fc.record({
  rules: fc.integer({ min: 1, max: 3 }).map((weak) => ({
    types: scenarioRules.types.map((each) => ({
      ...each,
      ...(each.strong ? { maxPerProfile: 1 } : { maxPerProfile: weak, sharedAfter: 0 }),
    })),
    owner: 'first' as const,
    blocked: [],
    hash: `weak ${weak}`,
  })),
  inputs: fc.array(
    fc
      .record({
        at: fc.integer({ min: 0, max: 9 }),
        beside: fc.constantFrom(0, 0, 1, 1, 2),
        weak: fc.subarray(['e', 'a'], { minLength: 1 }),
        user: fc.constantFrom('u', 'u', 'u', 'p'),
        // Mostly so that who has one address has no room for the next, which falls to the next user.
        late: fc.option(time, { freq: 3 }),
        class: fc.constantFrom('co-occurrence' as const, 'co-occurrence' as const, 'identify' as const),
      })
      .map(({ at, beside, weak, user, late, ...rest }): ResolverInput => {
        const together = [`${user}${at + beside}`, ...weak.map((letter) => `${letter}${at}`)]
        const seen = evidence(together, late ?? 20 - 2 * at - beside, { class: rest.class })
        return { kind: 'evidence', evidence: seen }
      }),
    { minLength: 10, maxLength: 40 },
  ),
})
