import { expect, test } from '@jest/globals'
import fc from 'fast-check'
import { keepAggregates } from '../aggregate/keepAggregates.ts'
import { nextExpiry } from '../aggregate/aggregateValue.ts'
import { expiryOf, parseWindow } from '../aggregate/window.ts'
import { type FoldableEvent, eventFacts } from '../profile/eventFacts.ts'
import { type Fragment, foldEvent } from '../profile/fragment.ts'
import { type Profile, findAggregate, foldProfile } from '../profile/profile.ts'
import { anchors, arbitraryEvents } from '../profile/testing/arbitraryEvents.ts'
import { type AudienceIndex, indexAudiences } from './audienceIndex.ts'
import { compileAudience } from './compileAudience.ts'
import { type Condition } from './condition.ts'
import { inReadingOrder } from './inReadingOrder.ts'
import { type AudienceInForce, judgeAudiences, judgedProfile } from './judgeAudience.ts'
import { judgeAnew, judgeFirst, judgeTouched } from './judgeTouched.ts'
import { type Touched, nothingTouched, touchPart } from './touched.ts'
import { arbitraryCondition, tradedTraits } from './testing/arbitraryConditions.ts'

const HOUR = 3_600_000
const DAY = 24 * HOUR

type Step =
  | { readonly kind: 'event'; readonly event: FoldableEvent }
  /** To another profile: a merge, a split; undefined: to nobody, while its fragment stays. */
  | { readonly kind: 'place'; readonly anchor: number; readonly profile: number | undefined }
  | { readonly kind: 'erase'; readonly anchor: number }
  | { readonly kind: 'tick'; readonly byMs: number }
  /** What was done so far is judged in one go. */
  | { readonly kind: 'judge' }

const steps: fc.Arbitrary<Step[]> = fc
  .tuple(
    arbitraryEvents(20),
    fc.infiniteStream(
      fc.oneof(
        fc.record({
          kind: fc.constant('place' as const),
          anchor: fc.nat(anchors.length - 1),
          profile: fc.constantFrom(0, 0, 1, 2, undefined),
        }),
        fc.record({ kind: fc.constant('erase' as const), anchor: fc.nat(anchors.length - 1) }),
        fc.record({
          kind: fc.constant('tick' as const),
          byMs: fc.constantFrom(1, HOUR, DAY - 1, DAY, 2 * DAY),
        }),
        fc.constant({ kind: 'judge' as const }),
        fc.constant({ kind: 'judge' as const }),
      ),
    ),
    fc.infiniteStream(fc.nat(2)),
  )
  .map(([events, others, gaps]) =>
    events.flatMap((event): Step[] => [
      { kind: 'event', event },
      ...Array.from({ length: gaps.next().value as number }, () => others.next().value as Step),
    ]),
  )

/** One judgement, and what judging everything gives. */
interface Seen {
  readonly members: readonly string[]
  readonly naiveMembers: readonly string[]
  readonly moved: readonly number[]
  readonly anewMoved: readonly number[]
  /** Flips that tell nothing, or something that judging everything did not see. */
  readonly misled: readonly unknown[]
}

interface Memory {
  readonly moved: readonly number[]
  readonly members: ReadonlySet<string>
  readonly dueMs: number
}

/** Profiles of parts, judged as a profile task does: by what changed, with what it kept of the last time. */
class World {
  readonly audiences: AudienceInForce[]
  readonly #index: AudienceIndex
  readonly #kept: ReturnType<typeof keepAggregates>
  readonly #windowed: ReturnType<typeof compileAudience>['aggregates']
  readonly #fragments = new Map<string, Fragment>()
  /** Anchor → profile. */
  readonly #places = new Map<string, number>(anchors.map(({ id }, i) => [id, i % 3]))
  readonly #parts = [0, 1, 2].map(() => new Map<string, Fragment | undefined>())
  readonly #touched = new Map<number, Touched>()
  readonly #memory = new Map<number, Memory>()
  #seen: Seen[] = []
  #nowMs = 0
  /** For the test of the test. */
  flips = 0
  skipped = 0

  constructor(audiences: readonly AudienceInForce[]) {
    this.audiences = inReadingOrder(audiences)
    this.#index = indexAudiences(audiences, tradedTraits)
    const aggregates = [
      ...new Map(
        audiences.flatMap(({ compiled }) => compiled.aggregates).map((each) => [each.document, each]),
      ).values(),
      ...tradedTraits.map(({ aggregate }) => aggregate),
    ]
    this.#windowed = aggregates.filter(({ within }) => within)
    this.#kept = keepAggregates(aggregates.map((definition) => ({ definition, job: 1 })))
  }

  take(step: Step): void {
    switch (step.kind) {
      case 'event': {
        const anchor = step.event.identifiers[0]!.id
        this.#nowMs = Math.max(this.#nowMs, step.event.timeMs - 300_000)
        this.#fragments.set(
          anchor,
          foldEvent(this.#fragments.get(anchor), eventFacts(step.event), this.#kept),
        )
        this.#put(anchor)
        return
      }
      case 'place': {
        const { id } = anchors[step.anchor]!
        this.#remove(id)
        if (step.profile === undefined) this.#places.delete(id)
        else this.#places.set(id, step.profile)
        this.#put(id)
        return
      }
      case 'erase': {
        const { id } = anchors[step.anchor]!
        this.#remove(id)
        this.#fragments.delete(id)
        return
      }
      case 'tick':
        this.#nowMs += step.byMs
        return
      case 'judge':
        this.judge()
    }
  }

