import { type Change, ChangeKind } from '@tributary/contracts/generated/tributary/identity/v1/assignment'
import { type Cause, type Part } from '@tributary/contracts/generated/tributary/profile/v1/part'
import { type Touched, type TouchedPart, nothingTouched, touchPart } from '@tributary/domain'

/** As many as a part names: a change of many parts must not name thousands. */
const MAX_CAUSES = 20

/** What one batch did to one profile. */
export interface ChangedProfile {
  readonly causes: Cause[]
  /** Of the parts that changed it, as many as a record names. */
  readonly traces: string[]
  /** What its audiences may see otherwise than before. */
  readonly touched: Touched
  /** The identity change, the last when there were several. */
  change: Change | undefined
  /** Other profiles that parts came from by a merge or a new name. */
  readonly mergedFrom: Set<string>
  /** Profile that parts came from by a split. */
  splitFrom: string | undefined
  /** Where the naming identifier went: '' = it is here; undefined = nothing was said. */
  lead: string | undefined
  /** Where the part that left last went. */
  lastLeftTo: string | undefined
  erased: boolean
}

export function unchangedProfile(): ChangedProfile {
  return {
    causes: [],
    traces: [],
    touched: nothingTouched(),
    change: undefined,
    mergedFrom: new Set(),
    splitFrom: undefined,
    lead: undefined,
    lastLeftTo: undefined,
    erased: false,
  }
}

/**
 * Adds what a part says. `before`: what was there of its identifier; `naming`: whether that is the one that the profile
 * is named after.
 */
export function addPart(
  changed: ChangedProfile,
  part: Part,
  before: TouchedPart | undefined,
  naming: boolean,
): void {
  const { action, change, causes, profileId, identifierType } = part
  if (action?.$case === 'put')
    touchPart(changed.touched, before, { identifierType, fragment: action.value.fragment })
  else if (action?.$case === 'removed') touchPart(changed.touched, before, undefined)
  for (const cause of causes) if (changed.causes.length < MAX_CAUSES) changed.causes.push(cause)
  if (change) changed.change = change
  switch (action?.$case) {
    case 'put':
      if (naming) changed.lead = ''
      if (!change || change.from === '' || change.from === profileId) break
      if (change.kind === ChangeKind.CHANGE_KIND_SPLIT) changed.splitFrom = change.from
      // Only a fragment can have made another profile public.
      else if (action.value.fragment) changed.mergedFrom.add(change.from)
      break
    case 'removed':
      changed.lastLeftTo = action.value.to
      changed.erased ||= action.value.erased
      if (naming) changed.lead = action.value.to
      break
    case 'moved':
      changed.lead = action.value.to
      break
    case undefined:
      break
  }
}
