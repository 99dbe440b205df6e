/** One change on its way to one destination. Pure: the same change under the same mapping is the same delivery. */
import { createHash } from 'node:crypto'
import {
  type DestinationDocument,
  type SyncDocument,
  type WorkspaceConfiguration,
  holdsState,
} from '@tributary/configuration'
import type { Delivery } from '@tributary/contracts/generated/tributary/delivery/v1/delivery'
import type { Change } from './change.ts'
import { missingConsent } from './consent.ts'
import { mapFields } from './mapFields.ts'
import type { ProfileView } from './profileView.ts'
import { endsConsent, projectionOf } from './projection.ts'
import { withdrawalOf, withdrawals } from './withdrawal.ts'

/** No id of a profile begins with an underscore. */
const FILE_LANE = '_files'

/** 128 bits, hex: the idempotency key = hash(destination, change id, mapping). */
function deliveryId(destination: string, changeId: string, mapping: string): string {
  return createHash('sha256').update(`${destination}\0${changeId}\0${mapping}`).digest('hex').slice(0, 32)
}

export function deliveryOf(
  sync: SyncDocument,
  change: Change,
  view: ProfileView | undefined,
  workspace: WorkspaceConfiguration,
  {
    createdTimeMs,
    isWanted,
  }: {
    readonly createdTimeMs: number
    /** Otherwise it only says that earlier ones are not to be sent any more. */
    readonly isWanted: boolean
  },
): Delivery {
  const mapping = workspace.hashOf(`sync/${sync.id}`) ?? ''
  const destination = workspace.destinations.get(sync.to)
  const purpose = destination && missingConsent(destination, workspace.workspace, view)
  const { record } = change
  const withdrawal = withdrawalOf(sync, change, destination, workspace, isWanted)
  const { body, isSent } = isWanted
    ? contentOf(sync, change, view, { workspace, destination, purpose })
    : { body: '', isSent: false }
  const why = isWanted || !withdrawal ? `no consent to ${purpose}` : withdrawals[withdrawal]
  return {
    id: deliveryId(sync.to, change.id, mapping),
    destinationId: sync.to,
    syncId: sync.id,
    profileId: record.profileId,
    version: record.version,
    type: change.type,
    changeId: change.id,
    body,
    createdTimeMs,
    mapping,
    traceparent: change.traces?.[0] ?? '',
    receivedTimeMs: change.receivedTimeMs ?? 0,
    // Files hold every change, in the order of their partition.
    lane: destination?.s3 === undefined ? '' : FILE_LANE,
    withdraws: withdrawal ?? '',
    filtered: isSent ? '' : why,
  }
}

interface Circumstances {
  readonly workspace: WorkspaceConfiguration
  readonly destination: DestinationDocument | undefined
  /** That is not consented to. */
  readonly purpose: string | undefined
}

/** What must not be sent is not kept either. */
function contentOf(
  sync: SyncDocument,
  change: Change,
  view: ProfileView | undefined,
  { workspace, destination, purpose }: Circumstances,
): { readonly body: string; readonly isSent: boolean } {
  if (!destination || !holdsState(destination))
    return purpose === undefined
      ? { body: bodyOf(sync, change, view), isSent: true }
      : { body: '', isSent: false }
  // The end of a profile has no values, and whoever was told about it has to hear of it.
  const isEnd = change.of === 'profile' && change.record.op === 'd'
  if (purpose === undefined || isEnd) return { body: projectionOf(sync, change, view), isSent: true }
  const whenUnknown = workspace.workspace.consent?.whenUnknown === 'allow'
  return { body: '', isSent: endsConsent(change, purpose, whenUnknown) }
}

/** The shape Standard Webhooks recommends. */
function bodyOf(sync: SyncDocument, change: Change, view: ProfileView | undefined): string {
  const type = JSON.stringify(change.type)
  const timestamp = JSON.stringify(change.record.time)
  return `{"type":${type},"timestamp":${timestamp},"data":${mapFields(sync, change, view)}}`
}
