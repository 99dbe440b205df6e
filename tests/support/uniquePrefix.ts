/**
 * A name that no other test of this run or of an earlier one has: each test has its own topics (`TOPIC_PREFIX`), groups
 * and ClickHouse database (underscores only), so that all of them can share one stack and run side by side.
 */
import { randomBytes } from 'node:crypto'

export function uniquePrefix(name = 't'): string {
  return `${name.replaceAll(/[^a-z0-9]/gi, '').toLowerCase()}${randomBytes(5).toString('hex')}`
}
