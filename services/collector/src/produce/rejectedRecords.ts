/**
 * What was refused, whole. An input too large for one record is cut into several with the same origin, each with its
 * number; put together in order they are the input, to the byte.
 */
import { type RejectedArrival, type RejectedRecord, changeTypes, partitionOf } from '@tributary/contracts'
import { type Rejection } from '@tributary/domain'
import { type OutgoingRecord } from './outgoing.ts'

/** 1.2 MiB in base64: fits into a record with everything around it. */
export const MAX_CHUNK_BYTES = 900 * 1024
/** What stood beside an input is kept up to this size, characters: it is repeated with each reject of a batch. */
const MAX_BESIDE_LENGTH = 64 * 1024
/** Messages quote what was sent; this much of it is enough. */
const MAX_MESSAGE_LENGTH = 2000

export interface RejectedInput {
  readonly source: string
  readonly rejection: Rejection
  readonly input: Uint8Array
  /** Never the same for two. */
  readonly origin: string
  readonly receivedMs: number
  readonly arrival: RejectedArrival
  readonly position?: { readonly topic: string; readonly partition: number; readonly offset: number }
}

export function rejectedRecords(rejected: RejectedInput, partitions: number): OutgoingRecord[] {
  const { source, rejection, origin, position } = rejected
  const arrival = kept(rejected.arrival)
  const input = Buffer.from(rejected.input.buffer, rejected.input.byteOffset, rejected.input.byteLength)
  const chunks = Math.max(1, Math.ceil(input.length / MAX_CHUNK_BYTES))
  const receivedAt = new Date(rejected.receivedMs).toISOString()
  const partition = partitionOf(source, partitions)

  return Array.from({ length: chunks }, (_, chunk): OutgoingRecord => {
    const record: RejectedRecord = {
      code: rejection.code,
      message: rejection.message.slice(0, MAX_MESSAGE_LENGTH),
      source,
      receivedAt,
      input: input.subarray(chunk * MAX_CHUNK_BYTES, (chunk + 1) * MAX_CHUNK_BYTES).toString('base64'),
      ...(rejection.messageId !== undefined && { messageId: rejection.messageId }),
      origin,
      ...(position && { position }),
      ...(chunks > 1 && { chunk, chunks }),
      ...(chunk === 0 && { arrival }),
    }
    return {
      topic: 'rejected',
      partition,
      key: source,
      value: Buffer.from(JSON.stringify(record)),
      headers: {
        ce_specversion: '1.0',
        ce_id: chunks > 1 ? `${origin}#${chunk}` : origin,
        ce_type: changeTypes.rejected,
        ce_source: `/tributary/sources/${source}`,
        ce_subject: source,
        ce_time: receivedAt,
        'content-type': 'application/json',
      },
    }
  })
}

function kept({ beside, key, ...arrival }: RejectedArrival): RejectedArrival {
  const fits = (text: string | undefined) => text === undefined || text.length <= MAX_BESIDE_LENGTH
  if (!fits(beside) || !fits(key)) return { ...arrival, incomplete: true }
  return { ...arrival, ...(beside !== undefined && { beside }), ...(key !== undefined && { key }) }
}
