/** UUIDs of version 7: they sort by time, which keeps neighbours together in every index. RFC 9562, section 5.7. */
export function createUuid7(options: {
  readonly now: () => number
  /** Fills the array with random bytes. */
  readonly random: (bytes: Uint8Array) => void
}): () => string {
  /** Randomness is fetched for so many ids at once: the call costs more than the bytes. */
  const ids = 256
  const pool = Buffer.alloc(ids * 10)
  let next = pool.length
  return () => {
    if (next === pool.length) {
      options.random(pool)
      next = 0
    }
    const time = options.now().toString(16).padStart(12, '0')
    const hex = pool.toString('hex', next, next + 10)
    next += 10
    const variant = ((Number.parseInt(hex[3]!, 16) & 0x3) | 0x8).toString(16)
    return `${time.slice(0, 8)}-${time.slice(8)}-7${hex.slice(0, 3)}-${variant}${hex.slice(4, 7)}-${hex.slice(7, 19)}`
  }
}
