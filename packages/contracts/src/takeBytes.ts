/**
 * 64 KiB: some hundred encoded messages. A buffer of its own for each costs an allocation outside the heap, which the
 * collector tracks one by one; that was more than the encoding.
 */
const SLAB_BYTES = 64 * 1024
/** 8 KiB: what is larger has a buffer of its own, so at most an eighth of a slab is left over. */
const MAX_SHARED_BYTES = SLAB_BYTES / 8

let slab: Buffer<ArrayBuffer> = Buffer.allocUnsafeSlow(SLAB_BYTES)
let taken = 0

/**
 * Bytes to be filled by the caller, who keeps them as long as it likes: nobody else has them. Small ones lie in one
 * larger buffer, which stays in memory as long as one of them does. Their contents are undefined.
 */
export function takeBytes(length: number): Buffer<ArrayBuffer> {
  if (length > MAX_SHARED_BYTES) return Buffer.allocUnsafeSlow(length)
  if (taken + length > SLAB_BYTES) {
    slab = Buffer.allocUnsafeSlow(SLAB_BYTES)
    taken = 0
  }
  const from = taken
  // The next one begins at a multiple of 8.
  taken = (taken + length + 7) & ~7
  return slab.subarray(from, from + length)
}
