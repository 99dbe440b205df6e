import { Skipped } from '@tributary/contracts/generated/tributary/event/v1/skipped'
import type { ReadRecord } from '../ports/log.ts'

/**
 * Looks at everything the counting topology has sent to one partition: each key's counts grow, the numbers of the
 * stamps have no gap, and the last counts are those of the keys. Gives what is wrong; nothing when all is well.
 */
export function checkCounted(
  records: readonly Pick<ReadRecord, 'key' | 'value'>[],
  expected: ReadonlyMap<string, number>,
): string[] {
  const problems: string[] = []
  const last = new Map<string, number>()
  let seq = 0
  for (const { key, value } of records) {
    const { name, count } = parseCount(key)
    if (count <= (last.get(name) ?? 0)) problems.push(`${name} went from ${last.get(name)} to ${count}`)
    last.set(name, count)
    const found = Skipped.decode(value ?? Buffer.alloc(0)).stamp?.seq
    if (found !== ++seq) problems.push(`number ${String(found)} where ${seq} was due`)
    seq = found ?? seq
  }
  for (const [name, count] of expected)
    if (last.get(name) !== count)
      problems.push(`${name} was counted ${last.get(name) ?? 0} times, not ${count}`)
  for (const name of last.keys()) if (!expected.has(name)) problems.push(`${name} was never produced`)
  return problems
}

/** Sum of the last counts: how many inputs have been counted. */
export function countedSoFar(records: readonly Pick<ReadRecord, 'key'>[]): number {
  const last = new Map<string, number>()
  for (const { key } of records) {
    const { name, count } = parseCount(key)
    last.set(name, count)
  }
  let sum = 0
  for (const count of last.values()) sum += count
  return sum
}

function parseCount(key: Buffer | null): { name: string; count: number } {
  const [name, count] = (key?.toString() ?? '').split('=')
  return { name: name ?? '', count: Number(count) }
}
