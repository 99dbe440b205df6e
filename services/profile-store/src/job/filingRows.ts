import { topics } from '@tributary/contracts'
import { type TableSpec } from '@tributary/stream-runtime'
import { jsonCodec } from '../codecs.ts'

const changeLog = topics.jobState

/** An identifier that was blocked once, by the rules or by a fact. */
export interface AnchorRow {
  readonly type: string
  readonly byRules: boolean
  readonly byFact: boolean
  /** As its events are filed now. */
  readonly filed: 'open' | 'blocked'
  /** Of its last filing; 0: none yet. */
  readonly number: number
  /** Its events below this offset are those of the last filing; later ones that were skipped follow. */
  readonly below: number
  /** It was erased: what was received until then is not filed, ms since 1970; -1: never. */
  readonly erasedUntilMs: number
  /** Events that were filed since; 0: nothing depends on them. */
  readonly events: number
  /** To be filed again though nothing was said of it: another one that its events carry changed, or a new trait counts. */
  readonly again: boolean
}

/** Identifier id → what was said of it. */
export const anchorRows: TableSpec<AnchorRow> = {
  name: 'anchors',
  changeLog,
  codec: jsonCodec<AnchorRow>(),
}

export interface RunningFiling {
  /** Ascending, of this installation. */
  readonly number: number
  readonly phase: 'relate' | 'drop' | 'file'
  /** Identifier ids, sorted. */
  readonly anchors: readonly string[]
  /** Partition → what it answered. */
  readonly answers: Readonly<Record<number, { readonly offset: number; readonly skipped: number }>>
  /** Partition → the last event that was filed; only of partitions with anchors of this filing. */
  readonly reached: Readonly<
    Record<number, { readonly anchor: string; readonly offset: number; readonly done: boolean }>
  >
}

/** "running" → one row while anchors are being filed. */
export const filingRows: TableSpec<RunningFiling> = {
  name: 'filing',
  changeLog,
  codec: jsonCodec<RunningFiling>(),
}

/** "number" → of the last filing. */
export const filingNumberRows: TableSpec<number> = {
  name: 'filing-number',
  changeLog,
  codec: jsonCodec<number>(),
}

/** Partition → offset, in the skipped topic, of the last that was skipped as blocked and has been filed. */
export const followedRows: TableSpec<number> = { name: 'followed', changeLog, codec: jsonCodec<number>() }
