/**
 * A gRPC server as every service runs it.
 *
 * Invariants:
 *  G1. A call without a known token reaches no handler; only the health service answers without one.
 *  G2. At most `maxInFlight` calls run at a time; one more is refused at once with RESOURCE_EXHAUSTED, never queued.
 *  G3. Connections end after five minutes, or instances added later would get no traffic.
 *  G4. Without a token file the server starts only when that is an explicit choice, and says so in the log.
 */
import { readFileSync } from 'node:fs'
import {
  Server,
  ServerCredentials,
  ServerInterceptingCall,
  type ServerInterceptor,
  type ServiceDefinition,
  type StatusObject,
  type UntypedServiceImplementation,
  Metadata,
  status,
} from '@grpc/grpc-js'
import { HealthImplementation } from 'grpc-health-check'
import { type BearerCheck, createBearerCheck, parseTokens } from './bearerToken.ts'
import type { PeerTls } from './grpcPeers.ts'
import type { Health } from './health.ts'
import type { Logger } from './logger.ts'
import type { Metrics } from './metrics.ts'
import { readSecretFile } from './secretFile.ts'

/** Enough to keep both cores of a small pod busy; a queue behind it would only make callers wait past their deadline. */
const MAX_IN_FLIGHT = 1_000
const MAX_CONNECTION_AGE_MS = 5 * 60_000
/** What a call under way gets when its connection reaches its age. */
const MAX_CONNECTION_AGE_GRACE_MS = 30_000
const KEEPALIVE_TIME_MS = 30_000
/** The largest profile with its caps is under 2 MiB; a batch of requests is bounded by the handlers. */
const MAX_MESSAGE_BYTES = 8 * 1024 * 1024
const HEALTH_PREFIX = '/grpc.health.v1.Health/'

export interface GrpcService {
  readonly definition: ServiceDefinition
  readonly implementation: UntypedServiceImplementation
}

export interface GrpcServerOptions {
  readonly host?: string
  readonly port: number
  /** In the form `grpcService(definition, implementation)` gives. */
  readonly services: readonly GrpcService[]
  /** Tokens that are accepted; undefined = no authentication (see G4). */
  readonly tokens: readonly string[] | undefined
  readonly health: Health
  readonly logger: Logger
  readonly metrics?: Metrics
  readonly maxInFlight?: number
  readonly tls?: { readonly cert: Buffer; readonly key: Buffer; readonly clientCa?: Buffer }
}

export interface GrpcServer {
  readonly port: number
  /** No new calls; those under way may finish for `graceMs`, then they are cut. */
  stop(graceMs?: number): Promise<void>
}

/** Checks at compile time that the implementation fits the definition. */
export function grpcService<I extends UntypedServiceImplementation>(
  definition: ServiceDefinition<I>,
  implementation: I,
): GrpcService {
  return { definition, implementation }
}

export async function startGrpcServer(options: GrpcServerOptions): Promise<GrpcServer> {
  const { health, logger, metrics } = options
  const server = new Server({
    interceptors: [
      admission(
        options.tokens && createBearerCheck(options.tokens),
        options.maxInFlight ?? MAX_IN_FLIGHT,
        metrics,
      ),
    ],
    'grpc.max_connection_age_ms': MAX_CONNECTION_AGE_MS,
    'grpc.max_connection_age_grace_ms': MAX_CONNECTION_AGE_GRACE_MS,
    'grpc.keepalive_time_ms': KEEPALIVE_TIME_MS,
    'grpc.max_receive_message_length': MAX_MESSAGE_BYTES,
    'grpc.max_send_message_length': MAX_MESSAGE_BYTES,
  })
  if (options.tokens === undefined) {
    logger.warn('gRPC answers callers without a token, because GRPC_ALLOW_UNAUTHENTICATED is true')
  }
  for (const { definition, implementation } of options.services) server.addService(definition, implementation)

  const grpcHealth = new HealthImplementation({ '': 'NOT_SERVING' })
  grpcHealth.addToServer(server)
  health.onReadyChange((ready) => {
    grpcHealth.setStatus('', ready ? 'SERVING' : 'NOT_SERVING')
  })

  const port = await new Promise<number>((resolve, reject) => {
    server.bindAsync(
      `${options.host ?? '0.0.0.0'}:${options.port}`,
      credentials(options.tls),
      (error, bound) => {
        if (error) reject(error)
        else resolve(bound)
      },
    )
  })
  return {
    port,
    stop: (graceMs = 5_000) =>
      new Promise((resolve) => {
        const timer = setTimeout(() => {
          server.forceShutdown()
        }, graceMs)
        server.tryShutdown(() => {
          clearTimeout(timer)
          resolve()
        })
      }),
  }
}

