/**
 * The operations of DeliveryService over all instances: lists page by page, decisions partition by partition, and what
 * DeliveryPeerService answers of the partitions that are here.
 *
 *  O1. A decision is answered when every partition it was about has committed it, or with UNAVAILABLE: some may have,
 *      and asking again finishes it, since each dead letter is decided once and stopping twice is stopping.
 *  O2. Who decided and why stand in every decision, or it is refused.
 */
import { randomBytes } from 'node:crypto'
import type { WorkspaceConfiguration } from '@tributary/configuration'
import type {
  ActOnPartitionRequest,
  ActOnPartitionResponse,
  DeliveryPeerServiceClient,
  DeliveryPeerServiceServer,
  ListDeadPartitionRequest,
  ListDeadPartitionResponse,
  ListDestinationPartitionsRequest,
  ListDestinationPartitionsResponse,
  SetStoppedRequest,
  SetStoppedResponse,
} from '@tributary/contracts/generated/tributary/delivery/v1/delivery_peers'
import {
  type ActOnDeadLettersRequest,
  type ActOnDeadLettersResponse,
  type DeadDelivery,
  DeadLetterAction,
  type DeadLetterSelection,
  type DeliveryServiceServer,
  type DestinationStatus,
  type ListDeadLettersRequest,
  type ListDeadLettersResponse,
  type ListDestinationsRequest,
  type ListDestinationsResponse,
  type ResumeDestinationRequest,
  type ResumeDestinationResponse,
  type StopDestinationRequest,
  type StopDestinationResponse,
  type TestDestinationRequest,
  type TestDestinationResponse,
} from '@tributary/contracts/generated/tributary/delivery/v1/delivery'
import {
  type AskOwnersOptions,
  type Caller,
  type Logger,
  type OwnerLookup,
  Refusal,
  answering,
  askOwner,
  askOwners,
  callPeer,
  grpcStatus,
  noPageToken,
  pageTokenOf,
  readPageToken,
} from '@tributary/service-kit'
import type { Sender } from '../delivery/dispatcher.ts'
import { checkDestinationId } from './destinationId.ts'
import type { PartitionOperations } from './partitionOperations.ts'
import { testDelivery } from './testDelivery.ts'

const DEFAULT_PAGE = 100
const MAX_PAGE = 1_000
/** Dead letters decided by one call: some transactions, far within a deadline. */
const MAX_DECIDED = 1_000
const MAX_IDS = 1_000
/** Of an actor and a reason, characters. */
const MAX_SAID = 500
const DELIVERIES = 'the deliveries'

export interface OperateOptions {
  /** Of the deliveries, in all. */
  readonly partitions: number
  readonly has: (partition: number) => boolean
  readonly here: PartitionOperations
  readonly instances: AskOwnersOptions<DeliveryPeerServiceClient>
  readonly owners: OwnerLookup
  readonly configuration: () => WorkspaceConfiguration | undefined
  readonly sender: Sender
  readonly clock: () => number
  readonly logger: Logger
}

type Operations = Pick<
  DeliveryServiceServer,
  | 'listDeadLetters'
  | 'actOnDeadLetters'
  | 'listDestinations'
  | 'stopDestination'
  | 'resumeDestination'
  | 'testDestination'
>
type PeerOperations = Pick<
  DeliveryPeerServiceServer,
  'listDeadPartition' | 'actOnPartition' | 'listDestinationPartitions' | 'setStopped'
>

