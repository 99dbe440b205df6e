/**
 * The new epoch begins to publish, and the old one has ended.
 *
 *  S1. The layout names the new epoch before the sessions of both are fenced: whoever opens one after that knows who
 *      publishes, so what is public has an end that nobody can move (layoutGate Y1).
 *  S2. All that is public is told up to that end, and facts as well, before TAKE_OVER is; a partition publishes only
 *      after it.
 *  S3. Each step may be done again: the layout says the same, sessions are fenced anew, the last told row of a key
 *      counts, a second TAKE_OVER is only answered.
 *  S4. What moved under other rules is told before a profile changes by it (tellMoves.ts).
 */
import { setTimeout as sleep } from 'node:timers/promises'
import { recordActiveEpoch } from '@tributary/clickhouse-log'
import { topics } from '@tributary/contracts'
import { Layout } from '@tributary/contracts/generated/tributary/config/v1/layout'
import { ControlStep, JobRecord } from '@tributary/contracts/generated/tributary/job/v1/control'
import { PartRecord } from '@tributary/contracts/generated/tributary/profile/v1/part'
import { createKafkaLog, readTopic } from '@tributary/kafka'
import { groupName } from '@tributary/stream-runtime'
import { announceFacts } from './announceFacts.ts'
import { type RebuildWorld, goOn, nameIn } from './rebuildWorld.ts'
import { tellMoves } from './tellMoves.ts'
import { type ToldPublished, numberIn, tellPublished } from './tellPublished.ts'

const LOOK_EVERY_MS = 500
/** Offsets of the changes that are looked through for the last one; more, when these are all markers. */
const LAST_OFFSETS = 1_000

export async function handOver(world: RebuildWorld, told: ToldPublished): Promise<void> {
  const { producer, clickhouse, target, to, say } = world
  const layout = Layout.encode({
    epoch: to,
    identifierPartitions: target.counts.identifier,
    profilePartitions: target.counts.profile,
  }).finish()
  await producer.send([
    { topic: nameIn(world, to, topics.layout), partition: 0, key: 'active', value: layout },
  ])
  await recordActiveEpoch(clickhouse, to)
  say(`layout epoch ${to} is active`)
  await fence(world)
  await tellPublished(world, told)
  await announceFacts(world)
  const moves = await tellMoves(world)
  if (moves > 0) say(`${moves} identifiers belong to other profiles under the new rules`)
  const document = `rebuild/${to}`
  for (let partition = 0; partition < target.counts.profile; partition++) {
    goOn(world)
    const changes = await lastNumber(world, partition, told)
    const control = {
      job: 0,
      document,
      hash: '',
      configOffset: 0,
      step: ControlStep.CONTROL_STEP_TAKE_OVER,
      partitions: target.counts.profile,
      definition: '',
      changes,
    }
    await producer.send([
      {
        topic: nameIn(world, to, topics.profileParts),
        partition,
        key: null,
        value: PartRecord.encode({ record: { $case: 'control', value: control } }).finish(),
      },
    ])
  }
  await untilTakenOver(world, document)
}

/** S1: of the tasks that write public topics. */
async function fence({ kafka, target, from, to }: RebuildWorld): Promise<void> {
  for (const epoch of [from, to]) {
    const log = createKafkaLog(kafka, { topicPrefix: { prefix: target.topicPrefix, epoch } })
    const ids = [
      `${groupName(target.groupPrefix, 'resolver', epoch)}.0`,
      ...Array.from(
        { length: target.counts.profile },
        (_, partition) => `${groupName(target.groupPrefix, 'profile', epoch)}.${partition}`,
      ),
    ]
    for (const id of ids) await (await log.openSession(id)).discard()
    await log.close()
  }
}

/** n of the last change published of a partition: by the state, by the last changes, and by the event log. */
async function lastNumber(world: RebuildWorld, partition: number, told: ToldPublished): Promise<number> {
  const { kafka, admin, clickhouse, to } = world
  const [stored] = await clickhouse.query<{ n: string }>(
    `SELECT max(n) AS n FROM ${clickhouse.table('profile_changes')} WHERE partition = {partition:UInt32}`,
    { partition },
  )
  const topic = nameIn(world, to, topics.profileChanges)
  const bounds = (await admin.offsets(topic)).find((each) => each.partition === partition)
  let published = 0
  if (bounds)
    for (let back = LAST_OFFSETS; published === 0; back *= 10) {
      const from = Math.max(bounds.committedEnd - back, bounds.start)
      for await (const { records } of readTopic(kafka, {
        topic,
        partition,
        from,
        until: bounds.committedEnd,
      }))
        for (const { value } of records) published = Math.max(published, numberIn(value?.toString() ?? ''))
      if (from === bounds.start) break
    }
  return Math.max(Number(stored?.n ?? 0), published, told.highest.get(partition) ?? 0)
}

async function untilTakenOver(world: RebuildWorld, document: string): Promise<void> {
  const { kafka, target, to } = world
  const answered = new Set<number>()
  let from = 0
  while (answered.size < target.counts.profile) {
    goOn(world)
    const topic = nameIn(world, to, topics.jobs)
    for await (const { records, nextOffset } of readTopic(kafka, { topic, partition: 0, from })) {
      from = nextOffset
      for (const { value } of records) {
        const record = value && JobRecord.decode(value).record
        if (record?.$case === 'answered' && record.value.document === document)
          answered.add(record.value.partition)
      }
    }
    if (answered.size < target.counts.profile) await sleep(LOOK_EVERY_MS)
  }
}
