/**
 * Read-your-write: waits until the profiles include what the collector has accepted.
 *
 *      token ─▶ fragment tasks have read it ─▶ end of the parts partition, now ─▶ profile task has read that ─▶ read
 *
 *      with identity, before the parts:
 *      token ─▶ extractors have read it ─▶ end of evidence, now ─▶ resolver has read that
 *            ─▶ ends of all assignments, now ─▶ all fragment tasks have read those
 *
 * Invariants:
 *  W1. An end is asked for only after the stage that writes to it has reached what it had to: a task's position and its
 *      outputs are one transaction, so what it made of the token lies below that end.
 *  W2. The end is where the next record will be written, also past transactions that are still open. The end that
 *      readers of committed records see may lie below our own record while another writer's transaction is open.
 *  W3. A stage that is not reached within the deadline is named with what is missing; nothing is shown as fresh that is
 *      not, and nothing is waited for after the deadline.
 *
 * | failure                                   | what is told                                                        |
 * | ----------------------------------------- | ------------------------------------------------------------------- |
 * | a task restores or moves                  | asked again until the deadline; then behind by an unknown number    |
 * | a writer died within its transaction      | behind, until the broker has ended that transaction                 |
 * | Kafka cannot tell the end of a partition  | UNAVAILABLE: how much is missing is not known either                |
 * | the token is of another layout            | INVALID_ARGUMENT: its offsets mean nothing here                     |
 */
import { type PartitionCounts, type TopicSpec, topics } from '@tributary/contracts'
import { PositionToken } from '@tributary/contracts/generated/tributary/ingest/v1/position'
import { type Behind } from '@tributary/contracts/generated/tributary/profile/v1/profile_service'

/** One task that must have read an input up to an offset. */
export interface Goal {
  readonly task: 'fragment' | 'profile' | 'extractor' | 'resolver'
  readonly partition: number
  readonly topic: TopicSpec
  /** Next offset it must be about to read. */
  readonly offset: number
}

export interface WritePorts {
  /** Where the task was when the goal was reached or the deadline came; undefined: nobody knows. */
  readonly reach: (goal: Goal) => Promise<number | undefined>
  /** W2. */
  readonly end: (topic: TopicSpec, partition: number) => Promise<number>
}

/** Offsets of the events topic, next to read. */
export type Positions = ReadonlyMap<number, number>

/** A request has at most one position for each partition. Undefined: no token of this layout. */
export function readPositionToken(token: string, epoch: number, partitions: number): Positions | undefined {
  if (!/^[A-Za-z0-9_-]+$/.test(token) || token.length > 64 * (partitions + 1)) return undefined
  let read: PositionToken
  try {
    read = PositionToken.decode(Buffer.from(token, 'base64url'))
  } catch {
    return undefined
  }
  if (read.epoch !== epoch) return undefined
  const positions = new Map<number, number>()
  for (const { partition, offset } of read.positions) {
    if (partition < 0 || partition >= partitions || offset < 0) return undefined
    positions.set(partition, Math.max(positions.get(partition) ?? 0, offset + 1))
  }
  return positions
}

/** Until identifiers and parts include the events; the profile's own partition is awaited by `awaitProfile`. */
export async function awaitEvents(
  ports: WritePorts,
  asked: { readonly positions: Positions; readonly withIdentity: boolean; readonly counts: PartitionCounts },
): Promise<Behind[]> {
  const goals = (task: Goal['task']): Goal[] =>
    [...asked.positions].map(([partition, offset]) => ({ task, partition, topic: topics.events, offset }))
  const folded = reachAll(ports, goals('fragment'))
  if (!asked.withIdentity) return folded
  const [behindEvents, behindEvidence] = await Promise.all([folded, reachAll(ports, goals('extractor'))])
  const behind = [...behindEvents, ...behindEvidence]
  if (behind.length > 0) return behind
  // W1, twice.
  const evidence = await ports.end(topics.evidence, 0)
  const unresolved = await reachAll(ports, [
    { task: 'resolver', partition: 0, topic: topics.evidence, offset: evidence },
  ])
  if (unresolved.length > 0) return unresolved
  const assigned = await Promise.all(
    Array.from({ length: asked.counts.identifier }, async (_, partition): Promise<Goal> => {
      const offset = await ports.end(topics.assignments, partition)
      return { task: 'fragment', partition, topic: topics.assignments, offset }
    }),
  )
  return reachAll(ports, assigned)
}

/** Until a partition of the profiles includes every part that was sent to it before this was called (W1). */
export async function awaitProfile(ports: WritePorts, partition: number): Promise<Behind[]> {
  const offset = await ports.end(topics.profileParts, partition)
  return reachAll(ports, [{ task: 'profile', partition, topic: topics.profileParts, offset }])
}

async function reachAll(ports: WritePorts, goals: readonly Goal[]): Promise<Behind[]> {
  const reached = await Promise.all(goals.map((goal) => ports.reach(goal)))
  return goals.flatMap(({ task, partition, topic, offset }, i) => {
    const position = reached[i]
    if (position !== undefined && position >= offset) return []
    return [{ task, partition, topic: topic.name, offsets: position === undefined ? -1 : offset - position }]
  })
}
