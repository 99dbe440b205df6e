/**
 * IdentityService: answers from the committed state of the resolver.
 *
 *  Q1. An answer holds only what has been committed, and everything that has.
 *  Q2. Values come in with a question and go out with its answer; they are neither kept nor logged.
 */
import { type ServerUnaryCall, Metadata, type sendUnaryData, status } from '@grpc/grpc-js'
import {
  type ExplainRequest,
  type ExplainResponse,
  type IdentityServiceServer,
  type ResolveRequest,
  type ResolveResponse,
  IdentityServiceService,
} from '@tributary/contracts/generated/tributary/identity/v1/identity_service'
import { type IdentityView, type ReadIdentityRows, viewIdentity } from '@tributary/domain'
import { type GrpcService, type Logger, grpcService } from '@tributary/service-kit'
import type { StateView } from '@tributary/stream-runtime'
import { readIdentityRows } from '../resolver/identityTables.ts'
import { answerExplain } from './answerExplain.ts'
import { answerResolve } from './answerResolve.ts'
import { type Asked, type IdentifierReading, readRef } from './readRef.ts'

/** 1,000 refs in one call: about what a millisecond each of the one writer's time may cost. */
const MAX_REFS = 1_000
/** A partition moves in seconds; half a second keeps a waiting caller close behind. */
const RETRY_AFTER_MS = 500

export interface IdentityServiceOptions {
  /** Committed state of the resolver, undefined while it is restoring or runs elsewhere. */
  readonly view: () => StateView | undefined
  readonly reading: () => IdentifierReading
  readonly logger: Logger
}

interface Answering {
  readonly rows: ReadIdentityRows
  readonly view: IdentityView
  readonly read: (ref: ResolveRequest['refs'][number] | undefined, name: string) => Asked
}

/** A question that cannot be answered, as the caller is told. */
class Refusal extends Error {
  readonly code: status
  readonly metadata: Metadata
  constructor(code: status, message: string, metadata = new Metadata()) {
    super(message)
    this.code = code
    this.metadata = metadata
  }
}

export function createIdentityService(options: IdentityServiceOptions): GrpcService {
  const begin = (): Answering => {
    const state = options.view()
    if (!state) throw unavailable()
    const rows = readIdentityRows(state)
    const reading = options.reading()
    return {
      rows,
      view: viewIdentity(rows),
      read(ref, name) {
        const found = readRef(ref, reading, rows)
        if ('problem' in found) throw new Refusal(status.INVALID_ARGUMENT, `${name}: ${found.problem}`)
        return found.asked
      },
    }
  }
  const answering =
    <Q, A>(answer: (request: Q) => A) =>
    (call: ServerUnaryCall<Q, A>, callback: sendUnaryData<A>): void => {
      try {
        callback(null, answer(call.request))
      } catch (error) {
        if (error instanceof Refusal) {
          callback({ code: error.code, details: error.message, metadata: error.metadata })
          return
        }
        options.logger.error({ err: error, path: call.getPath() }, 'a question could not be answered')
        callback({ code: status.INTERNAL, details: 'the answer failed; the service log says why' })
      }
    }

  const implementation: IdentityServiceServer = {
    resolve: answering<ResolveRequest, ResolveResponse>(({ refs }) => {
      if (refs.length > MAX_REFS)
        throw new Refusal(
          status.INVALID_ARGUMENT,
          `${refs.length} refs; ask for at most ${MAX_REFS} at a time`,
        )
      const { rows, view, read } = begin()
      const asked = refs.map((ref, index) => read(ref, `refs[${index}]`))
      return { resolutions: [...answerResolve(rows, view, asked)] }
    }),
    explain: answering<ExplainRequest, ExplainResponse>(({ a, b }) => {
      const { rows, view, read } = begin()
      return answerExplain(rows, view, read(a, 'a'), read(b, 'b'))
    }),
  }
  return grpcService(IdentityServiceService, implementation)
}

function unavailable(): Refusal {
  const metadata = new Metadata()
  metadata.set('grpc-retry-pushback-ms', String(RETRY_AFTER_MS))
  return new Refusal(
    status.UNAVAILABLE,
    `the resolver is restoring, or runs on another instance; ask again in ${RETRY_AFTER_MS} ms`,
    metadata,
  )
}
