/**
 * What changed between two public profiles, by path: "traits.address.city", "computed.orders", "audiences.vip",
 * "consent.email", "identifiers", "firstSeen", "lastSeen", "events", "truncated". A path without a value on one side
 * is absent there.
 *
 * Folding the changes of a profile from its first gives the profile: every path that differs is in the change, also
 * the last-seen time and the event count, which alone make no change.
 */
import { type Json, type JsonObject, setOwn } from '../event/json.ts'
import { isTree } from './caps.ts'
import { canonicalJsonText } from './canonicalJson.ts'
import { buildTree, flattenTree, joinPath } from './traitPath.ts'

export interface PublicDiff {
  /** Sorted. */
  readonly changed: readonly string[]
  readonly before: JsonObject
  readonly after: JsonObject
  /** False when only what changes with every page view did. */
  readonly worthTelling: boolean
}

/** These change with every event: alone they would wake every subscriber for every page view. */
const QUIET = new Set(['lastSeen', 'events'])
/** Told beside the body. */
const NOT_IN_THE_BODY = new Set(['profileId', 'version'])
/** Objects whose members are values of their own. */
const MEMBERS = new Set(['computed', 'audiences', 'consent'])

export function publicDiff(before: JsonObject | undefined, after: JsonObject | undefined): PublicDiff {
  const [old, now] = [flattenProfile(before ?? {}), flattenProfile(after ?? {})]
  const changed = [...new Set([...old.keys(), ...now.keys()])]
    .filter((path) => !isSame(old.get(path), now.get(path)))
    .sort()
  return {
    changed,
    before: pick(old, changed),
    after: pick(now, changed),
    worthTelling: changed.some((path) => !QUIET.has(path)),
  }
}

/** What a subscriber does with a change: the profile after it. */
export function applyDiff(
  before: JsonObject | undefined,
  diff: Pick<PublicDiff, 'changed' | 'after'>,
): JsonObject {
  const flat = flattenProfile(before ?? {})
  for (const path of diff.changed) {
    if (Object.hasOwn(diff.after, path)) flat.set(path, diff.after[path]!)
    else flat.delete(path)
  }
  return { traits: {}, computed: {}, audiences: {}, consent: {}, ...unflatten(flat) }
}

function unflatten(flat: ReadonlyMap<string, Json>): JsonObject {
  return buildTree([...flat].map(([path, value]) => ({ path, value })))
}

function flattenProfile(profile: JsonObject): Map<string, Json> {
  const flat = new Map<string, Json>()
  for (const [key, value] of Object.entries(profile)) {
    if (NOT_IN_THE_BODY.has(key)) continue
    if (key === 'traits')
      for (const each of flattenTree(value, 'traits').values) flat.set(each.path, each.value)
    else if (MEMBERS.has(key) && isTree(value))
      for (const [id, member] of Object.entries(value)) flat.set(joinPath(key, id), member)
    else flat.set(key, value)
  }
  return flat
}

function isSame(a: Json | undefined, b: Json | undefined): boolean {
  if (a === undefined || b === undefined) return a === b
  if (isPlain(a) && isPlain(b)) return a === b
  return canonicalJsonText(a) === canonicalJsonText(b)
}

function isPlain(value: Json): boolean {
  return value === null || typeof value !== 'object'
}

function pick(flat: ReadonlyMap<string, Json>, paths: readonly string[]): JsonObject {
  const out: JsonObject = {}
  for (const path of paths) if (flat.has(path)) setOwn(out, path, flat.get(path)!)
  return out
}
