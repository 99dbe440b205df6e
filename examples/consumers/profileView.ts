/**
 * A copy of all profiles, kept up to date: read the state, then follow the changes.
 *
 *  1. Note where the change topic ends, then read the state topic from its beginning to its end.
 *  2. Follow the change topic from what was noted. For each change:
 *     - not newer than what is held: drop it, the state had it;
 *     - its previousVersion is what is held: apply it;
 *     - nothing is held and it creates (op c): apply it; if the state knew better, the change that erases it follows;
 *     - nothing is held and it does not create: drop it, the state says that the profile was erased later;
 *     - else changes were missed: begin again with the state.
 *  3. The number in `version` counts the changes of a partition: one that is not the next says that changes were missed.
 *
 * Merged ids stay, as {mergedInto}; only erased ones go.
 */
export type Json = null | boolean | number | string | Json[] | { [key: string]: Json }

export interface Held {
  profileId: string
  version: string
  mergedInto?: string
  [field: string]: Json | undefined
}

export interface Change {
  op: 'c' | 'u' | 'd'
  profileId: string
  version: string
  previousVersion: string | null
  changed: string[]
  after: { [path: string]: Json }
  mergedInto?: string
}

export type Outcome = 'applied' | 'dropped' | 'missed'

/** Fields whose members change one by one. */
const TREES = ['traits', 'computed', 'audiences', 'consent']

export class ProfileView {
  readonly profiles = new Map<string, Held>()
  /** Partition of the change topic → number of the last change. */
  readonly #numbers = new Map<number, number>()

  /** One record of the state topic; the value is null for an erased profile. */
  readState(key: string, value: Held | null): void {
    if (value === null) this.profiles.delete(key)
    else this.profiles.set(key, value)
  }

  /** One record of the change topic; after 'missed', make a new view from the state topic. */
  follow(partition: number, change: Change): Outcome {
    const number = Number(change.version.slice(5))
    const last = this.#numbers.get(partition)
    // A change may be delivered again; one that is skipped was missed.
    if (last !== undefined && number > last + 1) return 'missed'
    this.#numbers.set(partition, Math.max(last ?? 0, number))
    const held = this.profiles.get(change.profileId)
    if (held && change.version <= held.version) return 'dropped'
    if (held && held.version !== change.previousVersion) return 'missed'
    if (!held && change.op !== 'c') return 'dropped'
    this.#apply(held, change)
    return 'applied'
  }

  #apply(held: Held | undefined, change: Change): void {
    const { profileId, version, mergedInto } = change
    if (mergedInto !== undefined) this.profiles.set(profileId, { profileId, version, mergedInto })
    else if (change.op === 'd') this.profiles.delete(profileId)
    else this.profiles.set(profileId, { ...changedProfile(held, change), profileId, version })
  }
}

function changedProfile(held: Held | undefined, { changed, after }: Change): Record<string, Json> {
  const before = held?.mergedInto === undefined ? held : undefined
  const profile = structuredClone({
    traits: {},
    computed: {},
    audiences: {},
    consent: {},
    ...before,
  }) as Record<string, Json>
  for (const path of changed) if (!Object.hasOwn(after, path)) remove(profile, pathOf(path))
  for (const path of changed) if (Object.hasOwn(after, path)) set(profile, pathOf(path), after[path]!)
  return profile
}

/** "traits.address.city" → keys; a dot within a key is written `\.`, a backslash `\\`. */
function pathOf(path: string): string[] {
  const keys: string[] = []
  let key = ''
  for (let i = 0; i < path.length; i++) {
    if (path[i] === '\\' && i + 1 < path.length) key += path[++i]
    else if (path[i] === '.') {
      keys.push(key)
      key = ''
    } else key += path[i]
  }
  keys.push(key)
  return TREES.includes(keys[0]!) ? keys : [path]
}

function set(within: Record<string, Json>, [key, ...rest]: readonly string[], value: Json): void {
  if (rest.length === 0) {
    define(within, key!, value)
    return
  }
  const next = Object.hasOwn(within, key!) ? within[key!] : undefined
  if (!isObject(next)) define(within, key!, {})
  set(within[key!] as Record<string, Json>, rest, value)
}

/** Objects that become empty go too, but for the four that are always there. */
function remove(within: Record<string, Json>, [key, ...rest]: string[], depth = 0): void {
  if (!Object.hasOwn(within, key!)) return
  if (rest.length === 0) {
    delete within[key!]
    return
  }
  const next = within[key!]
  if (!isObject(next)) return
  remove(next, rest, depth + 1)
  if (depth > 0 && Object.keys(next).length === 0) delete within[key!]
}

/** Also for a key like __proto__. */
function define(within: Record<string, Json>, key: string, value: Json): void {
  Object.defineProperty(within, key, { value, writable: true, enumerable: true, configurable: true })
}

function isObject(value: Json | undefined): value is Record<string, Json> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
