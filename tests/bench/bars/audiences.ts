/**
 * What a change of a profile costs the audiences: judged by what it touched, beside closures over all of them.
 *
 * The reference is what one writes first, and writes well: each condition compiled once to a closure that stops at the
 * first leaf that decides, over the same folded profile, read by the same functions with comparisons compiled; the
 * members of before in a set, to see who entered and left. Ours has to find out what changed besides, by comparing the
 * part with the one it replaces, and keeps what it needs for the next change. Folding is the same for both and not in it;
 * nor is a person's first event, which touches every audience that asks for silence or for consent.
 */
import { strict as assert } from 'node:assert'
import {
  type AudienceInForce,
  type AudienceIndex,
  type CompiledNode,
  type Condition,
  type FoldableEvent,
  type Fragment,
  type JudgedProfile,
  type Profile,
  compileAudience,
  compileComparison,
  eventFacts,
  foldEvent,
  foldProfile,
  inReadingOrder,
  indexAudiences,
  judgeFirst,
  judgeTouched,
  judgedProfile,
  keepAggregates,
  nextExpiry,
  nothingTouched,
  readLeaf,
  touchPart,
} from '@tributary/domain'
import type { Bar } from '../bar.ts'

/** Audiences that one change touches, with both numbers of audiences. */
const PER_TOPIC = 5
const PERSONS = 40
/** Events of a person, each a change; of its first topics, so that most are not its first of a kind. */
const EVENTS_PER_PERSON = 25
const TOPICS_PER_PERSON = 8
/** One run: some tenths of a second for the quicker side. */
const ROUNDS = 20
const DAY = 86_400_000
const START_MS = 1_767_225_600_000

/** Five shapes over one event and one trait; the last reads the first, and all know the same silence. */
function topicAudiences(topic: number): [string, Condition][] {
  const event = `Bought ${topic}`
  const trait = `traits.t${topic}`
  const awake: Condition = { not: { inactive: { for: '90d' } } }
  return [
    [`a${topic}-buyers`, { all: [{ event, count: { gte: 2 }, within: '30d' }, awake] }],
    [`a${topic}-big`, { all: [{ event, sum: { path: 'properties.total', gte: 200 } }, awake] }],
    [
      `a${topic}-asked`,
      {
        any: [
          { trait, in: ['gold', 'silver'] },
          { event, count: { gte: 10 } },
        ],
      },
    ],
    [`a${topic}-lost`, { all: [{ event }, { not: { event, within: '7d' } }, { consent: 'email' }] }],
    [
      `a${topic}-best`,
      { all: [{ audience: `a${topic}-buyers` }, { trait, eq: 'gold' }, { identifier: 'email' }] },
    ],
  ]
}

const hash = (text: string) => text

function audiencesOf(count: number): AudienceInForce[] {
  return Array.from({ length: count / PER_TOPIC }, (_, topic) => topicAudiences(topic))
    .flat()
    .map(([id, where]) => ({ id, compiled: compileAudience(where, hash) }))
}

interface Change {
  readonly person: number
  readonly before: Fragment | undefined
  readonly after: Fragment
  readonly profile: Profile
  readonly reader: JudgedProfile
  /** A window has moved since the one before. */
  readonly isDue: boolean
}

/** The same persons with the same topics, however many audiences there are beside. */
function changesOf(audiences: readonly AudienceInForce[]): Change[] {
  const aggregates = new Map(
    audiences.flatMap(({ compiled }) => compiled.aggregates).map((each) => [each.document, each]),
  )
  const kept = keepAggregates([...aggregates.values()].map((definition) => ({ definition, job: 1 })))
  const topics = audiences.length / PER_TOPIC
  return Array.from({ length: PERSONS }, (_, person) => {
    let before: Fragment | undefined
    let dueMs = Infinity
    return Array.from({ length: EVENTS_PER_PERSON }, (_each, n): Change => {
      const topic = (person * 3 + (n % TOPICS_PER_PERSON) * 2) % topics
      const event: FoldableEvent = {
        messageId: `m${person}-${n}`,
        sourceId: 'web',
        type: n % 4 === 0 ? 'identify' : 'track',
        name: `Bought ${topic}`,
        timeMs: START_MS + n * DAY,
        identifiers: [{ type: 'email', value: `p${person}@example.com`, id: `p${person}` }],
        payload: {
          traits: { [`t${topic}`]: n % 8 === 0 ? 'gold' : 'none' },
          properties: { total: 10 * (n + 1) },
          ...(n === 0 && { context: { consent: { categoryPreferences: { email: true } } } }),
        },
      }
      const after = foldEvent(before, eventFacts(event), kept)
      const parts = [{ identifierId: `p${person}`, fragment: after }]
      const nowMs = START_MS + n * DAY
      const profile = foldProfile(parts, { preferences: new Map(), computed: [], nowMs })!
      const reader = judgedProfile(profile, { profileId: `p${person}`, computed: [], jobOf: () => 1, nowMs })
      const change = { person, before, after, profile, reader, isDue: dueMs <= nowMs }
      before = after
      const dues = profile.aggregates.flatMap(
        (each) => nextExpiry(aggregates.get(each.document)!, each, nowMs) ?? [],
      )
      dueMs = Math.min(...dues, Infinity)
      return change
    })
  }).flat()
}

type Flips = number

