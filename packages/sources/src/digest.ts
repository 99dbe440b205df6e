import { hash } from 'node:crypto'

/** Hash of several texts, 32 hexadecimal digits: what message ids are made of. The same wherever a source is read. */
export function digest(parts: readonly string[]): string {
  return hash('sha256', parts.join('\0')).slice(0, 32)
}
