import { topics } from '@tributary/contracts'
import { type Answered } from '@tributary/contracts/generated/tributary/job/v1/control'
import { PartRow, ProfileRow } from '@tributary/contracts/generated/tributary/profile/v1/state'
import { type TableSpec } from '@tributary/stream-runtime'
import { adoptionTables } from '../adoption.ts'
import { bytesCodec, jsonCodec, protoCodec } from '../codecs.ts'

const changeLog = topics.profileState

/** "<profile id>|<identifier id>" → the part. */
export const partRows: TableSpec<PartRow> = { name: 'parts', changeLog, codec: protoCodec(PartRow) }

/** Profile id → the profile as last published, and what is exact besides. */
export const profileRows: TableSpec<ProfileRow> = {
  name: 'profiles',
  changeLog,
  codec: protoCodec(ProfileRow),
}

export const profileAdoption = adoptionTables(changeLog)

export interface Counters {
  /** n of the last change published: each number once. */
  readonly changes: number
  /** Time of the last change, ms since 1970: never goes back. */
  readonly clockMs: number
  /** Profiles alive, and the events folded into them. */
  readonly profiles: number
  readonly events: number
  /** Events that had been folded and were erased since; absent: none. */
  readonly erasedEvents?: number
}

export const emptyCounters: Counters = { changes: 0, clockMs: 0, profiles: 0, events: 0 }

/** "counters" → one row. */
export const counterRows: TableSpec<Counters> = { name: 'counters', changeLog, codec: jsonCodec<Counters>() }

export const emptyRow: ProfileRow = {
  version: '',
  publicJson: '',
  events: 0,
  firstSeenMs: 0,
  lastSeenMs: 0,
  lead: '',
  mergedInto: '',
  audiences: {},
  dueMs: 0,
  judgedUnder: '',
  movedLeaves: [],
}

/** Profile id, or "<profile id>|<audience>" → the value of its public record, until the profile is compared with it. */
export const publishedRows: TableSpec<string> = {
  name: 'published',
  changeLog,
  codec: jsonCodec<string>(),
}

/** "changes" → n that was public when this layout epoch took over; none in the first, or before. */
export const takeOverRows: TableSpec<number> = { name: 'take-over', changeLog, codec: jsonCodec<number>() }

/** Which source wins, by the first key of the path, with the hash of its document. Live: no job adopts it. */
export type PreferRow = Readonly<
  Record<string, { readonly sources: readonly string[]; readonly hash: string }>
>

/** "prefer" → one row. */
export const preferRows: TableSpec<PreferRow> = { name: 'prefer', changeLog, codec: jsonCodec<PreferRow>() }

export interface Sweep {
  /** Every profile up to here has been judged anew; '' at the beginning. */
  readonly after: string
  /** What to tell the job task when all have been. */
  readonly answers: readonly Answered[]
}

/** "clock" → the moment windows were last judged at, ms since 1970: never goes back. */
export const clockRows: TableSpec<number> = { name: 'clock', changeLog, codec: jsonCodec<number>() }

/** "<time due, 15 digits>|<profile id>" → nothing: what a tick has to look at, the earliest first. */
export const dueRows: TableSpec<Uint8Array> = { name: 'due', changeLog, codec: bytesCodec }

/** "<audience>|<profile id>" → since when it is a member, ms since 1970: for those who ask by audience. */
export const memberRows: TableSpec<number> = { name: 'members', changeLog, codec: jsonCodec<number>() }

/** Audience → how many rows memberRows has of it. */
export const memberCountRows: TableSpec<number> = {
  name: 'member-count',
  changeLog,
  codec: jsonCodec<number>(),
}

/** "sweep" → one row while profiles are judged anew after a definition changed. */
export const sweepRows: TableSpec<Sweep> = { name: 'sweep', changeLog, codec: jsonCodec<Sweep>() }
