/**
 * Which identifiers an event carries, strongest first; the first is its anchor.
 *
 *  I1. The result is a function of the event and the identity rules, never of what has been learned since.
 *  I2. A value that is no identifier costs nothing but itself: the event goes on, the value stays in its payload.
 *
 * What the JSON types mean, on every type of identifier: a text counts as it is; a whole number counts as its
 * decimal digits, all of them, however large; null and a missing value are no value; any other number, a boolean, an
 * object and an array are no identifier.
 */
import { type ExactNumber, isExactNumber } from './exactJson.ts'
import { type IdentifierRule, type IdentityRules } from './identityRules.ts'
import { type Json, isJsonObject } from './json.ts'
import { type NormaliseFailure, type NormalisePhone, normaliseIdentifier } from './normalise.ts'
import { type Path, parsePath, readPath } from './path.ts'
import { type IsPlaceholder, createIsPlaceholder } from './placeholder.ts'
import { type RecentlySeen, createRecentlySeen } from './recentlySeen.ts'
import { type Wanted } from './wanted.ts'
import { wantedOfEvent } from './wantedOfEvent.ts'

export interface EventIdentifier {
  readonly type: string
  /** After normalising. */
  readonly value: string
  /** Identifier id: keyed hash of type, normaliser version and value. */
  readonly id: string
}

export type IgnoredReason =
  | NormaliseFailure
  | 'placeholder'
  | 'wrong_type'
  | 'pattern'
  | 'blocked'
  | 'too_many'

/** A value that stood where an identifier is looked for, and was none. */
export interface IgnoredIdentifier {
  readonly type: string
  readonly reason: IgnoredReason
}

export interface FoundIdentifiers {
  readonly identifiers: readonly EventIdentifier[]
  readonly ignored: readonly IgnoredIdentifier[]
}

/** Keyed hash of an identifier, 32 hexadecimal digits. */
export type HashIdentifier = (type: string, normaliserVersion: number, value: string) => string

/** The rules made ready: patterns compiled, paths parsed. Make once per revision. */
export interface PreparedRules {
  readonly hash: string
  readonly types: readonly PreparedType[]
  readonly isPlaceholder: IsPlaceholder
  readonly hashIdentifier: HashIdentifier
  readonly phone: NormalisePhone
  /** All that a verdict under these rules asks of an event. */
  readonly wanted: Wanted
}

interface PreparedType {
  readonly rule: IdentifierRule
  readonly paths: readonly Path[]
  readonly pattern: RegExp | undefined
  readonly blocked: ReadonlySet<string>
  /** What became of a text under these rules: a function of both, so it may be remembered. */
  readonly seen: RecentlySeen<ReadIdentifier>
}

type ReadIdentifier = EventIdentifier | { readonly reason: IgnoredReason }

/**
 * Texts remembered per type, at most twice as many. The visitors of some minutes of a busy shop; with texts of the length
 * below about 8 MB per type, at the very most 20.
 */
const REMEMBERED_TEXTS = 16_384
/** Longer ones, UTF-16 units, are worked out each time: identifiers are shorter, and the memory is bounded. */
const MAX_REMEMBERED_LENGTH = 128

const EXTERNAL_IDS: Path = ['context', 'externalIds']

/** Throws a SyntaxError when a pattern is no regular expression, a RangeError when a path is none. */
export function prepareRules(
  rules: IdentityRules,
  ports: { readonly hashIdentifier: HashIdentifier; readonly phone: NormalisePhone },
): PreparedRules {
  const types = rules.types.map((rule): PreparedType => {
    const paths = rule.from.map((text) => {
      const path = parsePath(text)
      if (!path) throw new RangeError(`identity type ${rule.type}: "${text}" is no path`)
      return path
    })
    const blocked = rules.blocked
      .filter((each) => each.type === rule.type)
      .map((each) => normaliseIdentifier(rule.normaliser, each.value, ports.phone))
      .flatMap((each) => ('value' in each ? [each.value] : []))
    return {
      rule,
      paths,
      pattern: rule.pattern === undefined ? undefined : new RegExp(`^(?:${rule.pattern})$`, 'u'),
      blocked: new Set(blocked),
      seen: createRecentlySeen(REMEMBERED_TEXTS),
    }
  })
  const wanted = wantedOfEvent([...types.flatMap(({ paths }) => paths), EXTERNAL_IDS])
  return { hash: rules.hash, types, isPlaceholder: createIsPlaceholder(rules.placeholders), wanted, ...ports }
}

/**
 * `event` is Segment-shaped. `exact` gives the same event with exact numbers; it is only called for a number that
 * JavaScript cannot hold.
 */
