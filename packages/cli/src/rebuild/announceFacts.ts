/**
 * What operators have said goes into the evidence of the new epoch: the resolver knows a fact by its id, so it may be
 * told as often as one likes. Facts are kept for ever in a topic that no layout epoch owns.
 */
import { topics } from '@tributary/contracts'
import {
  EvidenceRecord,
  type Fact,
  FactRecord,
} from '@tributary/contracts/generated/tributary/identity/v1/evidence'
import { readTopic } from '@tributary/kafka'
import { type RebuildWorld, goOn, nameIn } from './rebuildWorld.ts'

/** All there are, as the new epoch knows them, in lots. */
export async function* readFacts(world: RebuildWorld): AsyncIterable<readonly Fact[]> {
  const { kafka, to, rules } = world
  for await (const { records } of readTopic(kafka, {
    topic: nameIn(world, to, topics.facts),
    partition: 0,
  })) {
    goOn(world)
    const given = records.flatMap(({ value }) => {
      const { fact, subjects } = value ? FactRecord.decode(value) : { fact: undefined, subjects: [] }
      return fact ? [{ fact, subjects }] : []
    })
    yield await rules.facts(given)
  }
}

/** How many there are. */
export async function announceFacts(world: RebuildWorld): Promise<number> {
  const { producer, to } = world
  let count = 0
  for await (const facts of readFacts(world)) {
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
