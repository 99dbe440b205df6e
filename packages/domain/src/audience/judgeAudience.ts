import { parseExact } from '../event/exactJson.ts'
import { type Json } from '../event/json.ts'
import { type AggregateDefinition, type AggregateKind } from '../aggregate/aggregateDefinition.ts'
import { aggregateValue } from '../aggregate/aggregateValue.ts'
import { type Window, expiryOf } from '../aggregate/window.ts'
import { type ComputedTrait, type Profile, findAggregate } from '../profile/profile.ts'
import { buildTree } from '../profile/traitPath.ts'
import { type CompiledAudience, type CompiledNode, type CompiledRead } from './compileAudience.ts'
import { compares } from './comparison.ts'
import { sampleOf } from './sampleOf.ts'

export interface JudgedLeaf {
  /** In words. */
  readonly condition: string
  /** What it saw; null for no value. */
  readonly value: Json
  readonly met: boolean
}

export interface Judgement {
  readonly member: boolean
  /** In the order of the condition. */
  readonly leaves: readonly JudgedLeaf[]
}

/** What leaves read. */
export interface JudgedProfile {
  readonly trait: (name: string) => Json | undefined
  readonly aggregate: (definition: AggregateDefinition) => Json | undefined
  /** Whether an event of any name is in the window still. */
  readonly activeWithin: (window: Window) => boolean
  readonly hasIdentifier: (type: string) => boolean
  /** Undefined when the person never said. */
  readonly consents: (purpose: string) => boolean | undefined
  /** See sampleOf. */
  readonly sample: (salt: string) => number
}

/** Whether the profile is in another audience, judged at the same moment. */
export type MemberOf = (audience: string) => boolean

export interface JudgeOptions {
  readonly profileId: string
  readonly computed: readonly ComputedTrait[]
  /** The job that adopted the aggregate of a leaf; what is left of an earlier adoption does not count. */
  readonly jobOf: (document: string) => number | undefined
  /** The moment that windows look back from, ms since 1970: the one the profile was folded at. */
  readonly nowMs: number
}

/**
 * How the leaves of every audience read one profile.
 *
 * A name in `computed` reads that trait; for a count, a sum or a distinct count that nothing has counted for, 0.
 * Another name, or `traits.<path>`, reads what people sent; a path above others reads the whole object.
 */
export function judgedProfile(
  profile: Profile,
  { profileId, computed, jobOf, nowMs }: JudgeOptions,
): JudgedProfile {
  return {
    trait(name) {
      const trait = computed.find(({ id }) => id === name)
      if (trait) {
        const found = profile.computed.find(({ id }) => id === name)
        if (found) return parseExact(found.json)
        return nothingIs(trait.aggregate.kind)
      }
      const path = traitPathOf(name)
      const exact = profile.traits.find((each) => each.path === path)
      if (exact) return parseExact(exact.json)
      const below = profile.traits.filter((each) => each.path.startsWith(`${path}.`))
      if (below.length === 0) return undefined
      return buildTree(
        below.map((each) => ({ path: each.path.slice(path.length + 1), value: parseExact(each.json) })),
      )
    },
    aggregate(definition) {
      const { document, hash, kind } = definition
      const job = jobOf(document)
      const kept = job === undefined ? undefined : findAggregate(profile.aggregates, { document, hash, job })
      const value = aggregateValue(definition, kept, nowMs)
      return value ? parseExact(value.json) : nothingIs(kind)
    },
    activeWithin: (window) => profile.events > 0 && expiryOf(window, profile.lastSeenMs) > nowMs,
    hasIdentifier: (type) => profile.identifiers.some((each) => each.type === type),
    consents: (purpose) => profile.consent.find((each) => each.purpose === purpose)?.granted,
    sample: (salt) => sampleOf(salt, profileId),
  }
}

/** The path of traits that the name in a leaf stands for, where no computed trait has that name. */
export function traitPathOf(name: string): string {
  return name.startsWith('traits.') ? name.slice('traits.'.length) : name
}

/** What is read of somebody of whom nothing is known. */
export function readOfNobody(
  read: CompiledRead,
  computed: { get(id: string): ComputedTrait | undefined },
): Json | undefined {
  switch (read.kind) {
    case 'trait': {
      const trait = computed.get(read.trait)
      return trait && nothingIs(trait.aggregate.kind)
    }
    case 'aggregate':
      return nothingIs(read.aggregate.kind)
    case 'inactive':
      return true
    case 'audience':
    case 'identifier':
      return false
    case 'consent':
    case 'sample':
      return undefined
  }
}

/** Whether a kind reads as 0, and not as no value, when nothing counted. */
export function readsAsZero(kind: AggregateKind): boolean {
  return kind === 'count' || kind === 'sum' || kind === 'distinct'
}

function nothingIs(kind: AggregateKind): Json | undefined {
  if (kind === 'sequence') return false
  return readsAsZero(kind) ? 0 : undefined
}

/** An audience in force. */
export interface AudienceInForce {
  readonly id: string
  readonly compiled: CompiledAudience
  /** Nobody enters or leaves it. */
  readonly disabled?: boolean
}

/**
 * Audiences in reading order (inReadingOrder), all of one profile at one moment.
 * `wasMember`: whether the profile was in it until now; only asked for one that is disabled.
 */
export function judgeAudiences<A extends AudienceInForce>(
  audiences: readonly A[],
  profile: JudgedProfile,
  wasMember: (audience: string) => boolean | undefined,
): { readonly audience: A; readonly judgement: Judgement }[] {
  const members = new Set<string>()
  return audiences.map((audience) => {
    const judged = judgeAudience(audience.compiled, profile, (other) => members.has(other))
    const judgement = audience.disabled ? { ...judged, member: wasMember(audience.id) ?? false } : judged
    if (judgement.member) members.add(audience.id)
    return { audience, judgement }
  })
}

/** A function of the profile and of the moment alone: no memory of what was judged before. */
export function judgeAudience(
  audience: CompiledAudience,
  profile: JudgedProfile,
  memberOf: MemberOf,
): Judgement {
  const leaves = audience.leaves.map((leaf) => {
    const value = readLeaf(leaf, profile, memberOf)
    return { condition: leaf.text, value: value ?? null, met: compares(value, leaf.comparison) }
  })
  return { member: holds(audience.root, (leaf) => leaves[leaf]!.met), leaves }
}

/** What a leaf reads of a profile; undefined for no value. */
export function readLeaf(read: CompiledRead, profile: JudgedProfile, memberOf: MemberOf): Json | undefined {
  switch (read.kind) {
    case 'trait':
      return profile.trait(read.trait)
    case 'aggregate':
      return profile.aggregate(read.aggregate)
    case 'inactive':
      return !profile.activeWithin(read.window)
    case 'audience':
      return memberOf(read.audience)
    case 'identifier':
      return profile.hasIdentifier(read.type)
    case 'consent':
      return profile.consents(read.purpose)
    case 'sample':
      return profile.sample(read.salt)
  }
}

/** Whether a part of the tree holds. `met`: whether the leaf at a place in the condition does. */
export function holds(node: CompiledNode, met: (leaf: number) => boolean): boolean {
  if ('all' in node) return node.all.every((each) => holds(each, met))
  if ('any' in node) return node.any.some((each) => holds(each, met))
  if ('not' in node) return !holds(node.not, met)
  return met(node.leaf)
}
