/** Waits until what is in the topics now has gone through every stage, and is in the event log. */
import { setTimeout as sleep } from 'node:timers/promises'
import { type UnstoredOptions, countUnstored, noteEnds } from '@tributary/clickhouse-log'
import { topics } from '@tributary/contracts'
import type { JobReader } from '../jobs.ts'
import { goOn } from '../rebuild/rebuildWorld.ts'
import { type TaskWorld, waitForTasks } from '../rebuild/waitForTasks.ts'

/** What a fold of the log reads. */
const stored = [topics.events, topics.skipped, topics.identityChanges, topics.profileChanges]

/** The log's writers close a range about every second. */
const LOOK_EVERY_MS = 500

export async function settle(
  world: TaskWorld & Pick<UnstoredOptions, 'kafka'>,
  jobs: Pick<JobReader, 'read' | 'all'>,
): Promise<void> {
  await waitForTasks(world, jobs)
  const { kafka, admin, target, to } = world
  const log: UnstoredOptions = {
    kafka,
    admin,
    prefix: target.topicPrefix,
    groupPrefix: target.groupPrefix,
    epoch: to,
  }
  for (const topic of stored) {
    const ends = await noteEnds(log, topic)
    while ((await countUnstored(log, topic, ends)) > 0) {
      await sleep(LOOK_EVERY_MS)
      goOn(world)
    }
  }
}
