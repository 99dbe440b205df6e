/** From first to last, both included. */
export interface OffsetRange {
  readonly first: number
  readonly last: number
}

export function rangeText({ first, last }: OffsetRange): string {
  return first === last ? String(first) : `${first}-${last}`
}
