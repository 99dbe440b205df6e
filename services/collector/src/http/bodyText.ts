import { isAscii, isUtf8 } from 'node:buffer'
import { type BodyText } from '@tributary/domain'

/**
 * Reads ranges of one body as text. Of an ASCII body the places of bytes and characters are the same: it is decoded once
 * and each range is a view, where else each is decoded by itself.
 */
export function bodyText(bytes: Uint8Array): BodyText {
  const body = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  if (!isAscii(body))
    return { isUtf8: isUtf8(body), decode: (_bytes, start, end) => body.toString('utf8', start, end) }
  const text = body.toString('latin1')
  return { isUtf8: true, decode: (_bytes, start, end) => text.slice(start, end) }
}
