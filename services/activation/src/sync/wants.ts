/** Which changes a sync is about. Pure. */
import type { SyncDocument } from '@tributary/configuration'
import type { Change } from './change.ts'
import { changesIdentity } from './withdrawal.ts'

export function wants(sync: SyncDocument, change: Change): boolean {
  if (sync.disabled === true) return false
  if (isEcho(sync, change)) return false
  if ('audience' in sync.from) {
    if (change.of !== 'audience' || change.record.audience !== sync.from.audience) return false
    // The people of a losing profile live on in the winning one: they have not left anything.
    if (change.record.change === 'merged' || change.record.reason === 'merged') return false
    // Members from the moment an audience was made or widened were members already: `existing` decides.
    if (
      change.record.change === 'entered' &&
      change.record.reason === 'definition' &&
      sync.existing !== 'send'
    )
      return false
    if (change.record.change === 'corrected') return sync.on === undefined
    return sync.on === undefined || sync.on.includes(change.record.change)
  }
  if (change.of !== 'profile') return false
  const wanted = sync.from.profile.paths
  // The end of a profile concerns everybody who was ever told about it.
  if (wanted === undefined || change.record.op === 'd') return true
  // Whatever a merge or a split changes of what is sent: the values now belong to somebody else.
  if (changesIdentity(change) && changesFields(sync, change.record.changed)) return true
  return change.record.changed.some((path) => wanted.some((start) => covers(start, path)))
}

/** Caused by nothing but the sources to be ignored: the echo of what the destination wrote itself. */
function isEcho(sync: SyncDocument, change: Change): boolean {
  const ignored = sync.ignoreChangesFrom ?? []
  const { sources } = change.record.causedBy
  return sources.length > 0 && sources.every((source) => ignored.includes(source))
}

/** An expression may read anything. */
function changesFields({ fields }: SyncDocument, changed: readonly string[]): boolean {
  return Object.values(fields ?? {}).some((value) =>
    typeof value === 'string' ? changed.some((path) => covers(value, path)) : 'cel' in value,
  )
}

/** "traits" covers "traits.plan"; "traits.plan" does not cover "traits.planned". */
function covers(start: string, path: string): boolean {
  return path === start || path.startsWith(`${start}.`) || start.startsWith(`${path}.`)
}
