/**
 * What the resolver remembers, as tables of rows in a store; nothing is kept in memory between two inputs.
 */
import { type Evidence, type EvidenceMember } from './evidence.ts'
import { type Fact } from './fact.ts'
import { type Cluster, type Conflict } from './resolveComponent.ts'
import { type ResolverRules } from './resolverRules.ts'

/** Rows in byte order of their keys. A value handed in or out must not be changed afterwards. */
export interface ReadRows<V> {
  get(key: string): V | undefined
  /** Rows with from ≤ key < to. */
  range(from: string, to: string, limit?: number): Iterable<readonly [string, V]>
}

export interface Rows<V> extends ReadRows<V> {
  put(key: string, value: V): void
  delete(key: string): void
}

/** The identifier a profile is named after, and that identifier's generation. */
export interface ProfileName {
  readonly identifierId: string
  readonly generation: number
}

/**
 * linked: it joins others. blocked: it counts as never seen. shared: it belongs to many, so it joins nobody.
 */
export type Standing = 'linked' | 'blocked' | 'shared'

export interface IdentifierRow {
  readonly type: string
  /** Number of erasures. */
  readonly generation: number
  /** Evidence last received at or before this is forgotten for this identifier; −1 when never erased. */
  readonly erasedUntilMs: number
  /** What facts say; rules may block it besides. */
  readonly blockedByFact: boolean
  readonly sharedByFact: 'shared' | 'not-shared' | undefined
  /** As of `rulesVersion` and all its evidence. */
  readonly standing: Standing
  readonly rulesVersion: number
  /**
   * Of a weak identifier that nobody has declared shared or not: the known users that evidence shows it with, and how
   * much evidence it is in, as of `rulesVersion`. What has become shared needs neither.
   */
  readonly seenWith: readonly string[]
  readonly evidenceRows: number
  /** How many facts name it. */
  readonly facts: number
  /** How many conflicts have it as the better side. */
  readonly conflicts: number
  /** The assignment sent last; absent while the default has never been departed from. */
  readonly profile: ProfileName | undefined
}

export interface EvidenceRow extends Evidence {
  readonly retracted: boolean
}

/**
 * What new evidence has to know of a cluster to be resolved without its members; key = its naming identifier. Absent
 * for one that stands alone and has no conflict. `lastAccepted` and `lastConflict` may be later than they need be.
 */
export interface ClusterRow extends Omit<Cluster, 'members' | 'counts'> {
  readonly counts: Readonly<Record<string, number>>
}

/** One row, key "rules". */
export interface RulesRow {
  readonly rules: ResolverRules
  /** Offset of the record that brought them, −1 for the defaults. */
  readonly version: number
  readonly configOffset: number
}

/** One row, key "walk", while a change of the rules is carried out. */
export interface WalkRow {
  /** Next identifier to look at. */
  readonly from: string
  /** How many have been looked at. */
  readonly lookedAt: number
}

/** All tables of the resolver; keys of the indexes are two ids with KEY between them. */
export interface IdentityRows {
  readonly rules: Rows<RulesRow>
  readonly walk: Rows<WalkRow>
  readonly identifiers: Rows<IdentifierRow>
  readonly evidence: Rows<EvidenceRow>
  /** identifier | evidence. */
  readonly evidenceOf: Rows<true>
  readonly facts: Rows<Fact>
  /**
   * identifier | fact, and what a retraction is about | fact. Of the latter also its id alone, to be found by one get,
   * and once ANY_RETRACTION, so that nobody looks while there is none.
   */
  readonly factsOf: Rows<true>
  /** naming identifier | identifier, for identifiers with an assignment. */
  readonly membersOf: Rows<true>
  /** better identifier | other. */
  readonly conflicts: Rows<Conflict>
  readonly clusters: Rows<ClusterRow>
}

export type ReadIdentityRows = {
  readonly [T in keyof IdentityRows]: IdentityRows[T] extends Rows<infer V> ? ReadRows<V> : never
}

export const RULES_KEY = 'rules'
export const WALK_KEY = 'walk'

/** In `factsOf`: there are retractions. No id is empty. */
export const ANY_RETRACTION = ''

/** Between two ids in the key of an index; no id holds it. */
const SEPARATOR = '|'
/** The character after the separator: where a prefix ends. */
const AFTER = '}'

export function indexKey(first: string, second: string): string {
  return `${first}${SEPARATOR}${second}`
}

/** The second ids that an index has for a first. */
export function* indexed(rows: ReadRows<unknown>, first: string, limit?: number): Iterable<string> {
  const prefix = `${first}${SEPARATOR}`
  for (const [key] of rows.range(prefix, afterIndexOf(first), limit)) yield key.slice(prefix.length)
}

/** Where the keys of an index that begin with an id end. */
export function afterIndexOf(first: string): string {
  return `${first}${AFTER}`
}

/** Of an identifier whose standing has not been worked out yet; older than any rules. */
export const NEVER_JUDGED = -2

export function newIdentifierRow(member: EvidenceMember): IdentifierRow {
  return {
    type: member.type,
    generation: 0,
    erasedUntilMs: -1,
    blockedByFact: false,
    sharedByFact: undefined,
    standing: 'linked',
    rulesVersion: NEVER_JUDGED,
    seenWith: [],
    evidenceRows: 0,
    facts: 0,
    conflicts: 0,
    profile: undefined,
  }
}

/** The profile an identifier has while nothing says otherwise: its own. */
export function defaultProfile(identifierId: string, row: IdentifierRow | undefined): ProfileName {
  return { identifierId, generation: row?.generation ?? 0 }
}

/** The profile an identifier belongs to. */
export function profileOf(identifierId: string, row: IdentifierRow | undefined): ProfileName {
  return row?.profile ?? defaultProfile(identifierId, row)
}

/** As the rest of the system writes it. */
export function profileText({ identifierId, generation }: ProfileName): string {
  return `${identifierId}-${generation}`
}

export function sameProfile(a: ProfileName, b: ProfileName): boolean {
  return a.identifierId === b.identifierId && a.generation === b.generation
}