export function findIdentifiers(
  event: Json,
  prepared: PreparedRules,
  options: { readonly max: number; readonly isGroup: boolean; readonly exact: () => Json },
): FoundIdentifiers {
  const identifiers: EventIdentifier[] = []
  let ignored: IgnoredIdentifier[] | undefined
  const external = readPath(event, EXTERNAL_IDS)

  for (const type of prepared.types) {
    for (const path of type.paths) {
      // The traits of a group event are the group's, not the person's.
      if (options.isGroup && path[0] === 'traits') continue
      const value = readPath(event, path)
      if (value === undefined || value === null) continue
      const reason = add(identifiers, value, path, type, prepared, options)
      if (reason) (ignored ??= []).push({ type: type.rule.type, reason })
    }
    if (!Array.isArray(external)) continue
    for (const [index, each] of external.entries()) {
      if (!isJsonObject(each) || each['type'] !== type.rule.type) continue
      // Ids of other collections name things, not persons.
      if (each['collection'] !== undefined && each['collection'] !== 'users') continue
      const value = each['id']
      if (value === undefined || value === null) continue
      const path = [...EXTERNAL_IDS, String(index), 'id']
      const reason = add(identifiers, value, path, type, prepared, options)
      if (reason) (ignored ??= []).push({ type: type.rule.type, reason })
    }
  }
  return { identifiers, ignored: ignored ?? NOTHING_IGNORED }
}

const NOTHING_IGNORED: readonly IgnoredIdentifier[] = []

/** Why it was not added; nothing when it was, or is there already. */
function add(
  identifiers: EventIdentifier[],
  value: Json,
  path: Path,
  type: PreparedType,
  prepared: PreparedRules,
  options: { readonly max: number; readonly exact: () => Json },
): IgnoredReason | undefined {
  const found = readIdentifier(value, type, prepared, () => readPath(options.exact(), path))
  if ('reason' in found) return found.reason
  for (const each of identifiers) if (each.type === found.type && each.value === found.value) return undefined
  if (identifiers.length >= options.max) return 'too_many'
  identifiers.push(found)
  return undefined
}

/** One value as an identifier of a type, for a value that stands elsewhere (previousId). */
export function identifierOfType(
  value: Json | undefined,
  typeName: string,
  prepared: PreparedRules,
  exact: () => Json | undefined,
): EventIdentifier | undefined {
  const type = prepared.types.find((each) => each.rule.type === typeName)
  if (!type || value === undefined || value === null) return undefined
  const found = readIdentifier(value, type, prepared, exact)
  return 'reason' in found ? undefined : found
}

const WRONG_TYPE: ReadIdentifier = { reason: 'wrong_type' }

function readIdentifier(
  value: Json,
  type: PreparedType,
  prepared: PreparedRules,
  exact: () => Json | undefined,
): ReadIdentifier {
  const text = textOf(value, exact)
  if (text === undefined) return WRONG_TYPE
  if (text.length > MAX_REMEMBERED_LENGTH) return identifierOf(text, type, prepared)
  const seen = type.seen.get(text)
  if (seen) return seen
  // A copy: the text may be a view of a whole body, which would be remembered with it.
  const own = ` ${text}`.slice(1)
  const read = identifierOf(own, type, prepared)
  type.seen.set(own, read)
  return read
}

function identifierOf(text: string, type: PreparedType, prepared: PreparedRules): ReadIdentifier {
  if (prepared.isPlaceholder(text)) return { reason: text.trim() === '' ? 'blank' : 'placeholder' }
  const normalised = normaliseIdentifier(type.rule.normaliser, text, prepared.phone)
  if ('failure' in normalised) return { reason: normalised.failure }
  if (prepared.isPlaceholder(normalised.value)) return { reason: 'placeholder' }
  if (type.pattern && !type.pattern.test(normalised.value)) return { reason: 'pattern' }
  if (type.blocked.has(normalised.value)) return { reason: 'blocked' }
  const { type: name, normaliserVersion } = type.rule
  const { value } = normalised
  return { type: name, value, id: prepared.hashIdentifier(name, normaliserVersion, value) }
}

/** A text as it is, a whole number as all its digits; undefined for what is neither. */
export function textOf(value: Json | ExactNumber, exact: () => Json | undefined): string | undefined {
  if (typeof value === 'string') return value
  if (typeof value === 'number') {
    if (Number.isSafeInteger(value)) return String(value)
    if (Number.isFinite(value) && !Number.isInteger(value)) return undefined
    const written: unknown = exact()
    return isExactNumber(written)
      ? digitsOf(written)
      : typeof written === 'number'
        ? digitsOf(value)
        : undefined
  }
  return isExactNumber(value) ? digitsOf(value) : undefined
}

function digitsOf(number: number | ExactNumber): string | undefined {
  const text = typeof number === 'number' ? BigInt(number).toString() : number.rawJSON
  return /^-?[0-9]+$/.test(text) ? text : undefined
}
