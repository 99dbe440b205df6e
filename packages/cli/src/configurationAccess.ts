import { topics } from '@tributary/contracts'
import {
  buildWorkspace,
  fromRevisionDocument,
  heldRevision,
  readRevisions,
  type ConfigLog,
  type Document,
  type LoggedRevision,
  type WorkspaceConfiguration,
} from '@tributary/configuration'
import type { ConnectionFlags } from './connections.ts'
import { CommandError, type Context } from './context.ts'
import type { DoorRecord, KafkaDoor } from './kafkaDoor.ts'
import { withDoor, type OpenDoor } from './withDoor.ts'

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

/** Of the layout epoch that is meant. */
export async function revisionInForce(door: KafkaDoor): Promise<LoggedRevision | undefined> {
  return heldRevision(await loadRevisions(door), door.epoch)
}

/** None while no revision is in force. */
export async function documentsInForce(
  context: Context,
  flags: ConnectionFlags,
  open: OpenDoor,
): Promise<Document[]> {
  const held = await withDoor(context, flags, open, revisionInForce)
  return (held?.revision.documents ?? []).map(fromRevisionDocument)
}

/** What the documents in force make; `advice`: what to do when there are none. */
export async function workspaceInForce(door: KafkaDoor, advice: string): Promise<WorkspaceConfiguration> {
  const held = await revisionInForce(door)
  if (!held) throw new CommandError(`no revision is in force: ${advice}`)
  return buildWorkspace(held.revision)
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
