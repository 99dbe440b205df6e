/**
 * The public view of a profile, folded from profile-changes: what the mapping of a sync reads.
 *
 * Invariants:
 *  V1. A view holds, per path, the value after the last change; a path that is gone is gone.
 *  V2. A change that is not newer than the view changes nothing: a record may be read again.
 *  V3. Of several identifiers of a type, the one the profile has had longest comes first, so that a mapped value does
 *      not change because another one was added.
 */
import type { Json, ProfileChangeRecord, PublicIdentifier } from '@tributary/contracts'
import { buildTree, pathsAbove, readPath, splitPath } from '@tributary/domain'

export interface ProfileView {
  readonly version: string
  readonly identifiers: readonly PublicIdentifier[]
  /** As in profile-changes: "traits.plan", "computed.orders", "audiences.vip.since" … */
  readonly paths: Readonly<Record<string, Json>>
}

/** The view after the change; undefined when the profile is gone. */
export function foldChange(
  view: ProfileView | undefined,
  change: ProfileChangeRecord,
): ProfileView | undefined {
  if (view && change.version <= view.version) return view // V2
  if (change.op === 'd') return undefined
  const paths: Record<string, Json> = { ...view?.paths }
  for (const path of change.changed) {
    if (path === 'identifiers') continue
    remove(paths, path)
    const value = change.after[path]
    if (value !== undefined && value !== null) paths[path] = value
  }
  return { version: change.version, identifiers: foldIdentifiers(view?.identifiers ?? [], change), paths }
}

function foldIdentifiers(
  held: readonly PublicIdentifier[],
  change: ProfileChangeRecord,
): readonly PublicIdentifier[] {
  const { added, removed } = change.identifiers
  if (added.length === 0 && removed.length === 0) return held
  const kept = held.filter((one) => !has(removed, one))
  return [...kept, ...added.filter((one) => !has(kept, one))] // V3
}

function has(list: readonly PublicIdentifier[], one: PublicIdentifier): boolean {
  return list.some((other) => other.type === one.type && other.value === one.value)
}

/** A value at a path hides whatever was below it before. */
function remove(paths: Record<string, Json>, path: string): void {
  delete paths[path]
  const below = `${path}.`
  for (const other of Object.keys(paths)) if (other.startsWith(below)) delete paths[other]
}

/** What is at a path: the value itself, a part of it, or the values below it put together; null when nothing is. */
export function readView(view: ProfileView, path: string): Json {
  const value = view.paths[path]
  if (value !== undefined) return value
  return readBelow(view, path) ?? readInside(view, path) ?? null
}

function readBelow(view: ProfileView, path: string): Json | undefined {
  const prefix = `${path}.`
  const below = Object.entries(view.paths)
    .filter(([other]) => other.startsWith(prefix))
    .map(([other, value]) => ({ path: other.slice(prefix.length), value }))
    .sort((a, b) => (a.path < b.path ? -1 : 1))
  return below.length === 0 ? undefined : buildTree(below)
}

/** A part of a list or of an object that is one value: "traits.children.0.name". */
function readInside(view: ProfileView, path: string): Json | undefined {
  for (const above of pathsAbove(path).toReversed()) {
    const value = view.paths[above]
    if (value !== undefined) return readPath(value, splitPath(path.slice(above.length + 1)))
  }
  return undefined
}