export function createOperations(options: OperateOptions): {
  service: Operations
  peerService: PeerOperations
} {
  const { here, instances, logger, owners, has } = options
  const all = Array.from({ length: options.partitions }, (_, partition) => partition)
  const where = { of: DELIVERIES, owners, has }

  async function listDeadLetters(
    { selection, pageSize, pageToken }: ListDeadLettersRequest,
    call: Caller,
  ): Promise<ListDeadLettersResponse> {
    const wanted = checkedSelection(selection)
    if (pageSize > MAX_PAGE) throw invalid(`page_size is ${pageSize}; at most ${MAX_PAGE}`)
    const size = pageSize || DEFAULT_PAGE
    let { partition, after } = readPlace(pageToken, options.partitions)
    const letters: DeadDelivery[] = []
    while (partition < options.partitions) {
      const limit = size - letters.length
      const asked = { partition, selection: wanted, after, limit }
      // oxlint-disable-next-line no-await-in-loop -- the next partition is asked only when the page has room
      const { rows, looked } = await askOwner<DeliveryPeerServiceClient, ListDeadPartitionResponse>(
        instances,
        {
          ...where,
          call,
          partition,
          here: () => here.listDead(asked.partition, wanted, asked),
          there: (peer) => callPeer(peer.listDeadPartition.bind(peer), asked, call),
        },
      )
      for (const { letter } of rows) if (letter) letters.push(letter)
      if (looked !== '') return { letters, nextPageToken: pageTokenOf(partition, looked) }
      partition++
      after = ''
      if (letters.length === size && partition < options.partitions)
        return { letters, nextPageToken: pageTokenOf(partition, after) }
    }
    return { letters, nextPageToken: '' }
  }

  async function actOnDeadLetters(
    request: ActOnDeadLettersRequest,
    call: Caller,
  ): Promise<ActOnDeadLettersResponse> {
    checkedSelection(request.selection)
    checkSaid(request)
    if (request.action === DeadLetterAction.DEAD_LETTER_ACTION_UNSPECIFIED) throw invalid('give an action')
    const sum = { acted: 0, superseded: 0, more: false }
    for (const partition of all) {
      const limit = MAX_DECIDED - sum.acted
      if (limit === 0) return { ...sum, more: true }
      // oxlint-disable-next-line no-await-in-loop -- how many are left to decide is known after each
      const done = await askOwner<DeliveryPeerServiceClient, Eventually<ActOnDeadLettersResponse>>(
        instances,
        {
          ...where,
          call,
          partition,
          here: () => eventually(here.act(partition, request, limit)),
          there: async (peer) => {
            const { result } = await callPeer(
              peer.actOnPartition.bind(peer),
              { partition, request, limit },
              call,
            )
            return result ?? { acted: 0, superseded: 0, more: false }
          },
        },
      )
      sum.acted += done.acted
      sum.superseded += done.superseded
      sum.more ||= done.more
    }
    return sum
  }

  async function statuses(call: Caller): Promise<DestinationStatus[]> {
    const answers = await askOwners(instances, {
      ...where,
      call,
      partitions: all,
      here: (partitions) => here.destinations(partitions),
      there: async (peer, partitions) =>
        (await callPeer(peer.listDestinationPartitions.bind(peer), { partitions: [...partitions] }, call))
          .destinations,
    })
    return summed(answers.flat(), options.configuration())
  }

  async function setStopped(
    call: Caller,
    destinationId: string,
    by: { readonly actor: string; readonly reason: string } | undefined,
  ): Promise<void> {
    const answers = await askOwners<DeliveryPeerServiceClient, Eventually<void>>(instances, {
      ...where,
      call,
      partitions: all,
      here: (partitions) => eventually(here.setStopped(partitions, destinationId, by)),
      async there(peer, partitions) {
        const { actor = '', reason = '' } = by ?? {}
        const request = {
          partitions: [...partitions],
          destinationId,
          stopped: by !== undefined,
          actor,
          reason,
        }
        await callPeer(peer.setStopped.bind(peer), request, call)
      },
    })
    await Promise.all(answers.map(async (each) => each))
  }

  const known = (id: string) => {
    const destination = options.configuration()?.destinations.get(id)
    if (!destination) throw invalid(`no destination is called "${id.slice(0, 64)}"`)
    return destination
  }

  return {
    service: {
      listDeadLetters: answering<ListDeadLettersRequest, ListDeadLettersResponse>(logger, (request, call) =>
        listDeadLetters(request, call),
      ),
      actOnDeadLetters: answering<ActOnDeadLettersRequest, ActOnDeadLettersResponse>(
        logger,
        (request, call) => actOnDeadLetters(request, call),
      ),
      listDestinations: answering<ListDestinationsRequest, ListDestinationsResponse>(
        logger,
        async (_request, call) => ({ destinations: await statuses(call) }),
      ),
      stopDestination: answering<StopDestinationRequest, StopDestinationResponse>(
        logger,
        async ({ destinationId, actor, reason }, call) => {
          known(destinationId)
          checkSaid({ actor, reason })
          await setStopped(call, destinationId, { actor, reason })
          return {}
        },
      ),
      resumeDestination: answering<ResumeDestinationRequest, ResumeDestinationResponse>(
        logger,
        async ({ destinationId }, call) => {
          known(destinationId)
          await setStopped(call, destinationId, undefined)
          return {}
        },
      ),
      testDestination: answering<TestDestinationRequest, TestDestinationResponse>(
        logger,
        ({ destinationId }, call) => {
          const gone = new AbortController()
          call.on('cancelled', () => {
            gone.abort()
          })
          const ports = { ...options, newId: () => randomBytes(16).toString('hex') }
          return testDelivery(known(destinationId), ports, gone.signal)
        },
      ),
    },
    peerService: {
      listDeadPartition: answering<ListDeadPartitionRequest, ListDeadPartitionResponse>(logger, (request) =>
        here.listDead(request.partition, checkedSelection(request.selection), request),
      ),
      actOnPartition: answering<ActOnPartitionRequest, ActOnPartitionResponse>(
        logger,
        async ({ partition, request, limit }) => {
          if (!request) throw invalid('no request')
          return { result: await here.act(partition, request, Math.min(limit, MAX_DECIDED)) }
        },
      ),
      listDestinationPartitions: answering<
        ListDestinationPartitionsRequest,
        ListDestinationPartitionsResponse
      >(logger, ({ partitions }) => ({ destinations: here.destinations(partitions) })),
      setStopped: answering<SetStoppedRequest, SetStoppedResponse>(
        logger,
        async ({ partitions, destinationId, stopped, actor, reason }) => {
          await here.setStopped(partitions, destinationId, stopped ? { actor, reason } : undefined)
          return {}
        },
      ),
    },
  }
}

