import { type SourceRecord } from '@tributary/domain'

/**
 * A line that `kcat -J` printed: the record with its key, headers, place and time. Undefined when it is none. What is no
 * UTF-8 was lost when kcat wrote it.
 */
export function kcatRecord(line: Buffer): SourceRecord | undefined {
  let envelope: { readonly [key: string]: unknown }
  try {
    envelope = Object(JSON.parse(line.toString('utf8'))) as typeof envelope
  } catch {
    return undefined
  }
  const { topic, partition, offset, ts, key, payload, headers } = envelope
  if (typeof topic !== 'string' || !isCount(partition) || !isCount(offset)) return undefined
  if (payload !== null && typeof payload !== 'string') return undefined
  return {
    topic,
    partition,
    offset,
    timestampMs: isCount(ts) ? ts : 0,
    value: payload === null ? null : Buffer.from(payload),
    key: typeof key === 'string' ? Buffer.from(key) : null,
    headers: pairsOf(headers),
  }
}

function isCount(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) >= 0
}

/** kcat writes names and values one after the other. */
function pairsOf(headers: unknown): Record<string, string> {
  const pairs: Record<string, string> = {}
  if (!Array.isArray(headers)) return pairs
  for (let at = 0; at + 1 < headers.length; at += 2) pairs[String(headers[at])] = String(headers[at + 1])
  return pairs
}
