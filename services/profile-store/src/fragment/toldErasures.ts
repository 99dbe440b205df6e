/**
 * A new layout epoch is told of all erasures before it is sent the events of the one before.
 *
 *  E1. What was folded until then came to this epoch itself, after the erasures: it is kept, under the new generation.
 *  E2. Once a copy was folded that cannot be said any more: such an erasure comes as any does, by its assignment.
 *  E3. The assignment of an erasure that was told is no erasure: its generation is known.
 */
import { profileIdOf, topics } from '@tributary/contracts'
import { type Control } from '@tributary/contracts/generated/tributary/job/v1/control'
import { type StepContext, type TableSpec } from '@tributary/stream-runtime'
import { jsonCodec } from '../codecs.ts'
import { type ChangedFragments } from './changedFragments.ts'
import { emptyRow, fragmentRows } from './fragmentRows.ts'

/** "copied" → one row when an event of an earlier epoch was read. */
export const copiedRows: TableSpec<true> = {
  name: 'copied',
  changeLog: topics.fragments,
  codec: jsonCodec<true>(),
}

/** An element of the definition of the control record, as JSON. */
export interface ToldErasure {
  /** Identifier id, of any partition. */
  readonly id: string
  readonly type: string
  /** How many erasures there were. */
  readonly generation: number
  /** What was received until then is forgotten, ms since 1970. */
  readonly untilMs: number
}

/** E2. */
export function noteCopy(context: StepContext): void {
  const copied = context.table(copiedRows)
  if (copied.get('copied') === undefined) copied.put('copied', true)
}

/** E1. */
export function takeErasures(context: StepContext, changed: ChangedFragments, { definition }: Control): void {
  if (context.table(copiedRows).get('copied')) return
  const rows = context.table(fragmentRows)
  for (const { id, type, generation, untilMs } of JSON.parse(definition) as ToldErasure[]) {
    const row = rows.get(id) ?? emptyRow
    if (generation <= row.generation) continue
    changed.remember(id, row)
    rows.put(id, {
      ...row,
      identifierType: type,
      generation,
      erasedUntilMs: untilMs,
      tag: row.tag === '' ? '' : profileIdOf(id, generation),
    })
  }
}