/** Of each person, after its first event: what a round begins with. */
interface Known {
  readonly moved: readonly number[]
  readonly members: ReadonlySet<string>
}

const part = (fragment: Fragment) => ({ identifierType: 'email', fragment })

function firstKnown(index: AudienceIndex, changes: readonly Change[]): Known[] {
  return changes
    .filter(({ before }) => !before)
    .map(({ after, reader }) => {
      const touched = nothingTouched()
      touchPart(touched, undefined, part(after))
      const { moved, flips } = judgeFirst(index, reader, touched)
      return { moved, members: new Set(flips.map(({ audience }) => audience.id)) }
    })
}

/** Entered and left in one round, by what each change touched. */
function touching(index: AudienceIndex, known: readonly Known[], changes: readonly Change[]): () => Flips {
  return () => {
    let flips = 0
    const now = known.map(({ moved, members }) => ({ moved, members: new Set(members) }))
    for (const { person, before, after, profile, reader, isDue } of changes) {
      if (!before) continue
      const one = now[person]!
      const touched = { ...nothingTouched(), time: isDue }
      touchPart(touched, part(before), part(after))
      const judged = judgeTouched(index, reader, {
        before: { moved: one.moved, isMember: (id) => one.members.has(id) },
        touched,
        aggregates: profile.aggregates,
      })
      one.moved = judged.moved
      for (const { audience, member } of judged.flips)
        if (member) one.members.add(audience.id)
        else one.members.delete(audience.id)
      flips += judged.flips.length
    }
    return flips
  }
}

type MemberTest = (reader: JudgedProfile, members: ReadonlySet<string>) => boolean

function closureOf({ compiled }: AudienceInForce): MemberTest {
  const leaves = compiled.leaves.map((leaf): MemberTest => {
    const holds = compileComparison(leaf.comparison)
    return (reader, members) => holds(readLeaf(leaf, reader, (id) => members.has(id)))
  })
  const compile = (node: CompiledNode): MemberTest => {
    if ('leaf' in node) return leaves[node.leaf]!
    if ('not' in node) {
      const inner = compile(node.not)
      return (reader, members) => !inner(reader, members)
    }
    const each = ('all' in node ? node.all : node.any).map(compile)
    return 'all' in node
      ? (reader, members) => each.every((one) => one(reader, members))
      : (reader, members) => each.some((one) => one(reader, members))
  }
  return compile(compiled.root)
}

function naive(
  audiences: readonly AudienceInForce[],
  known: readonly Known[],
  changes: readonly Change[],
): () => Flips {
  const all = inReadingOrder(audiences).map((audience) => ({ id: audience.id, is: closureOf(audience) }))
  return () => {
    let flips = 0
    const now = known.map(({ members }) => new Set(members))
    for (const { person, before, reader } of changes) {
      if (!before) continue
      const members = now[person]!
      for (const { id, is } of all) {
        const member = is(reader, members)
        if (member === members.has(id)) continue
        flips++
        if (member) members.add(id)
        else members.delete(id)
      }
    }
    return flips
  }
}

/** Microseconds of CPU per change. */
function microseconds(rounds: number, changes: number, run: () => Flips): number {
  const before = process.cpuUsage()
  for (let round = 0; round < rounds; round++) run()
  const { user, system } = process.cpuUsage(before)
  return (user + system) / (rounds * changes)
}

function sides(count: number) {
  const audiences = audiencesOf(count)
  const changes = changesOf(audiences)
  const index = indexAudiences(audiences, [])
  const known = firstKnown(index, changes)
  const [ours, reference] = [touching(index, known, changes), naive(audiences, known, changes)]
  const flips = ours()
  // Both have to find the same, and something.
  assert.equal(reference(), flips)
  assert.ok(flips > changes.length / 2, `only ${flips} memberships change`)
  return { changes: changes.length - known.length, ours, reference }
}

const against = (count: number): Bar => ({
  name: `audiences-${count}`,
  about: `Microseconds of CPU for a change of a profile under ${count} audiences, ${PER_TOPIC} of which mention what it is about: comparing the part with the one before and judging what that touches, beside a compiled closure for each audience over the same profile.`,
  unit: 'µs/change',
  better: 'lower',
  // An index that is not twice as quick at 100 is not worth its state.
  goal: 0.5,
  prepare() {
    const { changes, ours, reference } = sides(count)
    // The reference grows with the audiences: as many rounds as give some tenths of a second.
    const rounds = Math.max(2, Math.round((ROUNDS * 100) / count))
    return Promise.resolve({
      ours: () => microseconds(ROUNDS, changes, ours),
      reference: () => microseconds(rounds, changes, reference),
    })
  },
})

export const bars: Bar[] = [
  against(100),
  against(1_000),
  {
    name: 'audiences-growth',
    about: `Microseconds of CPU for a change of a profile that touches ${PER_TOPIC} audiences: under 1,000, beside the same under 100.`,
    unit: 'µs/change',
    better: 'lower',
    // Ten times the audiences may cost larger tables, not a look at each.
    goal: 3,
    prepare() {
      const [many, few] = [sides(1_000), sides(100)]
      return Promise.resolve({
        ours: () => microseconds(ROUNDS, many.changes, many.ours),
        reference: () => microseconds(ROUNDS, few.changes, few.ours),
      })
    },
  },
]
