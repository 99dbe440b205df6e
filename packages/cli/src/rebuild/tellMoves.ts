/**
 * A rebuild under other rules ends in other assignments than subscribers and the event log were told: the resolver of the
 * new epoch tells them, identifier by identifier. Under the same rules there is nothing to tell.
 *
 *  T1. Compared is with what the log has been told, once it has all of it; so telling twice tells nothing new.
 *  T2. Memory: the assignments of one partition.
 */
import { partitionOf, profileIdOf, topics } from '@tributary/contracts'
import { Assignment } from '@tributary/contracts/generated/tributary/identity/v1/assignment'
import { EvidenceRecord, type Move } from '@tributary/contracts/generated/tributary/identity/v1/evidence'
import { readTopic } from '@tributary/kafka'
import { type RebuildWorld, goOn, nameIn } from './rebuildWorld.ts'

/** Moves of one record: some 150 kB. */
const MOVES = 1_000

interface Told {
  readonly type: string
  readonly profileId: string
}

/** How many moves were told. */
export async function tellMoves(world: RebuildWorld): Promise<number> {
  const { rules, target } = world
  if (!rules.identified) return 0
  let told = 0
  for (let partition = 0; partition < target.counts.identifier; partition++) {
    goOn(world)
    const moves = differences(await assignmentsOf(world, partition), await toldOf(world, partition))
    for (let from = 0; from < moves.length; from += MOVES) await send(world, moves.slice(from, from + MOVES))
    told += moves.length
  }
  return told
}

/** Pure. `told`: identifiers of which anything was told. */
export function differences(
  assigned: ReadonlyMap<string, Told>,
  told: ReadonlyMap<string, Told>,
): readonly Move[] {
  const moves: Move[] = []
  for (const identifierId of [...new Set([...assigned.keys(), ...told.keys()])].sort()) {
    const own = profileIdOf(identifierId, 0)
    const [now, before] = [assigned.get(identifierId), told.get(identifierId)]
    const [to, from] = [now?.profileId ?? own, before?.profileId ?? own]
    if (to !== from) moves.push({ identifierId, type: (now ?? before)!.type, from, to })
  }
  return moves
}

async function assignmentsOf(world: RebuildWorld, partition: number): Promise<Map<string, Told>> {
  const assigned = new Map<string, Told>()
  const topic = nameIn(world, world.to, topics.assignments)
  for await (const { records } of readTopic(world.kafka, { topic, partition }))
    for (const { value } of records) {
      if (!value) continue
      const { identifierId, type, profileId } = Assignment.decode(value)
      assigned.set(identifierId, { type, profileId })
    }
  return assigned
}

/** T1. */
async function toldOf({ clickhouse, target }: RebuildWorld, partition: number): Promise<Map<string, Told>> {
  const told = new Map<string, Told>()
  const lots = clickhouse.stream<{ identifier_id: string; type: string; profile_id: string }>(
    `SELECT identifier_id, any(identifier_type) AS type, argMax(profile_id, (epoch, \`offset\`)) AS profile_id
    FROM ${clickhouse.table('identifier_moves')} GROUP BY identifier_id`,
  )
  for await (const lot of lots)
    for (const { identifier_id, type, profile_id } of lot)
      if (partitionOf(identifier_id, target.counts.identifier) === partition)
        told.set(identifier_id, { type, profileId: profile_id })
  return told
}

async function send(world: RebuildWorld, moves: readonly Move[]): Promise<void> {
  const value = EvidenceRecord.encode({ record: { $case: 'moved', value: { moves: [...moves] } } }).finish()
  const topic = nameIn(world, world.to, topics.evidence)
  await world.producer.send([{ topic, partition: 0, key: 'moved', value }])
}
