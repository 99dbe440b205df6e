/**
 * IdentityService: answers from the committed state of the resolver; where that runs elsewhere, the whole question goes
 * there, once.
 *
 *  Q1. An answer holds only what has been committed, and everything that has.
 *  Q2. Values come in with a question and go out with its answer; they are neither kept nor logged.
 */
import { type ServerUnaryCall, status } from '@grpc/grpc-js'
import {
  type ExplainRequest,
  type ExplainResponse,
  type IdentityServiceClient,
  type IdentityServiceServer,
  type ResolveRequest,
  type ResolveResponse,
  IdentityServiceService,
} from '@tributary/contracts/generated/tributary/identity/v1/identity_service'
import { type IdentityView, type ReadIdentityRows, viewIdentity } from '@tributary/domain'
import {
  type AskOwnersOptions,
  type GrpcService,
  type Logger,
  type OwnerLookup,
  Refusal,
  answering,
  askOwner,
  callPeer,
  grpcService,
  unavailable,
} from '@tributary/service-kit'
import type { StateView } from '@tributary/stream-runtime'
import { readIdentityRows } from '../resolver/identityTables.ts'
import { answerExplain } from './answerExplain.ts'
import { answerResolve } from './answerResolve.ts'
import { type Asked, type IdentifierReading, readRef } from './readRef.ts'

/** 1,000 refs in one call: about what a millisecond each of the one writer's time may cost. */
const MAX_REFS = 1_000
/** The resolver's only partition. */
const PARTITION = 0
const RESOLVER = 'the resolver'

export interface IdentityServiceOptions {
  /** Committed state of the resolver, undefined while it is restoring or runs elsewhere. */
  readonly view: () => StateView | undefined
  readonly instances: AskOwnersOptions<IdentityServiceClient>
  readonly owners: OwnerLookup
  readonly reading: () => IdentifierReading
  readonly logger: Logger
}

interface Answering {
  readonly rows: ReadIdentityRows
  readonly view: IdentityView
  readonly read: (ref: ResolveRequest['refs'][number] | undefined, name: string) => Asked
}

export function createIdentityService(options: IdentityServiceOptions): GrpcService {
  const begin = (): Answering => {
    const state = options.view()
    if (!state) throw unavailable(RESOLVER)
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
  const ask = <Q, A>(
    call: ServerUnaryCall<Q, A>,
    here: () => A,
    there: (peer: IdentityServiceClient) => Promise<A>,
  ): Promise<A> =>
    askOwner(options.instances, {
      call,
      partition: PARTITION,
      of: RESOLVER,
      owners: options.owners,
      has: () => options.view() !== undefined,
      here,
      there,
    })

  const implementation: IdentityServiceServer = {
    resolve: answering<ResolveRequest, ResolveResponse>(options.logger, (request, call) => {
      const { refs } = request
      if (refs.length > MAX_REFS)
        throw new Refusal(
          status.INVALID_ARGUMENT,
          `${refs.length} refs; ask for at most ${MAX_REFS} at a time`,
        )
      return ask(
        call,
        () => {
          const { rows, view, read } = begin()
          const asked = refs.map((ref, index) => read(ref, `refs[${index}]`))
          return { resolutions: [...answerResolve(rows, view, asked)] }
        },
        (peer) => callPeer(peer.resolve.bind(peer), request, call),
      )
    }),
    explain: answering<ExplainRequest, ExplainResponse>(options.logger, (request, call) =>
      ask(
        call,
        () => {
          const { rows, view, read } = begin()
          return answerExplain(rows, view, read(request.a, 'a'), read(request.b, 'b'))
        },
        (peer) => callPeer(peer.explain.bind(peer), request, call),
      ),
    ),
  }
  return grpcService(IdentityServiceService, implementation)
}
