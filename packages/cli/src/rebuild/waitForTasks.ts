/**
 * Waits until everything that was in the events topic of an epoch has gone through: each stage's inputs, up to the
 * end they had when the stage before had read its own.
 */
import { setTimeout as sleep } from 'node:timers/promises'
import { type TopicSpec, topics } from '@tributary/contracts'
import { groupName } from '@tributary/stream-runtime'
import type { JobReader } from '../jobs.ts'
import { type RebuildWorld, goOn, nameIn } from './rebuildWorld.ts'

/** Tasks tell their positions about every five seconds. */
const LOOK_EVERY_MS = 1_000
const SAY_EVERY_MS = 5_000

/** In order: a task, and the input it must have read. */
const stages: readonly { readonly task: string; readonly service: string; readonly topic: TopicSpec }[] = [
  { task: 'extractor', service: 'identity-stitcher', topic: topics.events },
  { task: 'resolver', service: 'identity-stitcher', topic: topics.evidence },
  { task: 'fragment', service: 'profile-store', topic: topics.events },
  { task: 'fragment', service: 'profile-store', topic: topics.assignments },
  { task: 'profile', service: 'profile-store', topic: topics.profileParts },
]

/** `to`: the layout epoch whose tasks are meant. */
export type TaskWorld = Pick<RebuildWorld, 'admin' | 'target' | 'to' | 'now' | 'say' | 'interrupted'>

export async function waitForTasks(world: TaskWorld, jobs: Pick<JobReader, 'read' | 'all'>): Promise<void> {
  for (const stage of stages) await waitForStage(world, stage)
  await waitForJobs(world, jobs)
  // What a back-fill or a definition changed in the meantime.
  for (const stage of stages.slice(2)) await waitForStage(world, stage)
}

/** Until the fragment tasks have read what is in the events topic now. */
export async function waitForFragments(world: TaskWorld): Promise<void> {
  for (const stage of stages)
    if (stage.task === 'fragment' && stage.topic === topics.events) await waitForStage(world, stage)
}

async function waitForStage(
  world: TaskWorld,
  { task, service, topic }: (typeof stages)[number],
): Promise<void> {
  const { admin, target, to, now, say } = world
  const name = nameIn(world, to, topic)
  const ends = await admin.offsets(name)
  const group = groupName(target.groupPrefix, task, to)
  let saidMs = now()
  for (;;) {
    const reached = new Map(
      (await admin.groupOffsets(group, [name])).map(({ partition, offset }) => [partition, offset]),
    )
    const left = ends.reduce(
      (sum, { partition, start, committedEnd }) =>
        sum + Math.max(committedEnd - Math.max(reached.get(partition) ?? 0, start), 0),
      0,
    )
    if (left === 0) return
    if (now() - saidMs >= SAY_EVERY_MS) {
      saidMs = now()
      const idle = reached.size === 0 ? `: does a ${service} with LAYOUT_EPOCH=${to} run?` : ''
      say(`${task} tasks have ${left} offsets of ${name} before them${idle}`)
    }
    await sleep(LOOK_EVERY_MS)
    goOn(world)
  }
}

async function waitForJobs(world: TaskWorld, jobs: Pick<JobReader, 'read' | 'all'>): Promise<void> {
  let said = ''
  for (;;) {
    await jobs.read()
    const running = jobs.all().find(({ state }) => state === 'running')
    if (!running) return
    const text = `traits and audiences: ${running.message} (${running.done} of ${running.total})`
    if (text !== said) world.say((said = text))
    await sleep(LOOK_EVERY_MS)
    goOn(world)
  }
}
