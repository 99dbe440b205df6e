import { hash } from 'node:crypto'

/**
 * SHA-256 of a text, its first 32 hexadecimal digits: 128 bits are enough to tell things apart. What evidence, erasures and
 * messages are called is made of it in several services, and has to be the same in all of them.
 */
export function textDigest(text: string): string {
  return hash('sha256', text).slice(0, 32)
}
