/**
 * Tells the profile tasks of the new epoch what is public: the rows of the profiles and of the memberships, partition by
 * partition. The last of a key counts, so it may be told again from anywhere.
 */
import { KEY_SEPARATOR, topics, type TopicSpec } from '@tributary/contracts'
import { PartRecord, type Published } from '@tributary/contracts/generated/tributary/profile/v1/part'
import { readTopic } from '@tributary/kafka'
import { type RebuildWorld, goOn, nameIn } from './rebuildWorld.ts'

export interface ToldPublished {
  /** "<topic>/<partition>" → where to go on. */
  readonly ends: Map<string, number>
  /** Partition → highest n of a version seen. */
  readonly highest: Map<number, number>
  records: number
}

export function nothingTold(): ToldPublished {
  return { ends: new Map(), highest: new Map(), records: 0 }
}

/** From where `told` ends to the end there is now; adds to it. */
export async function tellPublished(world: RebuildWorld, told: ToldPublished): Promise<void> {
  const { kafka, producer, target, to } = world
  for (const spec of [topics.profiles, topics.audienceMemberships])
    for (let partition = 0; partition < target.counts.profile; partition++) {
      const topic = nameIn(world, to, spec)
      const id = `${topic}/${partition}`
      for await (const { records, nextOffset } of readTopic(kafka, {
        topic,
        partition,
        from: told.ends.get(id) ?? 0,
      })) {
        goOn(world)
        const published = records.map(({ key, value }) =>
          publishedOf(spec, key?.toString() ?? '', value?.toString() ?? ''),
        )
        for (const { json } of published)
          told.highest.set(partition, Math.max(told.highest.get(partition) ?? 0, numberIn(json)))
        await producer.send(
          published.map((each) => ({
            topic: nameIn(world, to, topics.profileParts),
            partition,
            key: each.profileId,
            value: PartRecord.encode({ record: { $case: 'published', value: each } }).finish(),
          })),
        )
        told.ends.set(id, nextOffset)
        told.records += published.length
      }
    }
}

function publishedOf(spec: TopicSpec, key: string, json: string): Published {
  if (spec.name === topics.profiles.name) return { profileId: key, audience: '', json }
  const [audience = '', profileId = ''] = key.split(KEY_SEPARATOR)
  return { profileId, audience, json }
}

/** n of the version in a public record; 0 of one that is gone. */
export function numberIn(json: string): number {
  if (json === '') return 0
  const { version = '' } = JSON.parse(json) as { version?: string }
  return Number(version.split('-')[1] ?? 0)
}
