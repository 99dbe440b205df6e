/** Bearer tokens, compared in constant time: how long an answer takes says nothing about the token. */
import { createHash, timingSafeEqual } from 'node:crypto'

export interface BearerCheck {
  /** `header` as in "Bearer abc". */
  accepts(header: string | undefined): boolean
}

/** Several tokens overlap while one is being rotated. */
export function createBearerCheck(tokens: readonly string[]): BearerCheck {
  // Digests have one length, which timingSafeEqual needs.
  const digests = tokens.map(digest)
  return {
    accepts(header) {
      const match = /^Bearer +(\S+) *$/i.exec(header ?? '')
      const given = digest(match?.[1] ?? '')
      let found = false
      // No early exit: each token costs the same.
      for (const known of digests) found = timingSafeEqual(known, given) || found
      return found && match !== null
    },
  }
}

/** One token a line; blank lines and lines with # are not tokens. */
export function parseTokens(content: string): string[] {
  return content
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => line !== '' && !line.startsWith('#'))
}

function digest(text: string): Buffer {
  return createHash('sha256').update(text).digest()
}
