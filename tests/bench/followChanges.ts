/** When changes arrive at a subscriber: for the latency from an event to the change topic. */
import { topicName, topics } from '@tributary/contracts'
import { createAdmin, createKafka, followTopic } from '@tributary/kafka'
import { type BenchPipeline } from './benchPipeline.ts'

export interface FollowedChanges {
  /** Message id of a cause → when its change was read, by performance.now(); the first of several. */
  readonly arrivedMs: ReadonlyMap<string, number>
  stop(): Promise<void>
}

/** Reads committed changes from now on. `wanted`: which causes are remembered. */
export async function followChanges(
  { brokers, prefix }: Pick<BenchPipeline, 'brokers' | 'prefix'>,
  wanted: RegExp,
): Promise<FollowedChanges> {
  const kafka = createKafka({ brokers: [brokers], clientId: 'bench' })
  const topic = topicName(prefix, topics.profileChanges)
  const admin = await createAdmin(kafka)
  const ends = await admin.offsets(topic)
  await admin.close()
  const arrivedMs = new Map<string, number>()
  const followed = await Promise.all(
    ends.map(({ partition, end }) =>
      followTopic(kafka, {
        topic,
        partition,
        from: end,
        onRecord({ value }) {
          const now = performance.now()
          // Enough to know a probe by: a subscriber's parsing is not what is measured.
          const causes = /"messageIds":\[([^\]]*)\]/.exec(value?.toString() ?? '')?.[1] ?? ''
          for (const [, id = ''] of causes.matchAll(/"([^"]+)"/g))
            if (wanted.test(id) && !arrivedMs.has(id)) arrivedMs.set(id, now)
        },
        onFatal(error) {
          throw error
        },
      }),
    ),
  )
  return {
    arrivedMs,
    async stop() {
      await Promise.all(followed.map((each) => each.stop()))
    },
  }
}
