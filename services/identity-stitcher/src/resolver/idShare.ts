/** How much of all identifier ids, from 0 to 1, comes before this one: ids are hashes, evenly spread. */
function idShare(identifierId: string): number {
  const first = Number.parseInt(identifierId.slice(0, 8), 16)
  return Number.isNaN(first) ? 0 : first / 0x1_0000_0000
}

/** About how many identifiers there are when so many lie before this one; 0 while that would be a guess. */
export function estimatedTotal(lookedAt: number, identifierId: string): number {
  const share = idShare(identifierId)
  return share < LEAST_SHARE ? 0 : Math.max(lookedAt, Math.round(lookedAt / share))
}

/** 1 in 1,000 of all ids: of a hundred thousand identifiers that is a hundred, an estimate to a tenth or so. */
const LEAST_SHARE = 0.001
