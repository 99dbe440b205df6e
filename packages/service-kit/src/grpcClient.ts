/**
 * What a caller of a Tributary service needs: every call has a deadline, spreads over instances, and carries the token.
 */
import {
  type ChannelOptions,
  type ClientUnaryCall,
  type Metadata as GrpcMetadata,
  type ServiceError,
  Metadata,
  status,
} from '@grpc/grpc-js'

const KEEPALIVE_TIME_MS = 30_000
const KEEPALIVE_TIMEOUT_MS = 10_000
const MAX_MESSAGE_BYTES = 8 * 1024 * 1024
/** Set on a call that one instance makes to another for its caller. */
const HOP_KEY = 'tributary-hop'

/**
 * Channel options: round robin over all addresses of a headless service, pings that notice a dead peer, and one
 * retry of what the service has not seen (grpc-js retries UNAVAILABLE by this policy).
 */
export function createGrpcChannelOptions(): ChannelOptions {
  const serviceConfig = {
    loadBalancingConfig: [{ round_robin: {} }],
    methodConfig: [
      {
        name: [{}],
        retryPolicy: {
          maxAttempts: 3,
          initialBackoff: '0.05s',
          maxBackoff: '0.5s',
          backoffMultiplier: 3,
          retryableStatusCodes: ['UNAVAILABLE'],
        },
      },
    ],
  }
  return {
    'grpc.service_config': JSON.stringify(serviceConfig),
    'grpc.keepalive_time_ms': KEEPALIVE_TIME_MS,
    'grpc.keepalive_timeout_ms': KEEPALIVE_TIMEOUT_MS,
    'grpc.max_receive_message_length': MAX_MESSAGE_BYTES,
    'grpc.max_send_message_length': MAX_MESSAGE_BYTES,
    'grpc.initial_reconnect_backoff_ms': 100,
    'grpc.max_reconnect_backoff_ms': 5_000,
  }
}

/** Metadata with the token; no token where the service answers anybody. */
export function bearerCredentials(token: string | undefined): Metadata {
  const metadata = new Metadata()
  if (token !== undefined) metadata.set('authorization', `Bearer ${token}`)
  return metadata
}

/** Metadata for a call to the instance that owns the partition: that instance must answer, not pass it on again. */
export function hop(metadata: GrpcMetadata): Metadata {
  const next = metadata.clone()
  next.set(HOP_KEY, '1')
  return next
}

/** Whether another instance has passed this call on. */
export function isHop(metadata: GrpcMetadata): boolean {
  return metadata.get(HOP_KEY).length > 0
}

type UnaryMethod<Q, A> = (
  request: Q,
  metadata: Metadata,
  options: { deadline: number },
  callback: (error: ServiceError | null, answer: A) => void,
) => ClientUnaryCall

/** One call as a promise, with its deadline: `callUnary(client.resolve.bind(client), request, {deadlineMs, metadata})`. */
export function callUnary<Q, A>(
  method: UnaryMethod<Q, A>,
  request: Q,
  options: { readonly deadlineMs: number; readonly metadata?: Metadata },
): Promise<A> {
  return new Promise((resolve, reject) => {
    const deadline = Date.now() + options.deadlineMs
    method(request, options.metadata ?? new Metadata(), { deadline }, (error, answer) => {
      if (error) reject(error)
      else resolve(answer)
    })
  })
}

export { status as grpcStatus }
