/**
 * All that the event log has of one message id: every time it was received, under whatever source and anchor, and what came
 * of it. Each step is looked up by what the one before it named.
 *
 *  T1. Nothing is taken for the same that the log does not call the same: rows are told by place, and none is left out but
 *      by the limit, which is said.
 *  T2. What follows an event was appended after it; that bounds what is looked through.
 */
import { REDRIVE_ORIGIN } from '@tributary/contracts'
import { type ClickHouse } from '../clickHouse.ts'
import { CLOCK_SLACK_MS } from './clockSlack.ts'

/** Where a record stands: catalogue name of its topic, partition, offset. */
export interface TracedPlace {
  readonly topic: string
  readonly partition: number
  readonly offset: number
  /** Time of the Kafka record, ms since 1970. */
  readonly appendedMs: number
}

export interface TracedReject extends TracedPlace {
  readonly source: string
  readonly code: string
  readonly message: string
  readonly origin: string
  readonly receivedMs: number
}

export interface TracedEvent extends TracedPlace {
  readonly source: string
  /** track, identify, page, screen, group, alias */
  readonly type: string
  readonly name: string
  readonly anchor: string
  readonly epoch: number
  /** Strongest first: the first is the anchor. */
  readonly identifiers: readonly { readonly type: string; readonly id: string; readonly value: string }[]
  readonly origin: string
  readonly timeMs: number
  readonly originalMs: number | undefined
  readonly sentMs: number | undefined
  readonly receivedMs: number
  readonly flags: readonly string[]
  readonly skipped: (TracedPlace & { readonly reason: string }) | undefined
  /** The piece of evidence that says what this event says, whichever message brought it. */
  readonly evidence: TracedEvidence | undefined
}

export interface TracedEvidence extends TracedPlace {
  readonly id: string
  readonly class: string
  readonly memberTypes: readonly string[]
  readonly source: string
  readonly messageId: string
}

export interface TracedIdentityChange extends TracedPlace {
  /** merge, split, rename, erase */
  readonly kind: string
  readonly from: readonly string[]
  readonly to: readonly string[]
}

export interface TracedProfileChange extends TracedPlace {
  readonly id: string
  readonly profileId: string
  readonly version: string
  readonly type: string
  readonly changed: readonly string[]
}

export interface TracedAudienceChange extends TracedPlace {
  readonly id: string
  readonly profileId: string
  readonly audience: string
  /** entered, left, corrected */
  readonly change: string
}

export interface TracedDelivery extends TracedPlace {
  readonly id: string
  readonly destination: string
  readonly sync: string
  readonly profileId: string
  /** Why it must not be sent; empty when it may. */
  readonly filtered: string
  /** The last that is known to have become of it. */
  readonly outcome:
    | (TracedPlace & { readonly kind: string; readonly attempt: number; readonly code: string })
    | undefined
}

export interface MessageTrace {
  readonly messageId: string
  readonly rejects: readonly TracedReject[]
  readonly events: readonly TracedEvent[]
  readonly identityChanges: readonly TracedIdentityChange[]
  readonly profileChanges: readonly TracedProfileChange[]
  readonly audienceChanges: readonly TracedAudienceChange[]
  readonly deliveries: readonly TracedDelivery[]
  /** Steps of which there is more than is shown. */
  readonly cut: readonly string[]
  /** When the log was last given an event or a reject, ms since 1970; undefined when it is empty. */
  readonly writtenMs: number | undefined
}

/** Rows of each step that are shown: a message id that is the same for everything would be the whole log. */
export const MAX_TRACED = 100

type Raw = { readonly [column: string]: string | number | null | readonly string[] }