/** Tokens of the settings, or undefined where calls without one are an explicit choice (G4). */
export function grpcTokens(settings: {
  readonly GRPC_TOKEN_FILE: string | undefined
  readonly GRPC_ALLOW_UNAUTHENTICATED: boolean
}): readonly string[] | undefined {
  if (settings.GRPC_TOKEN_FILE !== undefined) {
    const tokens = parseTokens(readSecretFile(settings.GRPC_TOKEN_FILE))
    if (tokens.length > 0) return tokens
    throw new Error(`the file of GRPC_TOKEN_FILE holds no token; put one in a line of its own`)
  }
  if (settings.GRPC_ALLOW_UNAUTHENTICATED) return undefined
  throw new Error('GRPC_TOKEN_FILE is not set; set it, or GRPC_ALLOW_UNAUTHENTICATED=true to answer anybody')
}

/** Server certificate of the settings, with the authorities of the callers' certificates where those are asked for. */
export function grpcTls(settings: {
  readonly GRPC_TLS_CERT_FILE: string | undefined
  readonly GRPC_TLS_KEY_FILE: string | undefined
  readonly GRPC_TLS_CLIENT_CA_FILE: string | undefined
}): { cert: Buffer; key: Buffer; clientCa?: Buffer } | undefined {
  const { GRPC_TLS_CERT_FILE: cert, GRPC_TLS_KEY_FILE: key, GRPC_TLS_CLIENT_CA_FILE: clientCa } = settings
  if (cert === undefined || key === undefined) return undefined
  return {
    cert: readFileSync(cert),
    key: readFileSync(key),
    ...(clientCa === undefined ? {} : { clientCa: readFileSync(clientCa) }),
  }
}

/** How this instance calls the others of its service: with TLS where they serve with it. */
export function grpcPeerTls(
  settings: Parameters<typeof grpcTls>[0] & {
    readonly GRPC_TLS_PEER_CA_FILE: string | undefined
    readonly GRPC_TLS_PEER_NAME: string | undefined
  },
): PeerTls | undefined {
  const own = grpcTls(settings)
  if (!own) return undefined
  const { GRPC_TLS_PEER_CA_FILE: ca, GRPC_TLS_PEER_NAME: name } = settings
  return {
    cert: own.cert,
    key: own.key,
    ...(ca === undefined ? {} : { ca: readFileSync(ca) }),
    ...(name === undefined ? {} : { name }),
  }
}

function credentials(tls: GrpcServerOptions['tls']): ServerCredentials {
  if (!tls) return ServerCredentials.createInsecure()
  const pair = { cert_chain: tls.cert, private_key: tls.key }
  return ServerCredentials.createSsl(tls.clientCa ?? null, [pair], tls.clientCa !== undefined)
}

const isHealth = (path: string): boolean => path.startsWith(HEALTH_PREFIX)

export function grpcMeters(metrics: Metrics | undefined) {
  return {
    running: metrics?.gauge('grpc_in_flight_records', 'Calls of gRPC that are under way'),
    refused: metrics?.counter('grpc_refused_total', 'Calls of gRPC refused because too many were under way'),
  }
}

/**
 * G1 and G2, in one interceptor: each of them is some ten objects of grpc-js for every call. Who may call is decided
 * first, so strangers cannot take the places of callers.
 */
function admission(
  check: BearerCheck | undefined,
  max: number,
  metrics: Metrics | undefined,
): ServerInterceptor {
  const { running, refused } = grpcMeters(metrics)
  let inFlight = 0

  function refusal(metadata: Metadata): Pick<StatusObject, 'code' | 'details'> | undefined {
    if (check && !check.accepts(metadata.get('authorization')[0]?.toString()))
      return {
        code: status.UNAUTHENTICATED,
        details: 'send the metadata "authorization: Bearer <token>" with a token this service knows',
      }
    if (inFlight < max) return undefined
    refused?.inc()
    return {
      code: status.RESOURCE_EXHAUSTED,
      details: `${max} calls are under way; try again after a moment`,
    }
  }

  return (method, call) => {
    if (isHealth(method.path)) return new ServerInterceptingCall(call)
    let counted = false
    const leave = (): void => {
      if (!counted) return
      counted = false
      inFlight -= 1
      running?.set(inFlight)
    }
    return new ServerInterceptingCall(call, {
      start: (next) => {
        next({
          onReceiveMetadata(metadata, proceed) {
            const refusing = refusal(metadata)
            if (refusing) {
              call.sendStatus({ ...refusing, metadata: new Metadata() })
              return
            }
            counted = true
            inFlight += 1
            running?.set(inFlight)
            proceed(metadata)
          },
          onCancel: leave,
        })
      },
      sendStatus: (answer, next) => {
        leave()
        next(answer)
      },
    })
  }
}
