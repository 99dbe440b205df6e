import { hashText64 } from '../aggregate/hashText64.ts'

/**
 * Where in a hundred a profile stands, 0 up to, not including, 100, by ten thousandths: the same for ever, and evenly
 * spread. Profiles that merge stand where the one stands that they are now.
 */
export function sampleOf(salt: string, profileId: string): number {
  return (Number.parseInt(hashText64(`${salt}\n${profileId}`).slice(0, 8), 16) % 1_000_000) / 10_000
}
