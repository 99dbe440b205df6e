/**
 * IdentityService: answers from the committed state of the resolver; where that runs elsewhere, the whole question goes
 * there, once.
 *
 *  Q1. An answer holds only what has been committed, and everything that has.
 *  Q2. Values come in with a question and go out with its answer; they are neither kept nor logged. A fact's values are
 *      kept in internal.facts, and nowhere else.
 *  Q3. A fact is answered when it can be seen to count: whoever asks after the answer gets what it changed.
 */
import { status } from '@grpc/grpc-js'
import {
  type ExplainRequest,
  type ExplainResponse,
  type GetIdentityRequest,
  type GetIdentityResponse,
  type IdentityServiceClient,
  type IdentityServiceServer,
  type ListConflictsRequest,
  type ListConflictsResponse,
  type PlanRulesRequest,
  type PlanRulesResponse,
  type ResolveRequest,
  type ResolveResponse,
  type SubmitFactRequest,
  type SubmitFactResponse,
  IdentityServiceService,
} from '@tributary/contracts/generated/tributary/identity/v1/identity_service'
import { type IdentityView, type ReadIdentityRows, viewIdentity } from '@tributary/domain'
import {
  type AskOwnersOptions,
  type Caller,
  type GrpcService,
  type Logger,
  type OwnerLookup,
  Refusal,
  answering,
  askOwner,
  callPeer,
  grpcService,
  streamFromPeer,
  streaming,
  unavailable,
} from '@tributary/service-kit'
import type { StateView } from '@tributary/stream-runtime'
import type { SubmittedFact } from '../facts/announceFact.ts'
import { readFact } from '../facts/readFact.ts'
import { readIdentityRows } from '../resolver/identityTables.ts'
import { answerConflicts } from './answerConflicts.ts'
import { answerExplain } from './answerExplain.ts'
import { answerIdentity } from './answerIdentity.ts'
import { answerPlan } from './answerPlan.ts'
import { answerResolve } from './answerResolve.ts'
import { readPlan } from './readPlan.ts'
import { type Asked, type IdentifierReading, readRef } from './readRef.ts'

/** 1,000 refs in one call: about what a millisecond each of the one writer's time may cost. */
const MAX_REFS = 1_000
/** The resolver's only partition. */
const PARTITION = 0
/** A fact is carried out within a commit or two, some 100 ms; below the 2 s that another instance waits for us. */
const CARRIED_OUT_WITHIN_MS = 1_500
const RESOLVER = 'the resolver'

export interface IdentityServiceOptions {
  /** Committed state of the resolver, undefined while it is restoring or runs elsewhere. */
  readonly view: () => StateView | undefined
  readonly instances: AskOwnersOptions<IdentityServiceClient>
  readonly owners: OwnerLookup
  readonly reading: () => IdentifierReading
  readonly facts: FactDoor
  readonly logger: Logger
}

/** Where facts go in, and what is needed to make one. */
export interface FactDoor {
  /** Gives a fact to the resolver; false when that does not run here. */
  readonly submit: (fact: SubmittedFact) => boolean
  readonly now: () => number
  readonly newId: () => string
  /** Resolves when more has been committed, or after a while. */
  readonly nextCommit: () => Promise<void>
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
  const ask = <A>(
    call: Caller,
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

  const submitFact = async (request: SubmitFactRequest): Promise<SubmitFactResponse> => {
    const { facts } = options
    const { read } = begin()
    const asked = request.refs.map((ref, index) => read(ref, `refs[${index}]`))
    const found = readFact(request, asked, { id: facts.newId(), timeMs: facts.now() })
    if ('problem' in found) throw new Refusal(status.INVALID_ARGUMENT, found.problem)
    const { id } = found.submitted.fact
    const deadline = facts.now() + CARRIED_OUT_WITHIN_MS
    for (let submitted = false; ;) {
      const { rows, view } = begin()
      const stored = rows.facts.get(id)
      if (stored)
        return {
          factId: id,
          time: new Date(stored.timeMs),
          resolutions: [...answerResolve(rows, view, asked)],
        }
      submitted ||= facts.submit(found.submitted)
      if (!submitted || facts.now() >= deadline) throw unavailable(`fact ${id}: ${RESOLVER}`)
      // oxlint-disable-next-line no-await-in-loop -- each look follows a commit
      await facts.nextCommit()
    }
  }

  let planning = false
  /** One at a time: each takes half of what the process can compute. */
  async function* plan(request: PlanRulesRequest): AsyncGenerator<PlanRulesResponse> {
    const found = readPlan(request, options.reading())
    if ('problem' in found) throw new Refusal(status.INVALID_ARGUMENT, found.problem)
    if (planning)
      throw new Refusal(status.RESOURCE_EXHAUSTED, 'another plan is being made; ask again when it is done')
    planning = true
    try {
      yield* answerPlan({ ...found.asked, rowsNow: () => begin().rows })
    } finally {
      planning = false
    }
  }

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
    submitFact: answering<SubmitFactRequest, SubmitFactResponse>(options.logger, async (request, call) => {
      // Made once, so that the fact is the same wherever it goes in.
      const made = request.factId === '' ? { ...request, factId: options.facts.newId() } : request
      const answer = await ask<{ readonly given: Promise<SubmitFactResponse> }>(
        call,
        () => ({ given: submitFact(made) }),
        async (peer) => ({ given: Promise.resolve(await callPeer(peer.submitFact.bind(peer), made, call)) }),
      )
      return answer.given
    }),
    getIdentity: answering<GetIdentityRequest, GetIdentityResponse>(options.logger, (request, call) =>
      ask(
        call,
        () => {
          const { rows, view, read } = begin()
          return answerIdentity(rows, view, read(request.ref, 'ref'))
        },
        (peer) => callPeer(peer.getIdentity.bind(peer), request, call),
      ),
    ),
    listConflicts: answering<ListConflictsRequest, ListConflictsResponse>(options.logger, (request, call) =>
      ask(
        call,
        () => {
          const { rows, view } = begin()
          return answerConflicts(rows, view, request)
        },
        (peer) => callPeer(peer.listConflicts.bind(peer), request, call),
      ),
    ),
    planRules: streaming<PlanRulesRequest, PlanRulesResponse>(options.logger, (request, call) =>
      ask<AsyncIterable<PlanRulesResponse>>(
        call,
        () => plan(request),
        (peer) => streamFromPeer(peer.planRules.bind(peer), request, call),
      ),
    ),
  }
  return grpcService(IdentityServiceService, implementation)
}
