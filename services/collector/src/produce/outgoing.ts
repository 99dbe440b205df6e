import { type Piece } from './recordMemory.ts'

/** A record on its way to Kafka; which topic is a name of the catalogue. */
export interface OutgoingRecord {
  readonly topic: 'events' | 'rejected'
  readonly partition: number
  readonly key: string
  readonly value: Uint8Array
  readonly headers?: Readonly<Record<string, string>>
  /** Memory that is used again after it is durable; the value is not to be read from then on. */
  readonly piece?: Piece
}

/** The records of one produce request for one partition, in order. */
export interface OutgoingLane {
  readonly topic: 'events' | 'rejected'
  readonly partition: number
  readonly records: readonly OutgoingRecord[]
}

/** Where a produce request wrote the first of its records for a partition; the others follow without a gap. */
export interface WrittenRange {
  readonly topic: 'events' | 'rejected'
  readonly partition: number
  readonly baseOffset: number
}

/**
 * The way out, as one produce request with acks=all: resolves when every record is durable, with one range per lane;
 * rejects when any may not be. Each topic and partition is one lane at most. Contract: senderContract.ts.
 */
export interface RecordSender {
  send(lanes: readonly OutgoingLane[]): Promise<readonly WrittenRange[]>
}
