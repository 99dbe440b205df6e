/**
 * An input that was refused, judged again as it came, by how its source is read now. Pure.
 *
 *  A1. Nothing is made up: what the reject does not hold, and the verdict may depend on, is a reason not to judge.
 *  A2. The same reject is the same event each time: its message id, its time of receipt and its origin are those of the
 *      reject, so that whoever sends it twice has sent it once.
 *  A3. The origin of the event is `redrive:` and that of the reject: it is the mark that the reject was sent again.
 *  A4. What was refused erases nobody later.
 */
import { type SourceDocument } from '@tributary/configuration'
import { REDRIVE_ORIGIN, type RejectedArrival, type RejectedRecord } from '@tributary/contracts'
import {
  type Circumstances,
  type JsonObject,
  type Verdict,
  admitEvent,
  admitRecord,
  isEventType,
  isJsonObject,
  parseExact,
  readSingle,
} from '@tributary/domain'
import { type Delivery, deliveryMapping } from './deliveryMapping.ts'
import { digest } from './digest.ts'
import { judgeLines, readHeader } from './lines/judgeLines.ts'
import { MAX_LINE_BYTES } from './lines/splitLines.ts'
import { createSplitRows } from './lines/splitRows.ts'
import { type SourceReading, uploadCircumstances } from './sourceReading.ts'

/** Why a reject cannot be judged, for people. */
export interface NotJudged {
  readonly reason: string
}

export function judgeAgain(
  rejected: RejectedRecord,
  document: SourceDocument | undefined,
  reading: SourceReading | undefined,
): Verdict | NotJudged {
  if (!document || !reading) return { reason: `there is no source ${rejected.source} any more` }
  if (document.disabled) return { reason: `the source ${rejected.source} is disabled` }
  if ((rejected.chunks ?? 1) > 1) return { reason: 'the input is larger than any event may be' }
  const arrival = rejected.arrival ?? earlierArrival(rejected, document)
  if (!arrival) return { reason: 'it was kept by an earlier version, without what stood beside it' }
  if (arrival.incomplete) return { reason: 'what stood beside it was too large to be kept' }
  if (!isOfKind(arrival, document))
    return { reason: `the source ${rejected.source} takes no such input any more (it came as ${arrival.as})` }
  const input = Buffer.from(rejected.input, 'base64')
  const verdict = verdictOf(input, rejected, arrival, reading)
  // A4.
  if ('accepted' in verdict && verdict.accepted.erases)
    return { reason: 'it would erase its person now: a deletion of before the source said so erases nobody' }
  return 'accepted' in verdict
    ? { ...verdict, accepted: { ...verdict.accepted, origin: REDRIVE_ORIGIN + rejected.origin } }
    : verdict
}

/** Of a Kafka record without a key nothing is missing, but where a row's key is in its message id. */
function earlierArrival(
  { position }: RejectedRecord,
  { kafka }: SourceDocument,
): RejectedArrival | undefined {
  if (!position || !kafka || kafka.format === 'debezium' || kafka.format === 'connect') return undefined
  return { as: 'record', trusted: true }
}

function isOfKind({ as }: RejectedArrival, { http, kafka, webhook }: SourceDocument): boolean {
  if (as === 'record') return kafka !== undefined
  return as === 'delivery' ? webhook !== undefined : http !== undefined
}

function verdictOf(
  input: Buffer,
  rejected: RejectedRecord,
  arrival: RejectedArrival,
  reading: SourceReading,
): Verdict {
  const { circumstances } = reading
  const receivedMs = Date.parse(rejected.receivedAt)
  if (arrival.as === 'record') {
    // A record without a value was kept as no bytes.
    const value = input.length === 0 ? null : input
    const key = arrival.key === undefined ? null : Buffer.from(arrival.key, 'base64')
    return admitRecord({ ...rejected.position!, timestampMs: receivedMs, value, key }, circumstances)
  }
  // A2. One that had none gets one that is made of where it came from.
  const messageId = arrival.messageId ?? digest(['redrive', rejected.origin])
  const arrived = { origin: rejected.origin, receivedMs, newMessageId: () => messageId }
  if (arrival.as === 'row') {
    const rows = createSplitRows(MAX_LINE_BYTES)
    const [first, row] = [...rows.push(input), ...rows.end()]
    const header = first && 'bytes' in first ? readHeader(first) : undefined
    if (!header || 'problem' in header || !row || !('bytes' in row))
      return { rejected: { code: 'invalid_row', message: 'no header and row of CSV' } }
    const [judged] = judgeLines([row], header, uploadCircumstances(reading, arrival.trusted), {
      uploadId: rejected.origin,
      receivedMs,
      messageIdOf: () => messageId,
    })
    return judged!.verdict
  }
  const item = readSingle(input)
  if ('code' in item) return { rejected: { code: 'invalid_json', message: item.message } }
  return admitEvent(item, besideOf(arrival, reading), arrived)
}

/** The circumstances as they were for this one input. */
function besideOf(arrival: RejectedArrival, reading: SourceReading): Circumstances {
  const { trusted, type, sentAt } = arrival
  const beside = arrival.beside === undefined ? undefined : (parseExact(arrival.beside) as JsonObject)
  if (arrival.as === 'line') return uploadCircumstances(reading, trusted)
  const circumstances = { ...reading.circumstances, trusted }
  if (arrival.as === 'cloudevent') return { ...circumstances, mapping: reading.cloudEvents }
  if (arrival.as === 'delivery') {
    const delivery = beside as unknown as Delivery
    return { ...circumstances, mapping: deliveryMapping(circumstances.mapping!, delivery) }
  }
  return {
    ...circumstances,
    sentHeader: sentAt,
    ...(isEventType(type) && { type }),
    ...(isJsonObject(beside) && { shared: beside }),
  }
}
