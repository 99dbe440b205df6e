import { Metadata, status } from '@grpc/grpc-js'

/** A question that cannot be answered, as the caller is told. */
export class Refusal extends Error {
  readonly code: status
  readonly metadata: Metadata

  constructor(code: status, message: string, metadata = new Metadata()) {
    super(message)
    this.code = code
    this.metadata = metadata
  }
}

/** A partition moves in seconds; half a second keeps a waiting caller close behind. */
const RETRY_AFTER_MS = 500

/** `what` is a partition this instance does not have just now. */
export function unavailable(what: string): Refusal {
  const metadata = new Metadata()
  metadata.set('grpc-retry-pushback-ms', String(RETRY_AFTER_MS))
  return new Refusal(
    status.UNAVAILABLE,
    `${what} is restoring, or belongs to another instance; ask again in ${RETRY_AFTER_MS} ms, or ask that one`,
    metadata,
  )
}