export async function readMessageTrace(
  clickhouse: ClickHouse,
  messageId: string,
  options: { readonly source?: string | undefined } = {},
): Promise<MessageTrace> {
  const cut: string[] = []
  const source = options.source ?? ''
  const ask = async (step: string, sql: string, params: Readonly<Record<string, unknown>>) => {
    const rows = await clickhouse.query<Raw>(`${sql} LIMIT ${MAX_TRACED + 1}`, params)
    if (rows.length > MAX_TRACED) cut.push(step)
    return rows.slice(0, MAX_TRACED)
  }
  const from = (table: string, columns: string) =>
    `SELECT topic, partition, \`offset\` AS at, toUnixTimestamp64Milli(appended) AS appended_ms, ${columns}
    FROM ${clickhouse.table(table)}`
  const events = await ask(
    'events',
    `${from(
      'events',
      `source, type, name, anchor, epoch, identifier_types, identifier_ids, identifier_values, previous_id, origin, time_flags,
      toUnixTimestamp64Milli(time) AS time_ms, toUnixTimestamp64Milli(original_time) AS original_ms,
      toUnixTimestamp64Milli(sent_time) AS sent_ms, toUnixTimestamp64Milli(received) AS received_ms`,
    )} WHERE record = 'event' AND message_id = {id:String} AND ({source:String} = '' OR source = {source:String})
    ORDER BY appended_ms, partition, at`,
    { id: messageId, source },
  )
  const origins = events.map((row) => text(row['origin'])).filter((each) => each.startsWith(REDRIVE_ORIGIN))
  const rejects = await ask(
    'rejects',
    `${from('rejected', 'source, code, message, origin, toUnixTimestamp64Milli(received) AS received_ms')}
    WHERE chunk = 0 AND (message_id = {id:String} OR has({origins:Array(String)}, origin))
      AND ({source:String} = '' OR source = {source:String}) ORDER BY appended_ms, partition, at`,
    { id: messageId, source, origins: origins.map((each) => each.slice(REDRIVE_ORIGIN.length)) },
  )
  const since = Math.max(0, Math.min(...events.map((row) => Number(row['appended_ms']))) - CLOCK_SLACK_MS)
  // T2. Without an event nothing follows.
  const follow = (step: string, sql: string, params: Readonly<Record<string, unknown>> = {}) =>
    events.length === 0 ? [] : ask(step, sql, { id: messageId, source, since, ...params })
  const after = `appended >= fromUnixTimestamp64Milli({since:Int64})`
  const [skips, identityChanges, profileChanges, audienceChanges] = await Promise.all([
    follow(
      'skipped',
      `${from('skipped', 'event_partition, event_offset, reason')} WHERE ${after} AND message_id = {id:String}`,
    ),
    follow(
      'identity changes',
      `${from('identity_changes', 'kind, move_from, move_to')} WHERE ${after} AND message_id = {id:String}
        AND ({source:String} = '' OR source = {source:String}) ORDER BY appended_ms, partition, at`,
    ),
    follow(
      'profile changes',
      `${from('profile_changes', 'ce_id, ce_type, profile_id, version, changed')}
      WHERE ${after} AND has(message_ids, {id:String}) AND ({source:String} = '' OR has(sources, {source:String}))
      ORDER BY appended_ms, partition, at`,
    ),
    follow(
      'audience changes',
      `${from('audience_changes', 'ce_id, profile_id, audience, change')}
      WHERE ${after} AND has(message_ids, {id:String}) AND ({source:String} = '' OR has(sources, {source:String}))
      ORDER BY appended_ms, partition, at`,
    ),
  ])
  const changeIds = [...profileChanges, ...audienceChanges].map((row) => text(row['ce_id']))
  const deliveries =
    changeIds.length === 0
      ? []
      : await follow(
          'deliveries',
          `${from('deliveries', 'id, destination, sync, profile_id, filtered')}
          WHERE ${after} AND has({changes:Array(String)}, change_id) ORDER BY appended_ms, partition, at`,
          { changes: changeIds },
        )
  const outcomes = await lastOutcomes(
    clickhouse,
    deliveries.map((row) => text(row['id'])),
  )
  const evidence = await Promise.all(events.map((event) => evidenceOf(clickhouse, messageId, event)))
  const [written] = await clickhouse.query<{ ms: string }>(
    `SELECT max(ms) AS ms FROM (
      SELECT toUnixTimestamp64Milli(max(stored)) AS ms FROM ${clickhouse.table('events')}
      UNION ALL SELECT toUnixTimestamp64Milli(max(stored)) AS ms FROM ${clickhouse.table('rejected')})`,
  )
  return {
    messageId,
    rejects: rejects.map((row) => ({
      ...placeOf(row),
      source: text(row['source']),
      code: text(row['code']),
      message: text(row['message']),
      origin: text(row['origin']),
      receivedMs: Number(row['received_ms']),
    })),
    events: events.map((row, i) => eventOf(row, skips, evidence[i])),
    identityChanges: identityChanges.map((row) => ({
      ...placeOf(row),
      kind: text(row['kind']),
      from: unique(texts(row['move_from'])),
      to: unique(texts(row['move_to'])),
    })),
    profileChanges: profileChanges.map((row) => ({
      ...placeOf(row),
      id: text(row['ce_id']),
      profileId: text(row['profile_id']),
      version: text(row['version']),
      type: text(row['ce_type']),
      changed: texts(row['changed']),
    })),
    audienceChanges: audienceChanges.map((row) => ({
      ...placeOf(row),
      id: text(row['ce_id']),
      profileId: text(row['profile_id']),
      audience: text(row['audience']),
      change: text(row['change']),
    })),
    deliveries: deliveries.map((row) => ({
      ...placeOf(row),
      id: text(row['id']),
      destination: text(row['destination']),
      sync: text(row['sync']),
      profileId: text(row['profile_id']),
      filtered: text(row['filtered']),
      outcome: outcomes.get(text(row['id'])),
    })),
    cut,
    writtenMs: Number(written?.ms ?? 0) || undefined,
  }
}

