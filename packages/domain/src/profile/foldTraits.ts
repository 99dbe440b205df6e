/**
 * Which of the values that fragments keep are shown in the profile.
 *
 *  T1. Within one source a value (null is one) hides the older values of that source at its path, above it and below
 *      it, whether or not it is itself hidden or null. {address: {city: "Rome"}}, then {address: null}, then
 *      {address: {zip: "1"}} leaves {address: {zip: "1"}}; {address: "Rome"} then {address: {zip: "1"}} likewise.
 *  T2. A null is not shown: it lets another source's value through.
 *  T3. Between sources, at the same path or one above the other, the source `prefer` names first wins; one it does
 *      not name comes after all it names; then the later value; then the smaller source.
 *  T4. The result is a function of the set of values.
 */
import { compareText } from './canonicalJson.ts'
import { type TraitValue, compareValues } from './fragment.ts'
import { pathsAbove, splitPath } from './traitPath.ts'

/** First key of the path (the id of the Trait document) → sources, the preferred first. */
export type Preferences = ReadonlyMap<string, readonly string[]>

/** The values shown, sorted by path. `values`: no (path, source) twice. */
export function foldTraits(values: readonly TraitValue[], preferences: Preferences): TraitValue[] {
  const shown = withoutHidden(values).filter(({ json }) => json !== 'null')
  if (shown.length === 0) return []
  const rank = (value: TraitValue) => {
    if (preferences.size === 0) return 0
    const preferred = preferences.get(splitPath(value.path)[0]!)
    const index = preferred?.indexOf(value.sourceId) ?? -1
    return index < 0 ? Infinity : index
  }
  const ranked = shown
    .map((value) => ({ value, rank: rank(value) }))
    .sort(
      (a, b) =>
        (a.rank === b.rank ? 0 : a.rank - b.rank) ||
        compareValues(b.value, a.value) ||
        compareText(a.value.sourceId, b.value.sourceId) ||
        compareText(a.value.path, b.value.path),
    )
  const taken = new Map<string, TraitValue>()
  const aboveTaken = new Set<string>()
  for (const { value } of ranked) {
    const above = pathsAbove(value.path)
    if (taken.has(value.path) || aboveTaken.has(value.path) || above.some((path) => taken.has(path))) continue
    taken.set(value.path, value)
    for (const path of above) aboveTaken.add(path)
  }
  return [...taken.values()].sort((a, b) => compareText(a.path, b.path))
}

/** T1. */
function withoutHidden(values: readonly TraitValue[]): TraitValue[] {
  // Most profiles have no path above another: then nothing can hide anything.
  if (!values.some(({ path }) => path.includes('.'))) return [...values]
  const key = (sourceId: string, path: string) => `${sourceId}\n${path}`
  const byKey = new Map(values.map((value) => [key(value.sourceId, value.path), value]))
  const hidden = new Set<TraitValue>()
  for (const value of values) {
    for (const path of pathsAbove(value.path)) {
      const above = byKey.get(key(value.sourceId, path))
      if (!above) continue
      const order = compareValues(above, value)
      if (order > 0) hidden.add(value)
      if (order < 0) hidden.add(above)
    }
  }
  return values.filter((value) => !hidden.has(value))
}
