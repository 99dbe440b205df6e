/**
 * What operators have said goes into the evidence of the new epoch: the resolver knows a fact by its id, so it may be
 * told as often as one likes. Facts are kept for ever in a topic that no layout epoch owns.
 */
import { topics } from '@tributary/contracts'
import { EvidenceRecord, FactRecord } from '@tributary/contracts/generated/tributary/identity/v1/evidence'
import { readTopic } from '@tributary/kafka'
import { type RebuildWorld, goOn, nameIn } from './rebuildWorld.ts'

/** How many there are. */
export async function announceFacts(world: RebuildWorld): Promise<number> {
  const { kafka, producer, to } = world
  let count = 0
  for await (const { records } of readTopic(kafka, {
    topic: nameIn(world, to, topics.facts),
    partition: 0,
  })) {
    goOn(world)
    const facts = records.flatMap(({ value }) => (value && FactRecord.decode(value).fact) ?? [])
    count += facts.length
    await producer.send(
      facts.map((fact) => ({
        topic: nameIn(world, to, topics.evidence),
        partition: 0,
        key: fact.id,
        value: EvidenceRecord.encode({ record: { $case: 'fact', value: fact }, stamp: undefined }).finish(),
      })),
    )
  }
  return count
}