function eventOf(row: Raw, skips: readonly Raw[], evidence: TracedEvidence | undefined): TracedEvent {
  const place = placeOf(row)
  const skip = skips.find(
    (each) =>
      Number(each['event_partition']) === place.partition && Number(each['event_offset']) === place.offset,
  )
  const [ids, values] = [texts(row['identifier_ids']), texts(row['identifier_values'])]
  return {
    ...place,
    source: text(row['source']),
    type: text(row['type']),
    name: text(row['name']),
    anchor: text(row['anchor']),
    epoch: Number(row['epoch']),
    identifiers: texts(row['identifier_types']).map((type, i) => ({
      type,
      id: ids[i] ?? '',
      value: values[i] ?? '',
    })),
    origin: text(row['origin']),
    timeMs: Number(row['time_ms']),
    originalMs: optional(row['original_ms']),
    sentMs: optional(row['sent_ms']),
    receivedMs: Number(row['received_ms']),
    flags: texts(row['time_flags']),
    skipped: skip && { ...placeOf(skip), reason: text(skip['reason']) },
    evidence,
  }
}

/** Its own piece where it brought one, else the first that says the same. */
async function evidenceOf(
  clickhouse: ClickHouse,
  messageId: string,
  event: Raw,
): Promise<TracedEvidence | undefined> {
  const all = texts(event['identifier_ids'])
  const ids = event['previous_id'] === '' ? all : [all[0] ?? '', text(event['previous_id'])]
  if (ids.length < 2) return undefined
  const [row] = await clickhouse.query<Raw>(
    `SELECT topic, partition, \`offset\` AS at, toUnixTimestamp64Milli(appended) AS appended_ms, id, class, member_types,
      source, message_id
    FROM ${clickhouse.table('evidence')}
    WHERE record = 'evidence' AND source = {source:String}
      AND hasAll(member_ids, {ids:Array(String)}) AND (length(member_ids) = {members:UInt32} OR message_id = {id:String})
    ORDER BY message_id = {id:String} DESC, at LIMIT 1`,
    { ids, members: ids.length, id: messageId, source: event['source'] },
  )
  return (
    row && {
      ...placeOf(row),
      id: text(row['id']),
      class: text(row['class']),
      memberTypes: texts(row['member_types']),
      source: text(row['source']),
      messageId: text(row['message_id']),
    }
  )
}

async function lastOutcomes(clickhouse: ClickHouse, ids: readonly string[]) {
  const last = new Map<string, NonNullable<TracedDelivery['outcome']>>()
  if (ids.length === 0) return last
  const rows = await clickhouse.query<Raw>(
    `SELECT delivery_id, topic, partition, \`offset\` AS at, toUnixTimestamp64Milli(appended) AS appended_ms, kind, attempt, code
    FROM ${clickhouse.table('delivery_outcomes')} WHERE has({ids:Array(String)}, delivery_id)
    ORDER BY partition, at DESC LIMIT 1 BY delivery_id`,
    { ids },
  )
  for (const row of rows)
    last.set(text(row['delivery_id']), {
      ...placeOf(row),
      kind: text(row['kind']),
      attempt: Number(row['attempt']),
      code: text(row['code']),
    })
  return last
}

function placeOf(row: Raw): TracedPlace {
  return {
    topic: text(row['topic']),
    partition: Number(row['partition']),
    offset: Number(row['at']),
    appendedMs: Number(row['appended_ms']),
  }
}

function text(value: Raw[string] | undefined): string {
  return typeof value === 'string' ? value : ''
}

function texts(value: Raw[string] | undefined): readonly string[] {
  return Array.isArray(value) ? (value as readonly string[]) : []
}

function optional(value: Raw[string] | undefined): number | undefined {
  return value === null || value === undefined ? undefined : Number(value)
}

function unique(values: readonly string[]): string[] {
  return [...new Set(values)]
}
