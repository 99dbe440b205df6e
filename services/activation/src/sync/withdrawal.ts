/**
 * What a change says about deliveries of the same sync and profile that were made before it and still wait. Pure.
 *
 * | change                                                  | why they are not sent any more                            |
 * |---------------------------------------------------------|-----------------------------------------------------------|
 * | the person was erased                                   | ERASED                                                    |
 * | the consent to a purpose of the destination was taken back | NO_CONSENT                                             |
 * | the profile was merged into another                     | MERGED: what holds now is sent for the one it became      |
 * | identifiers came or went by a merge or a split          | RESTATED: this change has the values that hold now        |
 *
 * The last two are for syncs that map fields: each of their deliveries is the state, so an older one is worth nothing beside
 * a newer. A sync of whole change records sends every one, in order.
 */
import type { DestinationDocument, SyncDocument, WorkspaceConfiguration } from '@tributary/configuration'
import type { Change } from './change.ts'
import { endsConsent } from './projection.ts'

export const withdrawals = {
  ERASED: 'the person was erased',
  NO_CONSENT: 'the consent was taken back',
  MERGED: 'the profile was merged: what holds now is sent for the one it is part of',
  RESTATED: 'identifiers came or went: a newer delivery has what holds now',
} as const
export type Withdrawal = keyof typeof withdrawals

export function withdrawalOf(
  sync: SyncDocument,
  change: Change,
  destination: DestinationDocument | undefined,
  { workspace }: Pick<WorkspaceConfiguration, 'workspace'>,
  /** The change itself is sent: only then it can stand for what waits. */
  isSent: boolean,
): Withdrawal | undefined {
  if (sync.disabled === true) return undefined
  if (change.of === 'audience') {
    const isClosed = change.record.reason === 'merged'
    return isClosed && 'audience' in sync.from && sync.from.audience === change.record.audience
      ? 'MERGED'
      : undefined
  }
  const { op, mergedInto } = change.record
  if (op === 'd' && mergedInto === undefined) return 'ERASED'
  const whenUnknown = workspace.consent?.whenUnknown === 'allow'
  if (destination?.purposes?.some((purpose) => endsConsent(change, purpose, whenUnknown))) return 'NO_CONSENT'
  if (!('profile' in sync.from) || sync.fields === undefined) return undefined
  if (op === 'd') return 'MERGED'
  return isSent && changesIdentity(change) ? 'RESTATED' : undefined
}

/** By a merge, or by a split. */
export function changesIdentity(change: Change): boolean {
  return change.of === 'profile' && change.record.op !== 'd' && change.record.causedBy.reason === 'identity'
}
