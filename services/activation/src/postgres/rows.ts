/** The row of a delivery: what a table holds of one profile. Pure. */
import type { Delivery } from '@tributary/contracts/generated/tributary/delivery/v1/delivery'
import { type Json, parseExact } from '@tributary/domain'

export interface Row {
  readonly profileId: string
  readonly version: string
  /** Column → value; undefined: the profile is no more in what the table shows, and none of its values stay. */
  readonly data: Readonly<Record<string, Json>> | undefined
  /** The profile it was merged into; null when it was not. */
  readonly mergedInto: string | null
}

/** A projection's record as a row. */
export function rowOf({ profileId, version, body }: Delivery): Row {
  if (body === '') return { profileId, version, data: undefined, mergedInto: null }
  const record = parseExact(body) as {
    readonly mergedInto?: string
    readonly data?: Readonly<Record<string, Json>>
  }
  return { profileId, version, data: record.data, mergedInto: record.mergedInto ?? null }
}
