import { isAscii } from 'node:buffer'
import { type Decode } from '@tributary/domain'

/**
 * Reads ranges of one body as text. Of an ASCII body the places of bytes and characters are the same: it is decoded once
 * and each range is a view, where else each is decoded by itself.
 */
export function bodyText(body: Buffer): Decode {
  if (!isAscii(body)) return (_bytes, start, end) => body.toString('utf8', start, end)
  const text = body.toString('latin1')
  return (_bytes, start, end) => text.slice(start, end)
}
