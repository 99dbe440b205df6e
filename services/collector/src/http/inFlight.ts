/** Bounds what is held in memory at once: bytes received and not yet answered. */
export interface InFlight {
  /** False when there is no room for so many more; nothing is taken then. */
  take(bytes: number): boolean
  release(bytes: number): void
  readonly bytes: number
}

export function createInFlight(maxBytes: number): InFlight {
  let held = 0
  return {
    take(bytes) {
      if (held + bytes > maxBytes) return false
      held += bytes
      return true
    },
    release(bytes) {
      held -= bytes
    },
    get bytes() {
      return held
    },
  }
}
