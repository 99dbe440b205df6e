/**
 * From accepted events to evidence, by anchor: one task per events partition.
 *
 *  X1. Evidence goes on when it is new, when its first time falls, and at most once a day when it is seen again; what
 *      is remembered is only a cache, since the resolver joins sightings itself.
 *  X2. Control records are nobody's evidence.
 *  X3. An event that erases is an erasure and no evidence. What its anchor was seen with is sent on again when it is seen
 *      again after that: the resolver has forgotten it.
 *  X4. When an identifier is erased (its generation rises) everything remembered under it as an anchor is dropped, in bounded
 *      steps, with a tombstone for each row: the change log forgets it too. What is seen again after that is sent on anew.
 */
import { encodeMessage, topics, traceHeaders, tracesOf, textDigest } from '@tributary/contracts'
import { type Event, EventRecord, EventType } from '@tributary/contracts/generated/tributary/event/v1/event'
import { EvidenceRecord } from '@tributary/contracts/generated/tributary/identity/v1/evidence'
import { Assignment, ChangeKind } from '@tributary/contracts/generated/tributary/identity/v1/assignment'
import {
  ErasedAnchor,
  ForgottenAnchor,
  SentEvidence,
} from '@tributary/contracts/generated/tributary/identity/v1/resolver_state'
import { type IdentifiedEvent, erasureOf, extractEvidence, sendOn } from '@tributary/domain'
import type { InputRecord, StepContext, TableSpec, Topology } from '@tributary/stream-runtime'
import { erasureMessage, evidenceMessage } from '../evidenceMessages.ts'
import { protobufCodec } from '../protobufCodec.ts'

/** "anchor|evidence id": what is remembered of an anchor lies together. */
const sentTable: TableSpec<SentEvidence> = {
  name: 'sent',
  changeLog: topics.extractorState,
  codec: protobufCodec(SentEvidence),
}

const erasedTable: TableSpec<ErasedAnchor> = {
  name: 'erased',
  changeLog: topics.extractorState,
  codec: protobufCodec(ErasedAnchor),
}

/** Erased anchor → its generation, until everything remembered under it is dropped. */
const forgettingTable: TableSpec<ForgottenAnchor> = {
  name: 'forgetting',
  changeLog: topics.extractorState,
  codec: protobufCodec(ForgottenAnchor),
}

/** Rows dropped at the end of a batch: some milliseconds, and no anchor is too large. */
const FORGOTTEN_PER_BATCH = 1_000

/** What the extractor tells whoever counts. */
export interface ExtractorObserver {
  readonly seen: () => void
  readonly sent: () => void
}

export function extractorTopology(observer: ExtractorObserver): Topology {
  return {
    name: 'extractor',
    inputs: [topics.events, topics.assignments],
    tables: [sentTable, erasedTable, forgettingTable],
    metaLog: topics.extractorState,
    create: () => {
      /** Whether something is to be forgotten; undefined: not looked yet. */
      let forgetting: boolean | undefined
      return {
        step(context, input) {
          if (input.kind !== 'record') return
          if (input.record.topic.name !== topics.assignments.name) extract(context, input.record, observer)
          else if (hearErasure(context, input.record)) forgetting = true
        },
        endBatch(context) {
          if (forgetting !== false) forgetting = forgetSome(context)
        },
      }
    },
  }
}

/** X4. Whether it was an erasure. */
function hearErasure(context: StepContext, { value }: InputRecord): boolean {
  if (!value) return false
  const { identifierId, generation, change } = Assignment.decode(value)
  if (generation === 0 || change?.kind !== ChangeKind.CHANGE_KIND_ERASE) return false
  context.table(forgettingTable).put(identifierId, { generation })
  return true
}

/** X4. Whether something is left. */
function forgetSome(context: StepContext): boolean {
  const anchors = [...context.table(forgettingTable).range('', '~')]
  const sent = context.table(sentTable)
  let left = FORGOTTEN_PER_BATCH
  for (const [anchor] of anchors) {
    const rows = [...sent.range(`${anchor}|`, `${anchor}~`, left)]
    for (const [key] of rows) sent.delete(key)
    if (rows.length === left) {
      context.moreToDo()
      return true
    }
    left -= rows.length
    context.table(forgettingTable).delete(anchor)
  }
  return false
}

function extract(context: StepContext, record: InputRecord, observer: ExtractorObserver): void {
  if (!record.value) return
  const decoded = EventRecord.decode(record.value)
  if (decoded.record?.$case !== 'event') return
  const event = identifiedEvent(decoded.record.value)
  if (decoded.record.value.erases) {
    const erasure = erasureOf(event, record.timestampMs, textDigest)
    if (!erasure) return
    send(context, record, erasure.factId, { $case: 'erasure', value: erasureMessage(erasure) })
    const { receivedUntilMs } = erasure
    const erased = context.table(erasedTable)
    if (receivedUntilMs > (erased.get(erasure.member.id)?.receivedUntilMs ?? -1))
      erased.put(erasure.member.id, { receivedUntilMs })
    return
  }
  const sent = context.table(sentTable)
  for (const evidence of extractEvidence(event, textDigest)) {
    observer.seen()
    const key = `${event.identifiers[0]?.id ?? ''}|${evidence.id}`
    const before = sent.get(key)
    const remembered = sendOn(before, evidence, before ? erasedUntil(context, event) : -1)
    if (!remembered) continue
    sent.put(key, { ...remembered })
    observer.sent()
    send(context, record, evidence.id, { $case: 'evidence', value: evidenceMessage(evidence) })
  }
}

function erasedUntil(context: StepContext, { identifiers: [anchor] }: IdentifiedEvent): number {
  return (anchor && context.table(erasedTable).get(anchor.id)?.receivedUntilMs) ?? -1
}

function send(
  context: StepContext,
  cause: InputRecord,
  key: string,
  record: NonNullable<EvidenceRecord['record']>,
): void {
  const value = encodeMessage(EvidenceRecord, { record, stamp: undefined })
  const headers = traceHeaders(tracesOf(cause.headers))
  context.send({ topic: topics.evidence, partition: 0, key, value, ...(headers && { headers }) })
}

function identifiedEvent(event: Event): IdentifiedEvent {
  return {
    type:
      event.type === EventType.EVENT_TYPE_IDENTIFY
        ? 'identify'
        : event.type === EventType.EVENT_TYPE_ALIAS
          ? 'alias'
          : 'other',
    identifiers: event.identifiers,
    previous: event.previous,
    sourceId: event.sourceId,
    messageId: event.messageId,
    timeMs: event.timeMs,
    receivedTimeMs: event.receivedTimeMs,
    trusted: event.trusted,
  }
}
