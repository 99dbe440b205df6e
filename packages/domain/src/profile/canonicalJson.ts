import { isExactNumber } from '../event/exactJson.ts'
import { type Json } from '../event/json.ts'

/**
 * One text per JSON value: keys sorted by UTF-16 code units, no white space, numbers as JavaScript prints them
 * (RFC 8785); a number that JavaScript cannot hold is printed as it was written. Equal values give equal bytes.
 */
export function canonicalJsonText(value: Json): string {
  if (value === null || typeof value !== 'object') return JSON.stringify(value)
  if (isExactNumber(value)) return value.rawJSON
  if (Array.isArray(value)) return `[${value.map(canonicalJsonText).join(',')}]`
  const members = Object.keys(value)
    .sort()
    .map((key) => `${JSON.stringify(key)}:${canonicalJsonText(value[key]!)}`)
  return `{${members.join(',')}}`
}

/** Order of texts by UTF-16 code units: the one order everything here is sorted by. */
export function compareText(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0
}
