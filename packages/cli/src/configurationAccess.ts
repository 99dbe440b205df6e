import { topics } from '@tributary/contracts'
import { readRevisions, type ConfigLog, type LoggedRevision } from '@tributary/configuration'
import { CommandError } from './context.ts'
import type { DoorRecord, KafkaDoor } from './kafkaDoor.ts'

/** The config topic has one partition. */
const ONLY = 0

/** The config topic as plan, apply, history and the like see it. */
export function configLog(door: KafkaDoor): ConfigLog {
  return {
    read: () => readWhole(door),
    append: (key, value) => door.append(topics.config, ONLY, key, value),
  }
}

export async function loadRevisions(door: KafkaDoor): Promise<LoggedRevision[]> {
  return readRevisions(await readWhole(door))
}

async function readWhole(door: KafkaDoor): Promise<DoorRecord[]> {
  const bounds = (await door.bounds(topics.config))?.[ONLY]
  if (!bounds)
    throw new CommandError(
      `the topic ${door.topicName(topics.config)} does not exist; create the topics with \`tributary topics create\``,
    )
  const records: DoorRecord[] = []
  for await (const record of door.read(topics.config, ONLY, bounds.start, bounds.end)) records.push(record)
  return records
}
