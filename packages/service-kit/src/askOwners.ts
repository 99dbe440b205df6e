/**
 * Any instance answers any question: from its own store, or by one hop to the instance that owns the partition.
 *
 *      asked here ─▶ partition here? ─yes─▶ answer
 *                         │ no
 *                         ├─ passed on by another instance ─▶ UNAVAILABLE
 *                         └─ owner by the map ─▶ its answer
 *                                  └─ not there, or not the owner any more ─▶ map asked anew, once more, UNAVAILABLE
 *
 * Invariants:
 *  O1. A question that was passed on is not passed on again: it ends after one hop, whatever the maps say.
 *  O2. A question to several partitions is answered whole, each partition once, or not at all.
 *  O3. Whatever cannot be had just now is UNAVAILABLE with a hint; other refusals of the owner go back as they are.
 */
import { Metadata, type ServiceError, status } from '@grpc/grpc-js'
import { isHop } from './grpcClient.ts'
import type { Caller, PeerClients } from './grpcPeers.ts'
import { Refusal, unavailable } from './grpcRefusal.ts'

/** Who owns the partitions of one kind of task; @tributary/kafka's createOwnerMap. */
export interface OwnerLookup {
  ownerOf(
    partition: number,
  ): Promise<{ readonly nodeId: string | undefined; readonly address: string | undefined } | undefined>
  /** What is known has proved wrong: ask anew before the next answer. */
  refresh(): Promise<void>
}

export interface Question<C, A> {
  readonly call: Caller
  /** The partitions it is about; the answer of one instance may cover several. */
  readonly partitions: readonly number[]
  /** For people, after "partition 3 of": "the profiles". */
  readonly of: string
  readonly owners: OwnerLookup
  /** Whether the partition's state is here, owned and restored. */
  readonly has: (partition: number) => boolean
  readonly here: (partitions: readonly number[]) => A
  readonly there: (client: C, partitions: readonly number[]) => Promise<A>
}

export interface AskOwnersOptions<C> {
  readonly nodeId: string
  readonly peers: PeerClients<C>
}

/** By the map as it is, and by the map asked anew. */
const ROUNDS = 2

/** What a peer says, or what is said of it, when it is not the one to ask. UNIMPLEMENTED: it runs an older release. */
const NOT_THERE = new Set([status.UNAVAILABLE, status.DEADLINE_EXCEEDED, status.UNIMPLEMENTED])

/** One answer from each instance that had to be asked. */
export async function askOwners<C, A>(
  { nodeId, peers }: AskOwnersOptions<C>,
  question: Question<C, A>,
): Promise<A[]> {
  const { call, owners, has, here, of } = question
  const answers: A[] = []
  const asked = new Set<string>()
  let left = question.partitions

  for (let round = 0; ; round++) {
    const mine = left.filter((partition) => has(partition))
    if (mine.length > 0) answers.push(here(mine))
    left = left.filter((partition) => !mine.includes(partition))
    if (left.length === 0) return answers
    if (round === ROUNDS || isHop(call.metadata)) throw unavailable(named(left, of))
    // oxlint-disable-next-line no-await-in-loop -- the second round depends on the first
    left = await askRound(left)
    if (left.length === 0) return answers
    // oxlint-disable-next-line no-await-in-loop -- see above
    await owners.refresh().catch(() => {})
  }

  /** Asks the owners of these partitions at once; gives the partitions that nobody has answered for. */
  async function askRound(partitions: readonly number[]): Promise<readonly number[]> {
    const byAddress = new Map<string, number[]>()
    const open: number[] = []
    for (const partition of partitions) {
      // oxlint-disable-next-line no-await-in-loop -- answered from the map's cache after the first
      const owner = await owners.ownerOf(partition).catch(() => undefined)
      const address = owner?.nodeId === nodeId ? undefined : owner?.address
      if (address === undefined || asked.has(`${partition}@${address}`)) open.push(partition)
      else byAddress.set(address, [...(byAddress.get(address) ?? []), partition])
    }
    await Promise.all(
      [...byAddress].map(async ([address, theirs]) => {
        for (const partition of theirs) asked.add(`${partition}@${address}`)
        try {
          answers.push(await question.there(peers.at(address), theirs))
        } catch (error) {
          const failure = error as Partial<ServiceError>
          if (failure.code === undefined) throw error
          if (!NOT_THERE.has(failure.code)) throw sameRefusal(failure)
          open.push(...theirs)
        }
      }),
    )
    return open
  }
}

/** The same for one partition. */
export async function askOwner<C, A>(
  options: AskOwnersOptions<C>,
  question: Omit<Question<C, A>, 'partitions' | 'here' | 'there'> & {
    readonly partition: number
    readonly here: () => A
    readonly there: (client: C) => Promise<A>
  },
): Promise<A> {
  const { partition, here, there, ...rest } = question
  const [answer] = await askOwners(options, { ...rest, partitions: [partition], here, there })
  return answer as A
}

function sameRefusal({ code, details }: Partial<ServiceError>): Refusal {
  return new Refusal(code ?? status.UNKNOWN, details ?? '', new Metadata())
}

function named(partitions: readonly number[], of: string): string {
  const sorted = [...partitions].sort((a, b) => a - b)
  return sorted.length === 1
    ? `partition ${sorted[0]} of ${of}`
    : `each of the partitions ${sorted.join(', ')} of ${of}`
}
