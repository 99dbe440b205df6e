/**
 * Files the events of anchors again that are blocked, or open again: what the job task decides of it.
 *
 *            due ──▶ relate ──▶ drop ──▶ file ──▶ (due?)
 *
 *   relate   which other blocked anchors have events with one of these: they go another way now, and are filed too
 *   drop     to every events partition: from here on the anchors are blocked (or open), what was filed of them is dropped
 *   file     their events from before that go from the log to the anchors they have now (anchorFiler.ts)
 *
 *  W1. One filing at a time, and none while a job is between two phases that count: the adoption of a trait waits for
 *      filings, and files everything again before it fills, so what is filed has all that is kept.
 *  W2. An anchor is what the rules or the latest fact say; what is said during a filing waits for the next.
 *  W3. Restartable at every step: what is due, running, answered and reached is in the state. What was reached is what the
 *      edge says is durable.
 *  W4. While an anchor is blocked its events are skipped by the fragment task and followed: filed in the order of their
 *      offsets, from wherever the last one stood. So nothing has to know when the last collector heard of the block.
 */
import { type PartitionCounts, partitionOf } from '@tributary/contracts'
import { EventRecord } from '@tributary/contracts/generated/tributary/event/v1/event'
import {
  type AnchorSaid,
  type Answered,
  ControlStep,
} from '@tributary/contracts/generated/tributary/job/v1/control'
import { type StepContext } from '@tributary/stream-runtime'
import { type AnchorFiling, FILING_DOCUMENT } from '../fragment/refiling.ts'
import {
  type AnchorRow,
  type RunningFiling,
  anchorRows,
  filingNumberRows,
  filingRows,
  followedRows,
} from './filingRows.ts'
import { outboxRows } from './jobRows.ts'

/** One control record names so many: 100 kB, a tenth of what a record may have. */
const MAX_ANCHORS = 1_000

/** What the edge has found out or done. */
export interface Filed {
  /** Other blocked anchors with events that carry one of the filing. */
  readonly related?: { readonly number: number; readonly anchors: readonly string[] }
  /** How far a partition of the filing is: all up to there is durable. */
  readonly filed?: {
    readonly number: number
    readonly partition: number
    readonly anchor: string
    readonly offset: number
    readonly done: boolean
    /** Anchor → events that were filed since it last said so. */
    readonly events: Readonly<Record<string, number>>
  }
  /** How far the events that were skipped as blocked have been filed. */
  readonly followed?: {
    readonly partition: number
    /** Of the last of them, in the skipped topic. */
    readonly skippedAt: number
    readonly events: Readonly<Record<string, number>>
  }
}

const unsaid: AnchorRow = {
  type: '',
  byRules: false,
  byFact: false,
  filed: 'open',
  number: 0,
  below: 0,
  erasedUntilMs: -1,
  events: 0,
  again: false,
}

const isBlocked = ({ byRules, byFact }: AnchorRow): boolean => byRules || byFact

/** W2. */
export function sayByRules(
  context: StepContext,
  blocked: readonly { readonly id: string; readonly type: string }[],
): void {
  const rows = context.table(anchorRows)
  const now = new Map(blocked.map((each) => [each.id, each.type]))
  const known = [...rows.range('', '~')]
  for (const [id, row] of known) if (row.byRules && !now.has(id)) rows.put(id, { ...row, byRules: false })
  for (const [id, type] of now) {
    const row = rows.get(id) ?? unsaid
    if (!row.byRules) rows.put(id, { ...row, type, byRules: true })
  }
}

/** W2. */
export function sayByFact(context: StepContext, { anchor, type, blocked }: AnchorSaid): void {
  const rows = context.table(anchorRows)
  const row = rows.get(anchor) ?? unsaid
  if (row.byFact !== blocked) rows.put(anchor, { ...row, type, byFact: blocked })
}

/** W1: everything that depends on events that were filed. */
export function fileAllAgain(context: StepContext): void {
  const rows = context.table(anchorRows)
  const known = [...rows.range('', '~')]
  for (const [id, row] of known) if (row.events > 0 && !row.again) rows.put(id, { ...row, again: true })
}

export function isFiling(context: StepContext): boolean {
  return context.table(filingRows).get('running') !== undefined
}

/** Begins what is due; false when nothing is. */
export function beginFiling(context: StepContext, counts: PartitionCounts): boolean {
  const anchors: string[] = []
  let hasOthers = false
  for (const [id, row] of context.table(anchorRows).range('', '~')) {
    const isDue = row.again || isBlocked(row) !== (row.filed === 'blocked')
    if (isDue && anchors.length < MAX_ANCHORS) anchors.push(id)
    else hasOthers ||= row.filed === 'blocked'
  }
  if (anchors.length === 0) return false
  const numbers = context.table(filingNumberRows)
  const number = (numbers.get('number') ?? 0) + 1
  numbers.put('number', number)
  const filing: RunningFiling = { number, phase: 'relate', anchors, answers: {}, reached: {} }
  if (hasOthers) context.table(filingRows).put('running', filing)
  else enterDrop(context, filing, counts)
  return true
}

