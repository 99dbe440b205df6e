/**
 * Sends again what was refused and is accepted by how its source is read now.
 *
 *  R1. Same message id, same time of receipt, same bytes (judgeAgain): to everything behind the collector it is the event
 *      that it would have been.
 *  R2. The mark that a reject was sent again is the event: its origin names the reject. One record cannot be half there, so
 *      whoever is killed and starts anew sends what is not there yet, and nothing twice.
 *  R3. Marks are looked for in the event log and, beyond where it stands, in the topic itself: a mark is seen from the moment
 *      it is durable. Two who redrive at the same time may both send; the second record is a duplicate to the profiles, and
 *      the ledger counts origins.
 *  R4. A lot is durable before the next is judged; memory does not grow with the number of rejects.
 */
import type { RedriveLog } from '@tributary/clickhouse-log'
import type { WorkspaceConfiguration } from '@tributary/configuration'
import { REDRIVE_ORIGIN, partitionOf, topics } from '@tributary/contracts'
import { leftOutCodes, type AcceptedEvent } from '@tributary/domain'
import {
  createEventEncoder,
  judgeAgain,
  sourceReading,
  workspaceRules,
  type ReadingPorts,
  type SourceReading,
} from '@tributary/sources'
import { CommandError } from '../context.ts'
import type { KafkaDoor } from '../kafkaDoor.ts'
import { originsBeyondLog } from './originsBeyondLog.ts'
import type { Reject } from './readRejects.ts'

export interface RedriveOptions {
  readonly door: KafkaDoor
  readonly log: RedriveLog
  readonly workspace: WorkspaceConfiguration
  readonly ports: ReadingPorts
  /** False: only says what would be sent. */
  readonly send: boolean
  /** Ends after the lot that is being sent. */
  readonly interrupted: AbortSignal
}

export type Redriven =
  | { readonly reject: Reject; readonly outcome: 'send'; readonly event: AcceptedEvent }
  | {
      readonly reject: Reject
      /** before: sent again earlier; refused: by how its source is read now; skipped: its source leaves it out; cannot: not judged. */
      readonly outcome: 'before' | 'refused' | 'skipped' | 'cannot'
      readonly reason: string
    }

/** Rejects of one lot: one question to the log, one produce request. */
const LOT = 200
/** Bytes of their inputs, about, as base64: what one lot holds. */
const LOT_CHARACTERS = 4 * 1024 * 1024
/** Origins of this run that are remembered, so that a reject that stands there twice is sent once. */
const REMEMBERED = 100_000

/** One lot at a time; with `send`, those that say so are durable when it is given. */
export async function* redrive(
  rejects: AsyncIterable<Reject>,
  options: RedriveOptions,
): AsyncGenerator<readonly Redriven[]> {
  const { door, log, send, interrupted } = options
  const counts = (await door.bounds(topics.events))?.length
  if (counts === undefined)
    throw new CommandError(
      `the topic ${door.topicName(topics.events)} does not exist: nothing can be sent there`,
    )
  // R3. Origins of rejects that are marked by events the log does not hold yet.
  const marked = await originsBeyondLog(door, log, (origin) =>
    origin.startsWith(REDRIVE_ORIGIN) ? origin.slice(REDRIVE_ORIGIN.length) : undefined,
  )
  const judge = judgeOf(options)
  const encode = createEventEncoder()
  const ours = new Set<string>()
  for await (const lot of lotsOf(rejects)) {
    if (interrupted.aborted) return
    const origins = lot.map(({ record }) => record.origin)
    const oldest = Math.min(...lot.map(({ record }) => Date.parse(record.receivedAt)))
    const accepted = await log.accepted(origins, oldest)
    const judged = lot.map((reject): Redriven => {
      const { origin } = reject.record
      if (accepted.has(origin) || marked.has(origin) || ours.has(origin))
        return { reject, outcome: 'before', reason: 'it is an event already' }
      const found = judge(reject)
      if (found.outcome === 'send') ours.add(origin)
      return found
    })
    const events = judged.flatMap((each) => (each.outcome === 'send' ? [each.event] : []))
    if (send && events.length > 0)
      await door.appendAll(
        topics.events,
        events.map((event) => ({
          partition: partitionOf(event.anchor, counts),
          key: event.anchor,
          value: encode(event),
        })),
      )
    if (ours.size > REMEMBERED) ours.clear()
    yield judged
  }
}

function judgeOf({ workspace, ports }: RedriveOptions): (reject: Reject) => Redriven {
  const readings = new Map<string, SourceReading | undefined>()
  const rules = workspaceRules(workspace, ports)
  return (reject) => {
    const { source } = reject.record
    const document = workspace.sources.get(source)
    if (!readings.has(source)) readings.set(source, document && sourceReading(document, rules, ports))
    const verdict = judgeAgain(reject.record, document, readings.get(source))
    if ('reason' in verdict) return { reject, outcome: 'cannot', reason: verdict.reason }
    if ('accepted' in verdict) return { reject, outcome: 'send', event: verdict.accepted }
    const { code, message } = verdict.rejected
    return { reject, outcome: leftOutCodes.has(code) ? 'skipped' : 'refused', reason: `${code}: ${message}` }
  }
}

async function* lotsOf(rejects: AsyncIterable<Reject>): AsyncGenerator<Reject[]> {
  let lot: Reject[] = []
  let characters = 0
  for await (const reject of rejects) {
    lot.push(reject)
    characters += reject.record.input.length
    if (lot.length < LOT && characters < LOT_CHARACTERS) continue
    yield lot
    lot = []
    characters = 0
  }
  if (lot.length > 0) yield lot
}
