/**
 * Keys of rows as lmdb writes and reads them: texts, straight into its buffers as UTF-8, so their bytes are their order.
 *
 * With its own `binary` encoding every read and every write would first make a buffer of the key; with its `utf8`-like
 * encodings some texts are changed to keep them apart from numbers.
 */

/** What lmdb asks of an encoding of keys. */
export interface KeyEncoder {
  /** Where the key ends in `target`. A RangeError: there is no room, try with another buffer. */
  writeKey(key: string, target: Buffer, start: number): number
  readKey(source: Buffer, start: number, end: number): string
}

/** A character that does not fit whole is left out by `write`: as many bytes may stay free after one. */
const LONGEST_CHARACTER_BYTES = 4

export const textKeys: KeyEncoder = {
  writeKey(key, target, start) {
    const end = start + target.write(key, start)
    if (target.length - end < LONGEST_CHARACTER_BYTES) throw new RangeError('no room for the key')
    return end
  },
  readKey: (source, start, end) => source.toString('utf8', start, end),
}
