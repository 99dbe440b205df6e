import type { Condition } from '../model/index.ts'
import type { PathStep } from './checkSchema.ts'

export type Leaf = Exclude<Condition, { all: unknown } | { any: unknown } | { not: unknown }>

/** The leaves of a condition, in the order they are written, each with its path. */
export function leavesOf(
  condition: Condition,
  path: readonly PathStep[] = [],
): { leaf: Leaf; path: readonly PathStep[] }[] {
  if ('all' in condition) return condition.all.flatMap((each, i) => leavesOf(each, [...path, 'all', i]))
  if ('any' in condition) return condition.any.flatMap((each, i) => leavesOf(each, [...path, 'any', i]))
  if ('not' in condition) return leavesOf(condition.not, [...path, 'not'])
  return [{ leaf: condition, path }]
}
