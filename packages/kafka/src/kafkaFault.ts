/** Errors of this package: what happened, whether trying again can help, and what to do when it cannot. */
export type KafkaFaultCode =
  | 'offset-out-of-range'
  | 'not-authorised'
  | 'unreadable-records'
  | 'topic-missing'
  | 'unavailable'
  | 'not-assigned'
  | 'record-too-large'
  | 'wrong-topic'
  | 'closed'

export class KafkaFault extends Error {
  override readonly name = 'KafkaFault'
  readonly code: KafkaFaultCode
  /** Whether the same call may succeed later without anybody doing anything. */
  readonly retriable: boolean

  constructor(code: KafkaFaultCode, message: string, options?: { cause?: unknown }) {
    super(message, options)
    this.code = code
    this.retriable = code === 'unavailable'
  }
}

/** What kafkajs throws, looked at through its own wrapping: retries put the cause into a new error. */
export interface ProtocolError {
  readonly type: string | undefined
  readonly name: string
  readonly topic: string | undefined
  readonly partition: number | undefined
  readonly message: string
}

export function protocolError(error: unknown): ProtocolError {
  let at = error as { type?: string; cause?: unknown; name?: string; message?: string } | undefined
  for (let depth = 0; depth < 5 && at && at.type === undefined && at.cause instanceof Error; depth++)
    at = at.cause
  const found = (at ?? {}) as { topic?: string; partition?: number } & typeof at
  return {
    type: found?.type,
    name: found?.name ?? 'Error',
    topic: found?.topic,
    partition: found?.partition,
    message: found?.message ?? String(error),
  }
}

const AUTHORISATION = new Set([
  'TOPIC_AUTHORIZATION_FAILED',
  'GROUP_AUTHORIZATION_FAILED',
  'CLUSTER_AUTHORIZATION_FAILED',
  'TRANSACTIONAL_ID_AUTHORIZATION_FAILED',
  'SASL_AUTHENTICATION_FAILED',
])

export function isAuthorisation(error: ProtocolError): boolean {
  return AUTHORISATION.has(error.type ?? '') || error.name === 'KafkaJSSASLAuthenticationError'
}
