import type { Command } from 'commander'
import { type Erased, findErased, noteErasures, removeErased } from '@tributary/clickhouse-log'
import { topics } from '@tributary/contracts'
import { FactKind, FactRecord } from '@tributary/contracts/generated/tributary/identity/v1/evidence'
import { carryOutRemoval, type RemovalFlags } from '../carryOutRemoval.ts'
import { CommandError, type Context, type ExitCode } from '../context.ts'
import type { KafkaDoor } from '../kafkaDoor.ts'
import { withClickhouse, withJson, withKafka } from '../options.ts'
import { counted } from '../output/table.ts'
import { withDoor, type OpenDoor } from '../withDoor.ts'
import { withEventLog } from '../withEventLog.ts'

export function erasuresCommand(
  program: Command,
  context: Context,
  done: (code: ExitCode) => void,
  open: OpenDoor,
): void {
  const command = program
    .command('erasures')
    .description(
      'removes from the event log the rows of people who are forgotten; only shows them without --yes',
    )
    .option('--yes', 'remove them')
    .action(async (flags: RemovalFlags) => done(await runErasures(context, flags, open)))
  withClickhouse(withKafka(withJson(command)))
}

async function runErasures(context: Context, flags: RemovalFlags, open: OpenDoor): Promise<ExitCode> {
  const erased = await withDoor(context, flags, open, readErased)
  return withEventLog(context, flags, async (clickhouse) => {
    // A list of hashes, so that what belongs to them can be asked for; no row goes by it.
    await noteErasures(clickhouse, erased)
    return carryOutRemoval(context, flags, clickhouse, {
      said: [`${counted(erased.length, 'fact')} that erase`],
      find: () => findErased(clickhouse),
      remove: removeErased,
      nothing: 'nothing of anybody who is forgotten is there',
    })
  })
}

/** The facts that erase, as they were kept; of two with one id the first counts. */
export async function readErased(door: KafkaDoor): Promise<Erased[]> {
  const bounds = (await door.bounds(topics.facts))?.[0]
  if (!bounds)
    throw new CommandError(
      `the topic ${door.topicName(topics.facts)} does not exist; create the topics with \`tributary topics create\``,
    )
  const all = new Map<string, Erased>()
  for await (const { value } of door.read(topics.facts, 0, bounds.start, bounds.end)) {
    const fact = value && FactRecord.decode(value).fact
    if (fact?.kind !== FactKind.FACT_KIND_ERASE || fact.members.length === 0 || all.has(fact.id)) continue
    all.set(fact.id, {
      fact: fact.id,
      identifierIds: fact.members.map(({ id }) => id),
      receivedUntilMs: fact.timeMs,
    })
  }
  return [...all.values()]
}
