import type { FetchedMessage } from './cluster.ts'

export interface KafkaRecord {
  readonly offset: number
  /** Broker's append time or the producer's, as the topic says, ms since 1970. */
  readonly timestampMs: number
  readonly key: Buffer | null
  readonly value: Buffer | null
  /** The first value of a header that was given several times. */
  readonly headers: Readonly<Record<string, Buffer | string | undefined>>
}

export interface CommittedRecords {
  readonly records: KafkaRecord[]
  /** One past the last thing fetched, markers and emptied batches included. */
  readonly nextOffset: number
  /** Of keys, values and headers, roughly. */
  readonly bytes: number
}

/** Key of an abort marker: version 0, type 0. */
const ABORT_MARKER = Buffer.from([0, 0, 0, 0])

/** Size of a record besides its key and value, bytes: its object, offsets, headers' map. */
const RECORD_OVERHEAD_BYTES = 100

/**
 * What of a fetched range is to be seen: no marker, nothing that was aborted, nothing before the offset asked for
 * (a broker answers with whole batches).
 *
 * The broker lists the aborted transactions of the range with their first offsets; each ends at the abort marker of
 * its producer. Source: Kafka protocol, Fetch response; KIP-98.
 */
export function committedRecords(
  messages: readonly FetchedMessage[],
  fetchOffset: number,
  abortedTransactions: readonly { producerId: string; firstOffset: string }[] = [],
): CommittedRecords {
  const aborted = [...abortedTransactions].sort((a, b) => Number(a.firstOffset) - Number(b.firstOffset))
  let nextAborted = 0
  const inAborted = new Set<string>()
  const records: KafkaRecord[] = []
  let nextOffset = fetchOffset
  let bytes = 0
  for (const message of messages) {
    const offset = Number(message.offset)
    while (nextAborted < aborted.length && Number(aborted[nextAborted]!.firstOffset) <= offset)
      inAborted.add(aborted[nextAborted++]!.producerId)
    if (offset >= nextOffset) nextOffset = offset + 1
    const producer = message.batchContext?.producerId ?? ''
    if (message.isControlRecord) {
      if (message.key?.equals(ABORT_MARKER)) inAborted.delete(producer)
      continue
    }
    if (offset < fetchOffset) continue
    if (message.batchContext?.inTransaction && inAborted.has(producer)) continue
    records.push({
      offset,
      timestampMs: Number(message.timestamp),
      key: message.key,
      value: message.value,
      headers: firstValues(message.headers),
    })
    bytes += (message.key?.length ?? 0) + (message.value?.length ?? 0) + RECORD_OVERHEAD_BYTES
  }
  return { records, nextOffset, bytes }
}

const NO_HEADERS: KafkaRecord['headers'] = {}

function firstValues(headers: FetchedMessage['headers']): KafkaRecord['headers'] {
  let names = 0
  let plain = true
  for (const name in headers) {
    names++
    if (Array.isArray(headers[name])) plain = false
  }
  if (names === 0) return NO_HEADERS
  if (plain) return headers as KafkaRecord['headers']
  return Object.fromEntries(
    Object.entries(headers).map(([name, value]) => [name, Array.isArray(value) ? value[0] : value]),
  )
}
