/**
 * What a fragment task does about anchors that are blocked, or open again: their events are filed anew.
 *
 *  N1. What was filed of an anchor lies apart from everything else (RefiledRow), so it can be dropped whole.
 *  N2. Only the last filing of an anchor counts. Every task hears of it, and has dropped what an earlier one brought,
 *      before the first event of it is sent.
 *  N3. A filing sends the events of an anchor in the order of their offsets, perhaps some again: a target takes what is
 *      above its watermark.
 *  N4. A message counts once under its new anchor: what came by itself under that anchor makes the filed one a duplicate,
 *      and the other way round. What an earlier filing brought is no duplicate.
 *  N5. Dropping goes in bounded steps, some in each batch, while events flow; the job hears when nothing is left.
 *
 *   what arrives            and then                                   the job hears
 *   control                 own events are skipped (or folded) from    nothing yet
 *                           here on; own fragment is gone
 *   the same again          nothing                                    the answer again, once it was given
 *   a lower number          nothing                                    the answer
 *   filed, of the last      above the watermark: folded or duplicate   –
 *   filed, of another       nothing                                    –
 */
import { profileIdOf, topics } from '@tributary/contracts'
import { type Refiled } from '@tributary/contracts/generated/tributary/event/v1/event'
import { type Control, ControlStep } from '@tributary/contracts/generated/tributary/job/v1/control'
import {
  FilingRow,
  type FragmentRow,
  RefiledRow,
} from '@tributary/contracts/generated/tributary/profile/v1/state'
import { type Fragment, type KeptAggregates, eventFacts, foldEvent, joinWithinCaps } from '@tributary/domain'
import { type InputRecord, type StepContext, type TableSpec } from '@tributary/stream-runtime'
import { highestJob } from '../adoption.ts'
import { answered } from '../answered.ts'
import { jsonCodec, protoCodec } from '../codecs.ts'
import { type ChangedFragments } from './changedFragments.ts'
import { seeRefiled } from './deduplication.ts'
import { emptyRow, fragmentAdoption, fragmentRows } from './fragmentRows.ts'
import { messageContent, messageKey, readEvent } from './readEvent.ts'

/** Dropped at the end of one batch: each is a part to send, some milliseconds in all. */
const DROPPED_PER_BATCH = 500

/** Anchor → its last filing. */
export const filingRows: TableSpec<FilingRow> = {
  name: 'filings',
  changeLog: topics.fragments,
  codec: protoCodec(FilingRow),
}

/** "target|anchor" → what the target has of the anchor's events (N1). */
export const refiledRows: TableSpec<RefiledRow> = {
  name: 'refiled',
  changeLog: topics.fragments,
  codec: protoCodec(RefiledRow),
}

/** "anchor|target", for dropping. */
export const refiledToRows: TableSpec<true> = {
  name: 'refiled-to',
  changeLog: topics.fragments,
  codec: jsonCodec<true>(),
}

/** What control records and answers of filings call themselves. */
export const FILING_DOCUMENT = 'anchors'

export interface FiledAnchor {
  readonly id: string
  readonly type: string
  /** Of the events topic, where its events are. */
  readonly partition: number
  readonly blocked: boolean
}

/** Which anchors a filing is about: the definition of its control record, as JSON. */
export interface AnchorFiling {
  readonly anchors: readonly FiledAnchor[]
}

/** N2. */
export function takeFiling(
  context: StepContext,
  changed: ChangedFragments,
  control: Control,
  record: InputRecord,
): void {
  const { anchors } = JSON.parse(control.definition) as AnchorFiling
  const filings = context.table(filingRows)
  const rows = context.table(fragmentRows)
  let dropping = false
  for (const { id, type, partition, blocked } of anchors) {
    const known = filings.get(id)
    if (known && known.number >= control.job) {
      dropping ||= known.number === control.job && known.dropping
      continue
    }
    dropping = true
    filings.put(id, { number: control.job, dropping: true, hash: control.hash, offset: record.offset })
    if (partition !== context.partition) continue
    const { fragment: _, ...row } = rows.get(id) ?? emptyRow
    changed.remember(id, rows.get(id) ?? emptyRow)
    // The log has all of its events, and they are filed with what is adopted now: no job before fills them.
    const fillsFromJob = highestJob(context, fragmentAdoption) + 1
    rows.put(id, { ...row, identifierType: type, blocked, fillsFromJob })
  }
  if (!dropping) context.send(answerTo(context, control.job, control.hash, record.offset))
}