  /** Everything that was judged since this was asked last. */
  seen(): Seen[] {
    const seen = this.#seen
    this.#seen = []
    return seen
  }

  judge(): void {
    const due = [...this.#memory].flatMap(([profile, { dueMs }]) => (dueMs <= this.#nowMs ? profile : []))
    for (const profile of new Set([...this.#touched.keys(), ...due])) this.#judgeOne(profile)
    this.#touched.clear()
  }

  #put(anchor: string): void {
    const profile = this.#places.get(anchor)
    if (profile !== undefined) this.#change(profile, anchor, { fragment: this.#fragments.get(anchor) })
  }

  #remove(anchor: string): void {
    const profile = this.#places.get(anchor)
    if (profile !== undefined) this.#change(profile, anchor, undefined)
  }

  #change(profile: number, anchor: string, after: { fragment: Fragment | undefined } | undefined): void {
    const parts = this.#parts[profile]!
    const identifierType = anchors.find(({ id }) => id === anchor)!.type
    const before = parts.has(anchor) ? { fragment: parts.get(anchor) } : undefined
    const touched = this.#touched.get(profile) ?? nothingTouched()
    this.#touched.set(profile, touched)
    touchPart(touched, before && { identifierType, ...before }, after && { identifierType, ...after })
    if (after) parts.set(anchor, after.fragment)
    else parts.delete(anchor)
  }

  #judgeOne(id: number): void {
    const profileId = `p${id}`
    const parts = [...this.#parts[id]!].map(([identifierId, fragment]) => ({ identifierId, fragment }))
    const nowMs = this.#nowMs
    const profile = foldProfile(parts, { preferences: new Map(), computed: tradedTraits, nowMs })
    const memory = this.#memory.get(id)
    if (!profile) {
      this.#memory.delete(id)
      return
    }
    const reader = judgedProfile(profile, { profileId, computed: tradedTraits, jobOf: () => 1, nowMs })
    const isMember = (audience: string) => memory?.members.has(audience) ?? false
    const touched = this.#touched.get(id) ?? nothingTouched()
    if (memory && memory.dueMs <= nowMs) touched.time = true
    const judged = memory
      ? judgeTouched(this.#index, reader, {
          before: { moved: memory.moved, isMember },
          touched,
          aggregates: profile.aggregates,
        })
      : judgeFirst(this.#index, reader, touched)
    const members = new Set(memory?.members)
    for (const { audience, member } of judged.flips) {
      if (member) members.add(audience.id)
      else members.delete(audience.id)
    }

    const naive = judgeAudiences(this.audiences, reader, isMember)
    const seenBy = (audience: AudienceInForce) =>
      naive.find((each) => each.audience === audience)!.judgement.leaves.map((leaf) => JSON.stringify(leaf))
    this.#seen.push({
      members: [...members].sort(),
      naiveMembers: naive.flatMap(({ audience, judgement }) => (judgement.member ? audience.id : [])).sort(),
      moved: judged.moved,
      anewMoved: judgeAnew(this.#index, reader, isMember).moved,
      misled: judged.flips.filter(({ audience, leaves }) => {
        const naively = seenBy(audience)
        return leaves.length === 0 || !leaves.every((leaf) => naively.includes(JSON.stringify(leaf)))
      }),
    })
    this.flips += judged.flips.length
    if (memory && judged.moved === memory.moved) this.skipped++
    this.#memory.set(id, { moved: judged.moved, members, dueMs: this.#dueMs(profile) })
  }

  #dueMs({ aggregates, lastSeenMs }: Profile): number {
    const nowMs = this.#nowMs
    const dues = this.#windowed.flatMap(
      (definition) =>
        nextExpiry(
          definition,
          findAggregate(aggregates, { document: definition.document, hash: definition.hash, job: 1 }),
          nowMs,
        ) ?? [],
    )
    const seen = ['1d', '50h'].map((text) => expiryOf(parseWindow(text)!, lastSeenMs))
    return Math.min(...dues, ...seen.filter((dueMs) => dueMs > nowMs), Infinity)
  }
}

const audiencesOf = (conditions: readonly Condition[], disabled: number): AudienceInForce[] =>
  conditions.map((where, i) => ({
    id: `a${i}`,
    compiled: compileAudience(where, (text) => text),
    disabled: i === disabled,
  }))

let [flips, skipped, worlds] = [0, 0, 0]

test('judged by what a change touches, members are those of judging everything: events, merges, splits, erasures, time', () => {
  fc.assert(
    fc.property(
      fc.array(arbitraryCondition, { minLength: 1, maxLength: 8 }),
      fc.constantFrom(-1, -1, 0, 1),
      steps,
      (conditions, disabled, program) => {
        const world = new World(audiencesOf(conditions, disabled))
        for (const step of program) world.take(step)
        world.judge()
        for (const { members, naiveMembers, moved, anewMoved, misled } of world.seen()) {
          expect(members).toEqual(naiveMembers)
          expect(moved).toEqual(anewMoved)
          expect(misled).toEqual([])
        }
        worlds++
        flips += world.flips
        skipped += world.skipped
      },
    ),
    { numRuns: 600 },
  )
})

test('these worlds enter and leave audiences, and have changes that touch none', () => {
  expect(flips / worlds).toBeGreaterThan(2)
  expect(skipped / worlds).toBeGreaterThan(0.5)
})
