import type { Command } from 'commander'
import { heldRevision } from '@tributary/configuration'
import { checkMigrations, connectClickHouse, createStoredEvents } from '@tributary/clickhouse-log'
import { allTopics } from '@tributary/contracts'
import { createAdmin, createKafka, createKafkaLog, createPlainProducer, createTopics } from '@tributary/kafka'
import { createIdentifierHasher, phoneToE164 } from '@tributary/service-kit'
import { readActiveEpoch } from '@tributary/stream-runtime'
import { clickhouseTarget, kafkaTarget, type ConnectionFlags } from '../connections.ts'
import { CommandError, type Context, type ExitCode } from '../context.ts'
import { JobReader } from '../jobs.ts'
import { loadRevisions } from '../configurationAccess.ts'
import { workspaceKey } from '../workspaceKey.ts'
import { wholeNumber, withClickhouse, withKafka } from '../options.ts'
import { announceFacts } from '../rebuild/announceFacts.ts'
import { copyEvents } from '../rebuild/copyEvents.ts'
import { handOver } from '../rebuild/handOver.ts'
import type { RebuildWorld } from '../rebuild/rebuildWorld.ts'
import { nothingTold, tellPublished } from '../rebuild/tellPublished.ts'
import { tellErasures } from '../rebuild/tellErasures.ts'
import { waitForTasks } from '../rebuild/waitForTasks.ts'
import { otherRules } from '../rebuild/otherRules.ts'
import { saying } from '../saying.ts'
import type { OpenDoor } from '../withDoor.ts'

interface Flags extends ConnectionFlags {
  readonly rate: number
  readonly copyOnly?: true
}

/** Half of what the slower stages take on two cores, so that live traffic has room. */
const DEFAULT_RATE = 2_000

export function rebuildCommand(
  program: Command,
  context: Context,
  done: (code: ExitCode) => void,
  open: OpenDoor,
): void {
  const command = program
    .command('rebuild')
    .description(
      'identity and profiles anew from the event log, in the layout epoch LAYOUT_EPOCH, and switch to it',
    )
    .option(
      '--rate <events>',
      'events copied per second at most; 0 = as many as it can',
      wholeNumber,
      DEFAULT_RATE,
    )
    .option('--copy-only', 'stop when the new epoch has everything, before the switch')
    .action(async (flags: Flags) => done(await runRebuild(context, flags, open)))
  withClickhouse(withKafka(command))
}

async function runRebuild(context: Context, flags: Flags, open: OpenDoor): Promise<ExitCode> {
  const target = kafkaTarget(context, flags)
  const kafka = createKafka(target.connection)
  const clickhouse = connectClickHouse(clickhouseTarget(context, flags))
  const where = target.connection.brokers.join(', ')
  const admin = await saying(where, () => createAdmin(kafka))
  const producer = await saying(where, () => createPlainProducer(kafka))
  const door = await open(target)
  try {
    await checkMigrations({ client: clickhouse }).catch((error: Error) => {
      throw new CommandError(error.message)
    })
    const to = target.epoch
    const from = epochLeft(await activeEpoch(kafka, target), to)
    const revisions = await loadRevisions(door)
    const stored = createStoredEvents(clickhouse, from)
    const world: RebuildWorld = {
      kafka,
      admin,
      producer,
      clickhouse,
      stored,
      rules: otherRules(revisions, heldRevision(revisions, to), to, {
        hashIdentifier: () => createIdentifierHasher(workspaceKey(context)),
        phone: phoneToE164,
        stored,
      }),
      target,
      from,
      to,
      say: context.err,
      now: context.now,
      interrupted: context.interrupted,
    }
    return await saying(where, () => carryOut(context, world, new JobReader(door), flags))
  } finally {
    await Promise.all([door.close(), producer.close(), admin.close(), clickhouse.close()])
  }
}

async function carryOut(
  context: Context,
  world: RebuildWorld,
  jobs: JobReader,
  { rate, copyOnly }: Flags,
): Promise<ExitCode> {
  const { kafka, target, from, to } = world
  const created = await createTopics(kafka, {
    topics: allTopics,
    counts: target.counts,
    prefix: { prefix: target.topicPrefix, epoch: to },
    replicationFactor: target.replicationFactor,
    minInSyncReplicas: target.minIsr,
  })
  world.say(`layout epoch ${from} → ${to}: ${created.length} topics created`)
  if (world.rules.identified) world.say('the identity rules are others: every event is identified anew')
  await tellErasures(world)
  const facts = await announceFacts(world)
  const copied = await copyEvents(world, rate)
  context.out(
    `copied ${copied.events} events (${copied.sent} now, in ${copied.seconds.toFixed(1)} s) and ${facts} facts`,
  )
  await waitForTasks(world, jobs)
  context.out(`layout epoch ${to} has everything`)
  if (copyOnly) return 0
  const told = nothingTold()
  await tellPublished(world, told)
  await handOver(world, told)
  // Whatever was accepted in the old epoch after the copy had ended.
  const late = await copyEvents(world, rate, copied.next)
  context.out(
    `layout epoch ${to} has taken over: ${told.records} public rows compared, ${late.sent} events copied late`,
  )
  return 0
}

async function activeEpoch(
  kafka: RebuildWorld['kafka'],
  { topicPrefix }: RebuildWorld['target'],
): Promise<number> {
  const log = createKafkaLog(kafka, { topicPrefix })
  try {
    return await readActiveEpoch(log)
  } finally {
    await log.close()
  }
}

/** The epoch that is left. One that was made active by a run that did not end is taken up again. */
export function epochLeft(active: number, to: number): number {
  if (to === active + 1) return active
  if (to === active && to > 1) return active - 1
  throw new CommandError(
    `layout epoch ${active} is active: set LAYOUT_EPOCH=${active + 1} for this command, and start the services of that epoch`,
  )
}