export function takeRelated(
  context: StepContext,
  { number, anchors }: NonNullable<Filed['related']>,
  counts: PartitionCounts,
): void {
  const filing = context.table(filingRows).get('running')
  if (filing?.number !== number || filing.phase !== 'relate') return
  const rows = context.table(anchorRows)
  const blocked = anchors.filter((id) => rows.get(id)?.filed === 'blocked')
  const all = [...new Set([...filing.anchors, ...blocked])].sort()
  // The others have their turn after these.
  for (const id of all.slice(MAX_ANCHORS)) rows.put(id, { ...rows.get(id)!, again: true })
  enterDrop(context, { ...filing, anchors: all.slice(0, MAX_ANCHORS) }, counts)
}

function enterDrop(context: StepContext, filing: RunningFiling, counts: PartitionCounts): void {
  const { number } = filing
  const rows = context.table(anchorRows)
  const anchors = filing.anchors.map((id) => {
    const row = rows.get(id)!
    const blocked = isBlocked(row)
    rows.put(id, { ...row, filed: blocked ? 'blocked' : 'open', number, below: 0, events: 0, again: false })
    return { id, type: row.type, partition: partitionOf(id, counts.identifier), blocked }
  })
  context.table(filingRows).put('running', { ...filing, phase: 'drop' })
  const definition: AnchorFiling = { anchors }
  const value = EventRecord.encode({
    record: {
      $case: 'control',
      value: {
        job: number,
        document: FILING_DOCUMENT,
        hash: String(number),
        configOffset: 0,
        step: ControlStep.CONTROL_STEP_REFILE,
        partitions: counts.identifier,
        definition: JSON.stringify(definition),
      },
    },
  }).finish()
  for (let partition = 0; partition < counts.identifier; partition++)
    context.table(outboxRows).put(outboxKey(number, partition), value)
}

/** The third field is the partition it goes to. */
function outboxKey(number: number, partition: number): string {
  return `${String(number).padStart(15, '0')}|drop|${partition}|${FILING_DOCUMENT}`
}

/** The first answer of a partition says where the anchors begin to be blocked or open: the control record may come twice. */
export function takeDropped(context: StepContext, answer: Answered, counts: PartitionCounts): void {
  const filing = context.table(filingRows).get('running')
  if (filing?.number !== answer.job || filing.phase !== 'drop') return
  if (filing.answers[answer.partition] !== undefined) return
  const { partition, offset, skipped } = answer
  const answers = { ...filing.answers, [partition]: { offset, skipped } }
  const rows = context.table(anchorRows)
  for (const { anchor, untilMs } of answer.erased) {
    const row = rows.get(anchor)
    if (row && row.erasedUntilMs < untilMs) rows.put(anchor, { ...row, erasedUntilMs: untilMs })
  }
  if (Object.keys(answers).length < counts.identifier) {
    context.table(filingRows).put('running', { ...filing, answers })
    return
  }
  const reached: Record<number, RunningFiling['reached'][number]> = {}
  for (const id of filing.anchors) {
    const own = partitionOf(id, counts.identifier)
    rows.put(id, { ...rows.get(id)!, below: answers[own]!.offset })
    reached[own] = { anchor: '', offset: -1, done: false }
  }
  context.table(filingRows).put('running', { ...filing, phase: 'file', answers, reached })
}

/** W3. True when the filing is at its end. */
export function takeFiled(context: StepContext, filed: NonNullable<Filed['filed']>): boolean {
  const filing = context.table(filingRows).get('running')
  const before = filing?.reached[filed.partition]
  if (filing?.number !== filed.number || filing.phase !== 'file' || !before || before.done) return false
  const { partition, anchor, offset, done } = filed
  const reached = { ...filing.reached, [partition]: { anchor, offset, done } }
  countEvents(context, filed.events)
  const atEnd = Object.values(reached).every((each) => each.done)
  if (atEnd) context.table(filingRows).delete('running')
  else context.table(filingRows).put('running', { ...filing, reached })
  return atEnd
}

/** W4. */
export function takeFollowed(context: StepContext, followed: NonNullable<Filed['followed']>): void {
  const rows = context.table(followedRows)
  const key = String(followed.partition)
  if (followed.skippedAt <= (rows.get(key) ?? -1)) return
  rows.put(key, followed.skippedAt)
  countEvents(context, followed.events)
}

function countEvents(context: StepContext, events: Readonly<Record<string, number>>): void {
  const rows = context.table(anchorRows)
  for (const [id, count] of Object.entries(events)) {
    const row = rows.get(id)
    if (row && count > 0) rows.put(id, { ...row, events: row.events + count })
  }
}
