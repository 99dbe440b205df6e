/** Questions that are not answered, as their caller is told: one way for all services. */
import {
  Metadata,
  type ServerUnaryCall,
  type ServerWritableStream,
  type ServiceError,
  type sendUnaryData,
  status,
} from '@grpc/grpc-js'
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

/** A handler of calls answered by a stream: goes no faster than the caller reads, and stops when the caller does. */
export function streaming<Q, A>(
  logger: Logger,
  answer: (request: Q, call: ServerWritableStream<Q, A>) => AsyncIterable<A> | Promise<AsyncIterable<A>>,
): (call: ServerWritableStream<Q, A>) => void {
  async function run(call: ServerWritableStream<Q, A>): Promise<void> {
    try {
      for await (const message of await answer(call.request, call)) {
        if (call.cancelled) return
        if (!call.write(message)) await drained(call)
      }
      call.end()
    } catch (error) {
      if (!call.cancelled) call.emit('error', refusalStatus(error, call.getPath(), logger))
    }
  }
  return (call) => void run(call)
}

function drained(call: ServerWritableStream<unknown, unknown>): Promise<void> {
  const events = ['drain', 'cancelled', 'close', 'error']
  return new Promise((resolve) => {
    const done = (): void => {
      for (const event of events) call.off(event, done)
      resolve()
    }
    for (const event of events) call.on(event, done)
    if (call.cancelled) done()
  })
}
