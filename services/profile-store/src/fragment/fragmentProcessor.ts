/**
 * The fragment task: folds the events of one partition into fragments, and tells each profile what belongs to it.
 *
 *  G1. State is never moved: an assignment changes the tag and what is sent, never a fragment.
 *  G2. One record per identifier, profile and batch: what a batch did to a fragment is sent once, at its end.
 *  G3. Records of one identifier to one profile are in order: this task is their only writer.
 *  G4. Every event is folded once or skipped with a reason; each skip is a record, sent with the batch.
 *  G5. What a back-fill adds to an aggregate counts once, and only for the job the aggregate belongs to.
 *  G6. What was received before an erasure is not folded after it, whenever it comes. What follows an event that erases in
 *      its own partition is kept: it is folded a second time, by itself, until the erasure has come round.
 *  G7. What is filed again under an identifier lies beside its fragment and is told with it (refiling.ts).
 *
 * What is sent when the tag of an identifier goes from one profile to another:
 *
 *   old tag      `removed {to}`, when there was one
 *   new tag      `put`: the fragment, or an identity-only part when no event was filed under the identifier
 *   self-named   `moved {to}`, when it is neither: whoever knows the identifier's own profile id is led on
 */
import { placeTopic, topics, tracesOf, profileIdOf, textDigest } from '@tributary/contracts'
import { type Control, ControlStep } from '@tributary/contracts/generated/tributary/job/v1/control'
import { type Event, EventRecord, type Fill } from '@tributary/contracts/generated/tributary/event/v1/event'
import { SkipReason, Skipped } from '@tributary/contracts/generated/tributary/event/v1/skipped'
import { Assignment, type Change } from '@tributary/contracts/generated/tributary/identity/v1/assignment'
import { type FragmentRow } from '@tributary/contracts/generated/tributary/profile/v1/state'
import { type InputRecord, type Processor, type StepContext } from '@tributary/stream-runtime'
import {
  type Fragment,
  type KeptAggregates,
  erasureFactId,
  eventFacts,
  fillFragment,
  foldEvent,
  isRowErasure,
  keepAggregates,
} from '@tributary/domain'
import { adopt, highestJob, ownedAggregates, retire } from '../adoption.ts'
import { answered } from '../answered.ts'
import { expireSeen, see } from './deduplication.ts'
import { emptyRow, fragmentAdoption, fragmentRows } from './fragmentRows.ts'
import { ChangedFragments } from './changedFragments.ts'
import { messageContent, messageKey, readEvent } from './readEvent.ts'
import { noteCopy, takeErasures } from './toldErasures.ts'
import {
  dropSome,
  forgetRefiled,
  isDroppingStill,
  takeFiling,
  takeRefiled,
  wholeFragment,
} from './refiling.ts'

/** What a batch did, for metrics. */
export interface FragmentCounts {
  folded: number
  skipped: Partial<Record<SkipReason, number>>
  controls: number
}

/** The row was deleted again since, and that erasure is still on its way. An operator's takes what came since with it. */
function awaitsAnother({ afresh }: FragmentRow, change: Change | undefined): boolean {
  return (
    afresh !== undefined &&
    change !== undefined &&
    isRowErasure(change.cause) &&
    afresh.factId !== change.cause
  )
}

