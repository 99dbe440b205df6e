/**
 * What a sync keeps in a Kafka topic for one subscriber, or in a table: per profile the newest record, of the chosen fields
 * and nothing else. Pure.
 *
 * | change                                                        | record                               |
 * |---------------------------------------------------------------|--------------------------------------|
 * | of a profile that lives; entered the audience                 | `{profileId, version, data}`         |
 * | merged                                                        | `{profileId, version, mergedInto}`   |
 * | erased; left the audience; no longer consents to the purposes | null                                 |
 */
import type { DestinationDocument, SyncDocument } from '@tributary/configuration'
import type { Change } from './change.ts'
import { mapFields } from './mapFields.ts'
import { type ProfileView, readView } from './profileView.ts'

/** The value as JSON text; empty stands for null. */
export function projectionOf(sync: SyncDocument, change: Change, view: ProfileView | undefined): string {
  const { record } = change
  const head = `{"profileId":${JSON.stringify(record.profileId)},"version":${JSON.stringify(record.version)}`
  if (change.of === 'audience' && change.record.change !== 'entered') return ''
  if (change.of === 'profile' && change.record.op === 'd')
    return change.record.mergedInto === undefined
      ? ''
      : `${head},"mergedInto":${JSON.stringify(change.record.mergedInto)}}`
  return `${head},"data":${mapFields(sync, change, view)}}`
}

/**
 * Whether a topic or table is about a change: also about the end of a profile that is in it, and about a consent to its purposes
 * that is given or taken back, whatever else the sync asks for.
 */
export function concernsProjection(
  sync: SyncDocument,
  destination: DestinationDocument,
  change: Change,
  view: ProfileView | undefined,
): boolean {
  if (sync.disabled === true || change.of !== 'profile') return false
  const { op, changed } = change.record
  const consents = destination.purposes?.some((purpose) => changed.includes(`consent.${purpose}`)) === true
  if (op !== 'd' && !consents) return false
  if (!('audience' in sync.from)) return true
  return view !== undefined && readView(view, `audiences.${sync.from.audience}`) !== null
}

/** Whether the change is the one by which a consent that was there is no more: what was sent under it has to go. */
export function endsConsent(change: Change, purpose: string, whenUnknown: boolean): boolean {
  if (change.of !== 'profile') return false
  const path = `consent.${purpose}`
  const { changed, before } = change.record
  return changed.includes(path) && (before[path] ?? whenUnknown) === true
}
