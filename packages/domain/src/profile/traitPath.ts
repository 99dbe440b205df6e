/**
 * Paths of traits: keys joined by dots, `\.` and `\\` within a key. Nested objects are taken apart into the paths of
 * their values; a list is one value, whole; an empty object says nothing.
 *
 * So "p is above q" is `q.startsWith(p + '.')`: a key never ends in an odd number of backslashes.
 */
import { type Json, setOwn } from '../event/json.ts'
import { isTree, utf8Length } from './caps.ts'

function escapeKey(key: string): string {
  return /[\\.]/.test(key) ? key.replace(/[\\.]/g, '\\$&') : key
}

export function joinPath(above: string, key: string): string {
  return above === '' ? escapeKey(key) : `${above}.${escapeKey(key)}`
}

/** The keys of a path. */
export function splitPath(path: string): string[] {
  if (!path.includes('\\')) return path.split('.')
  const keys = ['']
  for (let i = 0; i < path.length; i++) {
    if (path[i] === '.') keys.push('')
    else {
      if (path[i] === '\\' && i + 1 < path.length) i++
      keys[keys.length - 1] += path[i]!
    }
  }
  return keys
}

/** The path of the first key. */
export function firstKey(path: string): string {
  return pathsAbove(path)[0] ?? path
}

/** Every path above this one, nearest last. */
export function pathsAbove(path: string): string[] {
  if (!path.includes('.')) return []
  const above: string[] = []
  for (let i = 0; i < path.length; i++) {
    if (path[i] === '\\') i++
    else if (path[i] === '.') above.push(path.slice(0, i))
  }
  return above
}

export interface PathValue {
  readonly path: string
  readonly value: Json
}

/** Takes a tree apart. `cut` when a path was too long to keep, or a key had no name. */
export function flattenTree(
  tree: Json,
  above = '',
  maxPathBytes = Infinity,
): { values: PathValue[]; cut: boolean } {
  const values: PathValue[] = []
  let cut = false
  const walk = (value: Json, path: string) => {
    if (isTree(value)) {
      for (const key of Object.keys(value))
        if (key === '') cut = true
        else walk(value[key]!, joinPath(path, key))
    } else if (utf8Length(path) <= maxPathBytes) values.push({ path, value })
    else cut = true
  }
  if (isTree(tree)) walk(tree, above)
  return { values, cut }
}

/** Puts values together again; no path may be above another. */
export function buildTree(values: Iterable<PathValue>): { [key: string]: Json } {
  const root: { [key: string]: Json } = {}
  for (const { path, value } of values) {
    const keys = splitPath(path)
    let at = root
    for (const key of keys.slice(0, -1)) {
      if (!Object.hasOwn(at, key)) setOwn(at, key, {})
      at = at[key] as { [key: string]: Json }
    }
    setOwn(at, keys.at(-1)!, value)
  }
  return root
}