/** N5. */
export function dropSome(context: StepContext, changed: ChangedFragments, isDropping: boolean): boolean {
  if (!isDropping) return false
  const filings = context.table(filingRows)
  const open = [...filings.range('', '~')].filter(([, { dropping }]) => dropping)
  let left = DROPPED_PER_BATCH
  for (const [anchor, filing] of open) {
    const targets = [...context.table(refiledToRows).range(`${anchor}|`, `${anchor}~`, left + 1)]
    for (const [key] of targets.slice(0, left)) drop(context, changed, anchor, key)
    if (targets.length > left) {
      context.moreToDo()
      return true
    }
    left -= targets.length
    filings.put(anchor, { ...filing, dropping: false })
  }
  for (const [hash, { number, offset }] of new Map(open.map(([, filing]) => [filing.hash, filing])))
    context.send(answerTo(context, number, hash, offset))
  return false
}

/** Whether a filing was being followed when the task was last committed. */
export function isDroppingStill(context: StepContext): boolean {
  for (const [, { dropping }] of context.table(filingRows).range('', '~')) if (dropping) return true
  return false
}

function drop(context: StepContext, changed: ChangedFragments, anchor: string, key: string): void {
  const target = key.slice(anchor.length + 1)
  const rows = context.table(fragmentRows)
  context.table(refiledToRows).delete(key)
  context.table(refiledRows).delete(`${target}|${anchor}`)
  const row = rows.get(target)
  if (!row?.refiledFrom.includes(anchor)) return
  changed.remember(target, row)
  rows.put(target, { ...row, refiledFrom: row.refiledFrom.filter((each) => each !== anchor) })
}

/** N2, N3, N4. */
export function takeRefiled(
  context: StepContext,
  changed: ChangedFragments,
  { number, fromAnchor, fromOffset, event }: Refiled,
  kept: KeptAggregates,
  appendedMs: number,
): void {
  const target = event?.identifiers[0]
  if (!event || !target || context.table(filingRows).get(fromAnchor)?.number !== number) return
  const key = `${target.id}|${fromAnchor}`
  const refiled = context.table(refiledRows)
  const known = refiled.get(key)
  if (known && known.watermark >= fromOffset) return
  context.table(refiledToRows).put(`${fromAnchor}|${target.id}`, true)

  const rows = context.table(fragmentRows)
  const row = rows.get(target.id) ?? emptyRow
  const facts = eventFacts(readEvent(event))
  const message = { key: messageKey(event), content: messageContent(event, facts), appendedMs }
  const isErased = event.receivedTimeMs <= (row.erasedUntilMs ?? -1)
  if (
    isErased ||
    (target.id !== fromAnchor && !seeRefiled(context, message, `${fromAnchor}/${fromOffset}`))
  ) {
    refiled.put(key, { ...known, watermark: fromOffset })
    return
  }
  refiled.put(key, { watermark: fromOffset, fragment: foldEvent(known?.fragment, facts, kept) })
  changed.remember(target.id, row)
  rows.put(target.id, {
    ...row,
    identifierType: target.type,
    tag: row.tag === '' ? profileIdOf(target.id, row.generation) : row.tag,
    refiledFrom: [...new Set([...row.refiledFrom, fromAnchor])].sort(),
  })
  changed.cause(target.id, event)
}

/** The identifier begins a new generation: what was filed under it is gone, and does not come back in this filing. */
export function forgetRefiled(context: StepContext, identifierId: string, row: FragmentRow): void {
  const refiled = context.table(refiledRows)
  for (const anchor of row.refiledFrom) {
    const key = `${identifierId}|${anchor}`
    refiled.put(key, { watermark: refiled.get(key)?.watermark ?? -1 })
  }
}

/** All that is known of an identifier: by its own events, and by those that were filed under it. */
export function wholeFragment(
  context: StepContext,
  identifierId: string,
  row: FragmentRow,
  kept: () => KeptAggregates,
): Fragment | undefined {
  if (row.refiledFrom.length === 0) return row.fragment
  const refiled = context.table(refiledRows)
  const fragments = row.refiledFrom.flatMap(
    (anchor) => refiled.get(`${identifierId}|${anchor}`)?.fragment ?? [],
  )
  return joinWithinCaps(row.fragment ? [row.fragment, ...fragments] : fragments, identifierId, kept())
}

/** As many skips as there were when it is sent: all before the control record are among them. */
function answerTo(context: StepContext, job: number, hash: string, offset: number) {
  const skipped = context.nextSeq(topics.skipped, context.partition) - 1
  const place = { topic: topics.events, partition: context.partition, offset }
  return answered(
    { job, document: FILING_DOCUMENT, hash, step: ControlStep.CONTROL_STEP_REFILE },
    place,
    skipped,
    erasedOf(context, job),
  )
}

/** Own anchors of a filing that were erased. */
function erasedOf(context: StepContext, job: number): { anchor: string; untilMs: number }[] {
  const rows = context.table(fragmentRows)
  return [...context.table(filingRows).range('', '~')].flatMap(([anchor, { number }]) => {
    const untilMs = number === job ? rows.get(anchor)?.erasedUntilMs : undefined
    return untilMs === undefined ? [] : [{ anchor, untilMs }]
  })
}
