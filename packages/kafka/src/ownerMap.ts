/**
 * Who owns which partition of a group: for questions that another instance must answer.
 *
 *      unknown ──asked──▶ known ──joined(), refresh()──▶ out of date ──asked, group stable──▶ known
 *
 * Invariants:
 *  W1. Nothing runs while nobody asks; what is known is kept until something says that it is out of date. Every
 *      rebalance has every member join again, so an instance that is a member itself is told by its own join.
 *  W2. The group is asked at most once in MIN_INTERVAL_MS, however many questions wait for it.
 *  W3. While the group is between two assignments the last known one holds: owners answer until theirs is taken.
 *
 * It may be wrong for a moment at any time. Whoever is asked by it must say so when the partition is not there.
 */
import type { KafkaAdmin } from './createAdmin.ts'

export interface PartitionOwner {
  readonly nodeId: string | undefined
  /** Where the node answers questions. */
  readonly address: string | undefined
}

export interface OwnerMap {
  /** Undefined when nobody is known to own it. Fails with KafkaFault when Kafka cannot be asked and nothing is known. */
  ownerOf(partition: number): Promise<PartitionOwner | undefined>
  /** This process has joined the group again: partitions have moved. */
  joined(): void
  /** An owner was not where it should be: asks again, at most once in MIN_INTERVAL_MS. */
  refresh(): Promise<void>
}

export interface OwnerMapOptions {
  readonly admin: Pick<KafkaAdmin, 'describeGroup'>
  /** Name of the group, for example of a topology's tasks. Its topics are co-partitioned. */
  readonly group: string
  readonly now?: () => number
}

/**
 * Between two questions to the group's coordinator, ms. A partition moves in seconds, so half a second is soon enough;
 * a thousand callers that are refused at once then cost the coordinator two requests a second from each instance.
 */
const MIN_INTERVAL_MS = 500

export function createOwnerMap({ admin, group, now = Date.now }: OwnerMapOptions): OwnerMap {
  let owners: ReadonlyMap<number, PartitionOwner> | undefined
  let outOfDate = true
  /** Counts the reasons to ask, so that an answer older than the newest one is not taken for it. */
  let reasons = 0
  let askedAtMs = -Infinity
  let asking: Promise<void> | undefined

  async function describe(): Promise<void> {
    const reason = reasons
    const { state, members } = await admin.describeGroup(group)
    // Between two assignments members have none to show.
    if (state !== 'Stable') return
    const found = new Map<number, PartitionOwner>()
    for (const { nodeId, address, assignment } of members)
      for (const partition of [...assignment.values()].flat()) found.set(partition, { nodeId, address })
    owners = found
    if (reason === reasons) outOfDate = false
  }

  async function ask(): Promise<void> {
    if (!asking) {
      if (now() - askedAtMs < MIN_INTERVAL_MS) return
      askedAtMs = now()
      asking = describe().finally(() => (asking = undefined))
    }
    await asking
  }

  function doubt(): void {
    reasons++
    outOfDate = true
  }

  return {
    async ownerOf(partition) {
      if (outOfDate)
        await ask().catch((error: unknown) => {
          if (!owners) throw error
        })
      return owners?.get(partition)
    },
    joined: doubt,
    async refresh() {
      doubt()
      await ask()
    },
  }
}
