import {
  type IdentityChangeRecord,
  changeTypes,
  cloudEventHeaders,
  cloudEventId,
  encodeMessage,
  topics,
  traceHeaders,
  versionOf,
} from '@tributary/contracts'
import type { Move } from '@tributary/contracts/generated/tributary/identity/v1/evidence'
import { Assignment, ChangeKind } from '@tributary/contracts/generated/tributary/identity/v1/assignment'
import {
  type AssignmentChange,
  type AssignmentKind,
  type Resolution,
  profileText,
  sameProfile,
} from '@tributary/domain'
import type { StepContext } from '@tributary/stream-runtime'
import { identityRows } from './identityTables.ts'

/** At most 500 moves in one record of identity-changes: some 80 KiB, far from what a broker or a reader minds. */
const MAX_MOVES = 500
/** The same for identifiers found to be shared, some 40 KiB: a change of the rules may find thousands at once. */
const MAX_SHARED = 500

export type Cause = IdentityChangeRecord['cause']

/** What brought a resolution about, when, and in which traces. */
export interface Occasion {
  readonly cause: Cause
  readonly timeMs: number
  readonly traces: readonly string[]
}

type Headers = ReturnType<typeof traceHeaders>

const kinds = {
  merge: ChangeKind.CHANGE_KIND_MERGE,
  split: ChangeKind.CHANGE_KIND_SPLIT,
  rename: ChangeKind.CHANGE_KIND_RENAME,
  erase: ChangeKind.CHANGE_KIND_ERASE,
} as const satisfies Record<AssignmentKind, ChangeKind>

/**
 * Sends what a resolution changed: one assignment per identifier, and the public identity change in chunks. All carry
 * one change id, which is the number of the first identity change: ascending, and the same when computed again. What has
 * been found to be shared is told also when that moves nobody: it is an alert.
 */
export function publishResolution(
  context: StepContext,
  resolution: Resolution,
  { cause, timeMs, traces }: Occasion,
): void {
  const headers = traceHeaders(traces)
  const changeId = versionOf(context.epoch, context.nextSeq(topics.identityChanges, 0))
  for (const each of resolution.assignments) sendAssignment(context, each, { changeId, cause, headers })

  const moved = [...chunksOf(resolution.assignments)]
  const shared = [...slicesOf(resolution.becameShared, MAX_SHARED)]
  const chunks = Math.max(moved.length, shared.length)
  for (let chunk = 0; chunk < chunks; chunk++) {
    const { kind, moves } = moved[chunk] ?? { kind: 'split', moves: [] }
    const found = shared[chunk]
    const time = new Date(timeMs).toISOString()
    const record = { changeId, kind, chunk, chunks, time, moves, cause }
    sendIdentityChange(context, { ...record, ...(found && { shared: [...found] }) }, headers)
  }
}

/**
 * Tells of moves that were made in silence, those that are still so: a layout epoch that was built under other rules has
 * taken over. `still`: the profile an identifier belongs to now.
 */
export function publishMoves(
  context: StepContext,
  moves: readonly Move[],
  still: (identifierId: string) => string,
  cause: Cause,
  timeMs: number,
): void {
  const kept = moves.filter(({ identifierId, to }) => still(identifierId) === to)
  // Who has its own profile left one; the others have joined somebody.
  const isOwn = ({ identifierId, to }: Move): boolean => to.startsWith(`${identifierId}-`)
  const chunks = [
    ...[...slicesOf(kept.filter(isOwn), MAX_MOVES)].map((slice) => ({ kind: 'split' as const, slice })),
    ...[
      ...slicesOf(
        kept.filter((each) => !isOwn(each)),
        MAX_MOVES,
      ),
    ].map((slice) => ({
      kind: 'merge' as const,
      slice,
    })),
  ]
  const changeId = versionOf(context.epoch, context.nextSeq(topics.identityChanges, 0))
  const time = new Date(timeMs).toISOString()
  for (const [chunk, { kind, slice }] of chunks.entries()) {
    const told = slice.map(({ identifierId, type, from, to }) => ({ identifierId, type, from, to }))
    const record = { changeId, kind, chunk, chunks: chunks.length, time, moves: told, cause }
    sendIdentityChange(context, record, undefined)
  }
}

function sendAssignment(
  context: StepContext,
  change: AssignmentChange,
  { changeId, cause, headers }: { changeId: string; cause: Cause; headers: Headers },
): void {
  const until = identityRows(context).identifiers.get(change.identifierId)?.erasedUntilMs ?? -1
  const value = encodeMessage(Assignment, {
    identifierId: change.identifierId,
    type: change.type,
    profileId: profileText(change.into),
    generation: change.generation,
    change: {
      id: changeId,
      kind: kinds[change.kind],
      from: profileText(change.from),
      into: profileText(change.into),
      cause: cause.evidenceId,
    },
    ...(until >= 0 && { erasedUntilMs: until }),
    stamp: undefined,
  })
  context.send({ topic: topics.assignments, key: change.identifierId, value, ...(headers && { headers }) })
}

function sendIdentityChange(context: StepContext, record: IdentityChangeRecord, headers: Headers): void {
  const topic = topics.identityChanges
  const seq = context.nextSeq(topic, 0)
  context.send({
    topic,
    partition: 0,
    key: null,
    value: Buffer.from(JSON.stringify(record)),
    headers: {
      ...cloudEventHeaders({
        id: cloudEventId(context.epoch, topic.name, 0, seq),
        type: changeTypes.identityChanged,
        source: '/tributary/identity-stitcher',
        subject: record.changeId,
        time: record.time,
      }),
      ...headers,
    },
  })
}

/** The moves by kind, at most MAX_MOVES in each. Who only gave its name to a profile has not moved. */
function* chunksOf(
  assignments: readonly AssignmentChange[],
): Iterable<Pick<IdentityChangeRecord, 'kind' | 'moves'>> {
  for (const kind of ['merge', 'split', 'rename', 'erase'] as const) {
    const moved = assignments.filter((each) => each.kind === kind && !sameProfile(each.from, each.into))
    for (const slice of slicesOf(moved, MAX_MOVES))
      yield {
        kind,
        moves: slice.map((each) => ({
          identifierId: each.identifierId,
          type: each.type,
          from: profileText(each.from),
          to: profileText(each.into),
        })),
      }
  }
}

function* slicesOf<T>(all: readonly T[], size: number): Iterable<readonly T[]> {
  for (let from = 0; from < all.length; from += size) yield all.slice(from, from + size)
}
