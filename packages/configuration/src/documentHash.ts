import { createHash } from 'node:crypto'
import { canonicalJson } from './canonicalJson.ts'

/** What is for people and editors only: changing it computes nothing anew. */
const decoration = new Set(['$schema', 'name', 'description'])

/**
 * SHA-256 of what a document means (canonical JSON without its name and description), first 16 hexadecimal digits.
 * Outputs name the hash they were computed under, so a new name must not change it.
 */
export function documentHash(document: object): string {
  const meaning = Object.fromEntries(Object.entries(document).filter(([key]) => !decoration.has(key)))
  return createHash('sha256').update(canonicalJson(meaning)).digest('hex').slice(0, 16)
}
