import { type Json } from './json.ts'

/**
 * A path into JSON: keys with dots between them; a whole number also reads an element of an array; `\.` is a dot
 * within a key. "lines.0.sku", "customer.card", "a\.b".
 */
export type Path = readonly string[]

/** Undefined when the text is no path: empty, or with an empty part. */
export function parsePath(text: string): Path | undefined {
  const parts = text.split(/(?<!\\)\./).map((part) => part.replaceAll('\\.', '.'))
  return parts.includes('') ? undefined : parts
}

/** Undefined when nothing is there. Only own properties count: "constructor" is not in every object. */
export function readPath(value: Json | undefined, path: Path): Json | undefined {
  let at: Json | undefined = value
  for (const part of path) {
    if (typeof at !== 'object' || at === null) return undefined
    if (Array.isArray(at)) at = /^(0|[1-9][0-9]{0,8})$/.test(part) ? at[Number(part)] : undefined
    else {
      const found: Json | undefined = at[part]
      // Of what JSON holds nothing is undefined, and what objects inherit is no JSON.
      at = found === undefined || (INHERITED.has(part) && !Object.hasOwn(at, part)) ? undefined : found
    }
    if (at === undefined) return undefined
  }
  return at
}

/** Names that every object answers to. */
const INHERITED: ReadonlySet<string> = new Set(Object.getOwnPropertyNames(Object.prototype))
