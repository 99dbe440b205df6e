import { isExactNumber } from '../event/exactJson.ts'
import { type Json, type JsonObject } from '../event/json.ts'

/**
 * One text per JSON value: keys sorted by UTF-16 code units, no white space, numbers as JavaScript prints them
 * (RFC 8785); a number that JavaScript cannot hold is printed as it was written. Equal values give equal bytes.
 *
 * What has its keys in order already is written by JSON.stringify, which is several times as fast: whoever builds a large
 * value should build it in order.
 */
export function canonicalJsonText(value: Json): string {
  if (isInOrder(value)) return JSON.stringify(value)
  if (Array.isArray(value)) return `[${value.map(canonicalJsonText).join(',')}]`
  const object = value as JsonObject
  const members = Object.keys(object)
    .sort()
    .map((key) => `${JSON.stringify(key)}:${canonicalJsonText(object[key]!)}`)
  return `{${members.join(',')}}`
}

/** Whether JSON.stringify meets all keys in order: those that look like numbers it meets first, whatever they are. */
function isInOrder(value: Json): boolean {
  if (value === null || typeof value !== 'object' || isExactNumber(value)) return true
  if (Array.isArray(value)) return value.every(isInOrder)
  let before: string | undefined
  for (const key of Object.keys(value)) {
    if ((before !== undefined && before > key) || !isInOrder(value[key]!)) return false
    before = key
  }
  return true
}

/** Order of texts by UTF-16 code units: the one order everything here is sorted by. */
export function compareText(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0
}
