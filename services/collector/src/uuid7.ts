/** UUIDs of version 7: they sort by time, which keeps neighbours together in every index. RFC 9562, section 5.7. */
export function createUuid7(options: {
  readonly now: () => number
  /** Fills the array with random bytes. */
  readonly random: (bytes: Uint8Array) => void
}): () => string {
  /** Randomness is fetched for so many ids at once: the call costs more than the bytes. */
  const ids = 256
  const pool = Buffer.alloc(ids * RANDOM_BYTES)
  let digits = ''
  let next = 0
  let headMs = -1
  /** Time and version: the same for all ids of a millisecond. */
  let head = ''
  return () => {
    if (next === digits.length) {
      options.random(pool)
      digits = pool.toString('hex')
      next = 0
    }
    const nowMs = options.now()
    if (nowMs !== headMs) {
      const time = nowMs.toString(16).padStart(12, '0')
      head = `${time.slice(0, 8)}-${time.slice(8)}-7`
      headMs = nowMs
    }
    const at = next
    next += RANDOM_BYTES * 2
    const variant = VARIANTS[Number.parseInt(digits[at + 3]!, 16) & 3]!
    return `${head}${digits.slice(at, at + 3)}-${variant}${digits.slice(at + 4, at + 7)}-${digits.slice(at + 7, at + 19)}`
  }
}

/** Of one id: 74 bits of it are used. */
const RANDOM_BYTES = 10
/** The upper two bits are 10; the lower two are random. */
const VARIANTS = ['8', '9', 'a', 'b']