type Eventually<A> = A | Promise<A>

/** Awaited after the other instances have answered: that it fails before is no accident of the process. */
function eventually<A>(answer: Promise<A>): Promise<A> {
  answer.catch(() => undefined)
  return answer
}

function invalid(message: string): Refusal {
  return new Refusal(grpcStatus.INVALID_ARGUMENT, message)
}

/** O2. */
function checkSaid({ actor, reason }: { readonly actor: string; readonly reason: string }): void {
  if (actor.trim() === '' || reason.trim() === '') throw invalid('give an actor and a reason: they are kept')
  if (actor.length > MAX_SAID || reason.length > MAX_SAID)
    throw invalid(`an actor and a reason have at most ${MAX_SAID} characters`)
}

function checkedSelection(selection: DeadLetterSelection | undefined): DeadLetterSelection {
  const given = selection ?? { destinationId: '', code: '', fromMs: 0, untilMs: 0, deliveryIds: [] }
  checkDestinationId(given.destinationId)
  if (given.deliveryIds.length > MAX_IDS)
    throw invalid(`${given.deliveryIds.length} delivery_ids; at most ${MAX_IDS}`)
  return given
}

/** The worst first. */
const BY_BADNESS = ['stopped', 'disabled', 'paused', 'failing', 'waiting', 'open']

function summed(
  counted: readonly DestinationStatus[],
  workspace: WorkspaceConfiguration | undefined,
): DestinationStatus[] {
  const sums = new Map<string, DestinationStatus>()
  for (const { id, disabled = false } of workspace?.destinations.values() ?? []) {
    const mode = disabled ? 'disabled' : 'open'
    const code = disabled ? 'DISABLED_BY_DOCUMENT' : ''
    sums.set(id, { id, pending: 0, dead: 0, mode, code, sinceMs: 0, heldUntilMs: 0, actor: '', reason: '' })
  }
  for (const each of counted) {
    const sum = sums.get(each.id)
    const worst =
      sum && BY_BADNESS.indexOf(sum.mode) <= BY_BADNESS.indexOf(each.mode)
        ? sum
        : { ...each, pending: 0, dead: 0 }
    sums.set(each.id, {
      ...worst,
      pending: (sum?.pending ?? 0) + each.pending,
      dead: (sum?.dead ?? 0) + each.dead,
    })
  }
  return [...sums.values()].sort((a, b) => (a.id < b.id ? -1 : 1))
}

function readPlace(token: string, partitions: number): { partition: number; after: string } {
  if (token === '') return { partition: 0, after: '' }
  const match = readPageToken(token, /^(\d{1,9})\/([a-z0-9_|-]{0,200})$/, 300)
  if (Number(match[1]) >= partitions) throw noPageToken()
  return { partition: Number(match[1]), after: match[2]! }
}
