/** Questions that are not answered, as their caller is told: one way for all services. */
import { Metadata, type ServerUnaryCall, type ServiceError, type sendUnaryData, status } from '@grpc/grpc-js'
import type { Logger } from './logger.ts'

/** A question that cannot be answered, and why. */
export class Refusal extends Error {
  override readonly name = 'Refusal'
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

/** `what` is nowhere to be had just now; clients of gRPC keep to the pushback by themselves when they retry. */
export function unavailable(what: string): Refusal {
  const metadata = new Metadata()
  metadata.set('grpc-retry-pushback-ms', String(RETRY_AFTER_MS))
  return new Refusal(
    status.UNAVAILABLE,
    `${what} is restoring or moving to another instance; ask again in ${RETRY_AFTER_MS} ms`,
    metadata,
  )
}

/** What the caller gets for something that was thrown; only what is no Refusal is logged. */
export function refusalStatus(
  error: unknown,
  path: string,
  logger: Logger,
): Pick<ServiceError, 'code' | 'details'> & { readonly metadata?: Metadata } {
  if (error instanceof Refusal) return { code: error.code, details: error.message, metadata: error.metadata }
  logger.error({ err: error, path }, 'a question could not be answered')
  return { code: status.INTERNAL, details: 'the answer failed; the service log says why' }
}

/** A handler of unary calls out of a function that answers, or throws a Refusal. */
export function answering<Q, A>(
  logger: Logger,
  answer: (request: Q, call: ServerUnaryCall<Q, A>) => A | Promise<A>,
): (call: ServerUnaryCall<Q, A>, callback: sendUnaryData<A>) => void {
  async function settle(call: ServerUnaryCall<Q, A>, callback: sendUnaryData<A>): Promise<void> {
    let value: A
    try {
      value = await answer(call.request, call)
    } catch (error) {
      callback(refusalStatus(error, call.getPath(), logger))
      return
    }
    callback(null, value)
  }
  return (call, callback) => void settle(call, callback)
}