export function createFragmentProcessor(observe: (counts: FragmentCounts) => void): Processor {
  const changed = new ChangedFragments()
  let counts: FragmentCounts = { folded: 0, skipped: {}, controls: 0 }
  let kept: KeptAggregates | undefined
  /** Whether a filing is to be followed; undefined: not looked yet. */
  let dropping: boolean | undefined

  function keptAggregates(context: StepContext): KeptAggregates {
    kept ??= keepAggregates(ownedAggregates(context, fragmentAdoption))
    return kept
  }

  function whole(context: StepContext, identifierId: string, row: FragmentRow): Fragment | undefined {
    return wholeFragment(context, identifierId, row, () => keptAggregates(context))
  }

  function takeEvent(context: StepContext, event: Event, record: InputRecord): void {
    const reason = foldOrReason(context, event, record)
    if (reason === undefined) {
      counts.folded++
      return
    }
    counts.skipped[reason] = (counts.skipped[reason] ?? 0) + 1
    const { topic, partition, offset } = record
    context.send({
      topic: topics.skipped,
      partition: context.partition,
      key: null,
      value: Skipped.encode({
        topic: placeTopic(context.epoch, topic),
        partition,
        offset,
        reason,
        sourceId: event.sourceId,
        messageId: event.messageId,
      }).finish(),
    })
  }

  /** G4. */
  function foldOrReason(context: StepContext, event: Event, record: InputRecord): SkipReason | undefined {
    if (event.copyOf) noteCopy(context)
    const [anchor] = event.identifiers
    if (!anchor) return SkipReason.SKIP_REASON_NO_IDENTIFIER
    const rows = context.table(fragmentRows)
    const row = rows.get(anchor.id) ?? emptyRow
    // G6
    if (event.receivedTimeMs <= (row.erasedUntilMs ?? -1)) return SkipReason.SKIP_REASON_ERASED
    const facts = eventFacts(readEvent(event))
    const verdict = see(context, {
      key: messageKey(event),
      content: messageContent(event, facts),
      appendedMs: record.timestampMs,
    })
    if (verdict === 'duplicate') return SkipReason.SKIP_REASON_DUPLICATE
    if (verdict === 'conflict') return SkipReason.SKIP_REASON_CONFLICT
    // A rebuild tells erasures before it copies: nothing is awaited then.
    if (event.erases && event.copyOf && (row.erasedUntilMs ?? -1) >= event.receivedTimeMs - 1)
      return SkipReason.SKIP_REASON_ERASED
    if (event.erases) {
      const factId = erasureFactId(event, anchor.id, textDigest)
      rows.put(anchor.id, { ...row, identifierType: anchor.type, afresh: { factId } })
      return SkipReason.SKIP_REASON_ERASED
    }
    // After the duplicates: what is skipped as blocked is filed again, each message once.
    if (row.blocked) return SkipReason.SKIP_REASON_BLOCKED
    const { afresh } = row
    changed.remember(anchor.id, row)
    rows.put(anchor.id, {
      ...row,
      identifierType: anchor.type,
      tag: row.tag === '' ? profileIdOf(anchor.id, row.generation) : row.tag,
      fragment: foldEvent(row.fragment, facts, keptAggregates(context)),
      ...(afresh && {
        afresh: { ...afresh, fragment: foldEvent(afresh.fragment, facts, keptAggregates(context)) },
      }),
    })
    changed.cause(anchor.id, event)
    changed.trace(anchor.id, tracesOf(record.headers))
    return undefined
  }

  function takeAssignment(context: StepContext, assignment: Assignment, { headers }: InputRecord): void {
    const { identifierId, profileId, generation, type, change, erasedUntilMs } = assignment
    const rows = context.table(fragmentRows)
    const row = rows.get(identifierId) ?? emptyRow
    if (generation < row.generation) return
    if (generation > row.generation) {
      // G6
      const fragment = row.afresh?.factId === change?.cause ? row.afresh?.fragment : undefined
      changed.remember(identifierId, row)
      changed.erase(identifierId, row, {
        change,
        events: (whole(context, identifierId, row)?.events ?? 0) - (fragment?.events ?? 0),
      })
      // Told of its new profile only when that is another's, or there is something: its own comes into being with its
      // next event.
      const tag = !fragment && profileId === profileIdOf(identifierId, generation) ? '' : profileId
      const fillsFromJob = highestJob(context, fragmentAdoption) + 1
      forgetRefiled(context, identifierId, row)
      rows.put(identifierId, {
        ...emptyRow,
        blocked: row.blocked,
        identifierType: type,
        generation,
        tag,
        fillsFromJob,
        ...(fragment && { fragment }),
        ...(erasedUntilMs !== undefined && { erasedUntilMs }),
        ...(awaitsAnother(row, change) && { afresh: row.afresh }),
      })
      return
    }
    if (row.tag === profileId) return
    changed.remember(identifierId, row)
    changed.retag(identifierId, profileId, change)
    changed.trace(identifierId, tracesOf(headers))
    rows.put(identifierId, { ...row, identifierType: type, tag: profileId })
  }

  function takeControl(context: StepContext, control: Control, record: InputRecord): void {
    if (control.step === ControlStep.CONTROL_STEP_ADOPT) adopt(context, fragmentAdoption, control)
    else if (control.step === ControlStep.CONTROL_STEP_RETIRE) retire(context, fragmentAdoption, control)
    else if (control.step === ControlStep.CONTROL_STEP_REFILE) {
      counts.controls++
      takeFiling(context, changed, control, record)
      dropping = undefined
      return
    } else if (control.step === ControlStep.CONTROL_STEP_ERASED) {
      counts.controls++
      takeErasures(context, changed, control)
      return
    } else if (control.step !== ControlStep.CONTROL_STEP_FILLED) return
    counts.controls++
    kept = undefined
    // The skips of everything before this record have been sent, in this batch or in one before.
    const skipped = context.nextSeq(topics.skipped, context.partition) - 1
    context.send(answered(control, record, skipped))
  }

  /** G5. */
  function takeFill(context: StepContext, { job, anchor, aggregates }: Fill): void {
    counts.controls++
    const rows = context.table(fragmentRows)
    const row = rows.get(anchor)
    // No row: its events were skipped, or erased; there is nothing to add to.
    if (!row?.fragment || job < row.fillsFromJob) return
    // The log may still hold what was erased, and a fill does not say of when its events are.
    if (row.erasedUntilMs !== undefined) return
    const fragment = fillFragment(row.fragment, aggregates, keptAggregates(context))
    if (!fragment) return
    changed.remember(anchor, row)
    rows.put(anchor, { ...row, fragment })
  }

  return {
    step(context, input) {
      if (input.kind !== 'record' || input.record.value === null) return
      const { record } = input
      if (record.topic.name === topics.assignments.name) {
        takeAssignment(context, Assignment.decode(input.record.value), record)
        return
      }
      const read = EventRecord.decode(input.record.value).record
      if (read?.$case === 'event') takeEvent(context, read.value, record)
      else if (read?.$case === 'control') takeControl(context, read.value, record)
      else if (read?.$case === 'fill') takeFill(context, read.value)
      else if (read?.$case === 'refiled') {
        counts.controls++
        takeRefiled(context, changed, read.value, keptAggregates(context), record.timestampMs)
      }
    },
    endBatch(context) {
      dropping = dropSome(context, changed, dropping ?? isDroppingStill(context))
      changed.send(context, (identifierId, row) => whole(context, identifierId, row))
      expireSeen(context)
      observe(counts)
      counts = { folded: 0, skipped: {}, controls: 0 }
    },
  }
}
