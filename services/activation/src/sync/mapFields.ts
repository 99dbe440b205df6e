/**
 * What a sync sends: the whole change record, or the fields of its mapping. Pure.
 *
 * Values are sent as they were written: numbers beyond what JavaScript holds come out as they went in.
 * A field whose path leads nowhere is null, never left out: the shape of a call does not depend on the person.
 */
import type { FieldValue, SyncDocument } from '@tributary/configuration'
import type { Json } from '@tributary/contracts'
import { setOwn } from '@tributary/domain'
import type { Change } from './change.ts'
import { evaluateField } from './evaluateField.ts'
import { type ProfileView, readView } from './profileView.ts'

/** JSON text of the item's data. */
export function mapFields(sync: SyncDocument, change: Change, view: ProfileView | undefined): string {
  if (sync.fields === undefined) return change.text
  const out: { [field: string]: Json } = {}
  for (const [field, source] of Object.entries(sync.fields)) {
    setOwn(out, field, valueOf(source, change, view))
  }
  return JSON.stringify(out)
}

function valueOf(source: FieldValue, change: Change, view: ProfileView | undefined): Json {
  if (typeof source === 'string') return readItem(source, change, view)
  return 'cel' in source ? evaluateField(source.cel, change, view) : (source.const as Json)
}

/** Paths of the item: those of the change itself, then those of the profile. */
function readItem(path: string, change: Change, view: ProfileView | undefined): Json {
  const { record } = change
  switch (path) {
    case 'profileId':
      return record.profileId
    case 'version':
      return record.version
    case 'time':
      return record.time
    case 'change':
      return change.of === 'audience' ? change.record.change : change.record.op
    case 'audience':
      return change.of === 'audience' ? change.record.audience : null
    case 'mergedInto':
      return change.of === 'profile' ? (change.record.mergedInto ?? null) : null
    default:
  }
  if (!view) return null
  const type = /^identifiers\.(.+)$/.exec(path)?.[1]
  if (type !== undefined) return view.identifiers.find((one) => one.type === type)?.value ?? null
  return readView(view, path)
}
