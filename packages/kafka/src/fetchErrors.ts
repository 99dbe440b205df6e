import { type ProtocolError, protocolError } from './kafkaFault.ts'

/** Answers that mean: ask another broker, or the same a little later. */
const MOVED = new Set([
  'NOT_LEADER_FOR_PARTITION',
  'LEADER_NOT_AVAILABLE',
  'UNKNOWN_TOPIC_OR_PARTITION',
  'FENCED_LEADER_EPOCH',
  'UNKNOWN_LEADER_EPOCH',
  'REPLICA_NOT_AVAILABLE',
  'KAFKA_STORAGE_ERROR',
  'OFFSET_NOT_AVAILABLE',
])

export function hasMoved(error: ProtocolError): boolean {
  return MOVED.has(error.type ?? '')
}

/** Errors that come from what lies in a partition, not from the way there. */
export function isPartitionsFault(error: unknown): boolean {
  const found = protocolError(error)
  if (found.type !== undefined) return !hasMoved(found)
  return (
    found.name === 'KafkaJSNotImplemented' ||
    error instanceof RangeError ||
    error instanceof TypeError ||
    error instanceof SyntaxError
  )
}
