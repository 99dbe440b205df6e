/** One delivery from the event log: the item, the change it was made of, and all that became of it. */
import { type ClickHouse } from '../clickHouse.ts'

export interface DeliveryStory {
  readonly id: string
  readonly destination: string
  readonly sync: string
  readonly profileId: string
  readonly version: string
  /** CloudEvents type of the change. */
  readonly type: string
  /** What was to be sent, as JSON text; empty when it must not be. */
  readonly body: string
  readonly createdMs: number
  /** Hash of the Sync document it was mapped under. */
  readonly mapping: string
  /** Why it must not be sent; empty when it may. */
  readonly filtered: string
  /** The public record of the change, as JSON text; empty when it is not in the log. */
  readonly change: string
  /** In order. */
  readonly outcomes: readonly StoredOutcome[]
}

export interface StoredOutcome {
  /** delivered, retry, dead, filtered, redriven, discarded */
  readonly kind: string
  readonly attempt: number
  readonly status: number
  readonly code: string
  readonly message: string
  readonly timeMs: number
}

type DeliveryRow = Omit<DeliveryStory, 'profileId' | 'createdMs' | 'change' | 'outcomes'> & {
  profile_id: string
  change_id: string
  created_ms: string
}

/** Undefined when the log has no such delivery: it is written about every second. */
export async function readDeliveryStory(
  clickhouse: ClickHouse,
  id: string,
): Promise<DeliveryStory | undefined> {
  const [row] = await clickhouse.query<DeliveryRow>(
    `SELECT id, destination, sync, profile_id, version, type, change_id, body, mapping, filtered,
      toUnixTimestamp64Milli(created) AS created_ms
    FROM ${clickhouse.table('deliveries')} WHERE id = {id:String} LIMIT 1`,
    { id },
  )
  if (!row) return undefined
  const outcomes = await clickhouse.query<Omit<StoredOutcome, 'timeMs'> & { ms: string }>(
    `SELECT kind, attempt, status, code, message, toUnixTimestamp64Milli(time) AS ms
    FROM ${clickhouse.table('delivery_outcomes')} WHERE delivery_id = {id:String} ORDER BY topic, partition, \`offset\``,
    { id },
  )
  const { profile_id: profileId, change_id: changeId, created_ms: createdMs, ...rest } = row
  return {
    ...rest,
    profileId,
    createdMs: Number(createdMs),
    change: await readChange(clickhouse, { profileId, changeId }),
    outcomes: outcomes.map(({ ms, ...outcome }) => ({ ...outcome, timeMs: Number(ms) })),
  }
}

/** Of the profile, or of the audience: a change id names its topic. */
async function readChange(
  clickhouse: ClickHouse,
  { profileId, changeId }: { readonly profileId: string; readonly changeId: string },
): Promise<string> {
  const table = changeId.includes('audience-changes') ? 'audience_changes' : 'profile_changes'
  const [row] = await clickhouse.query<{ value: string }>(
    `SELECT value FROM ${clickhouse.table(table)}
    WHERE profile_id = {profileId:String} AND ce_id = {changeId:String} LIMIT 1`,
    { profileId, changeId },
  )
  return row?.value ?? ''
}
