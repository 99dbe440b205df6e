/**
 * Everything the log has of each profile, profile by profile: what a fold of it begins with.
 *
 *  W1. Sorted by profile, so whoever reads needs the memory of one person only; the log sorts on its own disk.
 *  W2. A profile has the events that are attributed to it now, the identifiers that belong to it, and whether it is public.
 *  W3. A share of all profiles is the same share of each of the three.
 */
import { parseOrNothing } from '@tributary/domain'
import type { EventType, FoldableEvent } from '@tributary/domain'
import type { ClickHouse } from '../clickHouse.ts'

export type PersonRow =
  | {
      readonly profileId: string
      readonly kind: 'event'
      /** Identifier id it is filed under. */
      readonly filedUnder: string
      readonly event: FoldableEvent
    }
  | { readonly profileId: string; readonly kind: 'identifier'; readonly identifierId: string }
  /** It has a public record that is neither merged nor erased. */
  | { readonly profileId: string; readonly kind: 'public' }

/** Of all profiles, by a hash of their ids: number `part` of so many equal parts; or some of them by id. */
export type PeopleAsked =
  | { readonly part: number; readonly parts: number }
  | { readonly ids: readonly string[] }

export interface People {
  /** Profiles that were ever public. */
  count(): Promise<number>
  /** Events that the workspace keeps no longer: profiles have them, and the log has not. */
  expired(): Promise<number>
  read(asked: PeopleAsked): AsyncIterable<readonly PersonRow[]>
}

interface Row {
  profile_id: string
  kind: number
  filed_under: string
  source: string
  type: string
  name: string
  message_id: string
  ms: string
  types: string[]
  ids: string[]
  identifier_texts: string[]
  body: string
}

export function createPeople(clickhouse: ClickHouse): People {
  const table = (name: string): string => clickhouse.table(name)
  return {
    async count() {
      const [row] = await clickhouse.query<{ profiles: string }>(
        `SELECT uniq(profile_id) AS profiles FROM ${table('profile_changes')}`,
      )
      return Number(row?.profiles ?? 0)
    },
    async expired() {
      const [row] = await clickhouse.query<{ events: string }>(
        `SELECT sum(events) AS events FROM ${table('removals')}
        WHERE table_name = 'events' AND reason = 'expired' AND step = 'declared'
          AND id NOT IN (SELECT id FROM ${table('removals')} WHERE step = 'withdrawn')`,
      )
      return Number(row?.events ?? 0)
    },
    async *read(asked) {
      const { part, parts, ids } = 'ids' in asked ? { part: 0, parts: 1, ...asked } : { ...asked, ids: [] }
      const wanted = `profile_id != '' AND cityHash64(profile_id) % {parts:UInt64} = {part:UInt64}
        AND ({all:Bool} OR has({ids:Array(String)}, profile_id))`
      const nothing = `'' AS source, '' AS type, '' AS name, '' AS message_id, 0 AS ms,
        CAST([], 'Array(String)') AS types, CAST([], 'Array(String)') AS ids,
        CAST([], 'Array(String)') AS identifier_texts, '' AS body`
      const rows = clickhouse.stream<Row>(
        `SELECT * FROM (
          SELECT profile_id, 2 AS kind, filed_under, toString(source) AS source, toString(type) AS type,
            toString(name) AS name, message_id, toUnixTimestamp64Milli(time) AS ms,
            CAST(identifier_types, 'Array(String)') AS types, identifier_ids AS ids,
            identifier_values AS identifier_texts, base64Encode(if(payload = '', raw, payload)) AS body
          FROM ${table('attributed_events')} WHERE ${wanted}
          UNION ALL
          SELECT profile_id, 1 AS kind, identifier_id AS filed_under, ${nothing}
          FROM ${table('identifier_profiles')} WHERE ${wanted}
          UNION ALL
          SELECT profile_id, 0 AS kind, '' AS filed_under, ${nothing}
          FROM ${table('profile_changes')} WHERE ${wanted}
          GROUP BY profile_id HAVING argMax(op, version) != 'd'
        )
        ORDER BY profile_id, kind`,
        { part, parts, ids: [...ids], all: !('ids' in asked) },
      )
      for await (const lot of rows) yield lot.map(rowOf)
    },
  }
}

function rowOf(row: Row): PersonRow {
  const { profile_id: profileId, filed_under: filedUnder } = row
  if (row.kind === 0) return { profileId, kind: 'public' }
  if (row.kind === 1) return { profileId, kind: 'identifier', identifierId: filedUnder }
  // What stands before the one it is filed under is blocked.
  const from = Math.max(row.ids.indexOf(filedUnder), 0)
  return {
    profileId,
    kind: 'event',
    filedUnder,
    event: {
      messageId: row.message_id,
      sourceId: row.source,
      type: row.type as EventType,
      name: row.name,
      timeMs: Number(row.ms),
      identifiers: row.ids.slice(from).map((id, i) => ({
        id,
        type: row.types[from + i] ?? '',
        value: row.identifier_texts[from + i] ?? '',
      })),
      payload: parseOrNothing(Buffer.from(row.body, 'base64').toString()),
    },
  }
}
