import { textDigest } from '@tributary/contracts'

/** Hash of several texts, 32 hexadecimal digits: what message ids are made of. The same wherever a source is read. */
export function digest(parts: readonly string[]): string {
  return textDigest(parts.join('\0'))
}
