/**
 * What a lot takes out of the sums of the ledger, before it is gone.
 *
 *  F1. An input is counted by its removal when no row of it is left, so what is left and what was removed always add up to
 *      the inputs there were. The same with what was refused and sent again: either row may go first.
 */
import { REDRIVE_ORIGIN } from '@tributary/contracts'
import type { ClickHouse } from '../clickHouse.ts'
import { CLOCK_SLACK_MS } from '../read/clockSlack.ts'
import type { RemovalRow } from './removalRow.ts'

/** Rows of one partition of a table: those that a condition takes, in a range of offsets. */
export interface Lot {
  readonly table: string
  readonly topic: string
  readonly partition: number
  readonly first: number
  readonly last: number
  /** Of the Kafka records, ms since 1970. */
  readonly appendedFromMs: number
  readonly appendedUntilMs: number
  /** On a row of the table. */
  readonly condition: string
}

type SourceSums = Pick<
  RemovalRow,
  | 'sources'
  | 'source_rows'
  | 'source_events'
  | 'source_event_inputs'
  | 'source_rejected_inputs'
  | 'source_both_inputs'
  | 'source_redriven_inputs'
>
type EventSums = Pick<RemovalRow, 'events' | 'copies' | 'foldable' | 'filed_nowhere' | 'filed_twice'>
export type LotFigures = SourceSums & EventSums

/**
 * Rows of one input, or of one message, lie within so long, ms: senders and collectors repeat what was not acknowledged, and
 * deduplication remembers no longer. What is repeated after that counts once more.
 */
const REPEATED_WITHIN_MS = 7 * 86_400_000

export const NO_FIGURES: LotFigures = {
  sources: [],
  source_rows: [],
  source_events: [],
  source_event_inputs: [],
  source_rejected_inputs: [],
  source_both_inputs: [],
  source_redriven_inputs: [],
  events: 0,
  copies: 0,
  foldable: 0,
  filed_nowhere: 0,
  filed_twice: 0,
}

/** Tables whose rows are inputs. */
export function hasInputs(table: string): boolean {
  return table === 'events' || table === 'rejected'
}

export async function lotFigures(clickhouse: ClickHouse, lot: Lot): Promise<LotFigures> {
  const params = {
    topic: lot.topic,
    partition: lot.partition,
    first: lot.first,
    last: lot.last,
    from: Math.max(0, lot.appendedFromMs - CLOCK_SLACK_MS),
    until: lot.appendedUntilMs + REPEATED_WITHIN_MS,
  }
  const inLot =
    '(topic = {topic:String} AND partition = {partition:UInt32} ' +
    `AND \`offset\` BETWEEN {first:UInt64} AND {last:UInt64} AND (${lot.condition}))`
  const isEvents = lot.table === 'events'
  const sums = await sumSources(clickhouse, isEvents, inLot, params)
  return { ...sums, ...(isEvents ? await sumEvents(clickhouse, inLot, params) : NO_EVENTS) }
}

const NO_EVENTS: EventSums = { events: 0, copies: 0, foldable: 0, filed_nowhere: 0, filed_twice: 0 }

type Params = Readonly<Record<string, string | number>>

/** What an event that was sent again has in common with its reject. */
const INPUT = `if(startsWith(origin, '${REDRIVE_ORIGIN}'), substring(origin, ${REDRIVE_ORIGIN.length + 1}), origin)`
const IN_TIME =
  'appended BETWEEN fromUnixTimestamp64Milli({from:Int64}) AND fromUnixTimestamp64Milli({until:Int64})'

async function sumSources(
  clickhouse: ClickHouse,
  isEvents: boolean,
  inLot: string,
  params: Params,
): Promise<SourceSums> {
  const [events, rejected] = [clickhouse.table('events'), clickhouse.table('rejected')]
  const inputs = isEvents
    ? `(SELECT ${INPUT} FROM ${events} WHERE record = 'event' AND ${inLot})`
    : `(SELECT origin FROM ${rejected} WHERE ${inLot})`
  const [eventInLot, rejectInLot] = isEvents ? [inLot, '0'] : ['0', inLot]
  // What a reject became may have come long after it; a reject lies before what it became.
  const nearby = isEvents ? IN_TIME : '1'
  const rows = await clickhouse.query<Record<string, string>>(
    `SELECT source, sum(el + copied + rl) AS lot_rows, sum(el) AS lot_events,
      countIf(e > 0) - countIf(e > el) AS accepted, countIf(r > 0) - countIf(r > rl) AS refused,
      countIf(e > m AND r > 0) - countIf(e - el > m - ml AND r > rl) AS both,
      countIf(m > 0 AND e = m AND r > 0) - countIf(m > ml AND e - el = m - ml AND r > rl) AS again
    FROM (
      SELECT source, input, sum(1 - refused - copy) AS e, sum((1 - refused - copy) * taken) AS el, sum(copy) AS copied,
        sum(marked) AS m, sum(marked * taken) AS ml, sum(refused) AS r, sum(refused * taken) AS rl
      FROM (
        SELECT source, ${INPUT} AS input, toInt8(startsWith(origin, '${REDRIVE_ORIGIN}')) AS marked, toInt8(0) AS refused,
          toInt8(${eventInLot}) AS taken, toInt8(0) AS copy
        FROM ${events} WHERE record = 'event' AND ${nearby} AND ${INPUT} IN ${inputs}
        UNION ALL SELECT source, origin AS input, toInt8(0) AS marked, toInt8(1) AS refused,
          toInt8(${rejectInLot}) AS taken, toInt8(0) AS copy
        FROM ${rejected} WHERE origin IN ${inputs}
        ${
          isEvents
            ? `UNION ALL SELECT source, concat('copy:', origin) AS input, toInt8(0) AS marked, toInt8(0) AS refused,
          toInt8(1) AS taken, toInt8(1) AS copy FROM ${events} WHERE record = 'copy' AND ${inLot}`
            : ''
        }
      )
      GROUP BY source, input
    )
    GROUP BY source HAVING lot_rows > 0 ORDER BY source`,
    params,
  )
  const column = (name: string): number[] => rows.map((row) => Number(row[name]))
  return {
    sources: rows.map((row) => row['source']!),
    source_rows: column('lot_rows'),
    source_events: column('lot_events'),
    source_event_inputs: column('accepted'),
    source_rejected_inputs: column('refused'),
    source_both_inputs: column('both'),
    source_redriven_inputs: column('again'),
  }
}

async function sumEvents(clickhouse: ClickHouse, inLot: string, params: Params): Promise<EventSums> {
  const events = clickhouse.table('events')
  const message = '(source, message_id, anchor)'
  const [row] = await clickhouse.query<Record<'events' | 'copies' | 'foldable', string>>(
    `SELECT
      (SELECT count() FROM ${events} WHERE ${inLot}) AS events,
      (SELECT count() FROM ${events} WHERE ${inLot} AND record = 'copy') AS copies,
      (SELECT count() FROM (
        SELECT ${message} AS message FROM ${events}
        WHERE topic = {topic:String} AND record != 'control' AND notEmpty(identifier_ids) AND ${IN_TIME}
          AND ${message} IN (SELECT ${message} FROM ${events} WHERE ${inLot} AND notEmpty(identifier_ids))
        GROUP BY message HAVING countIf(NOT ${inLot}) = 0
      )) AS foldable`,
    params,
  )
  // What is asked of every event that was ever filed again is asked only where there is any.
  const [filed] = await clickhouse.query<Record<'nowhere' | 'twice', string>>(
    `SELECT countIf(filed_under = '') AS nowhere, countIf(filed_under != '' AND NOT counts) AS twice
    FROM ${clickhouse.table('moved_events')}
    WHERE topic = {topic:String} AND (SELECT count() FROM ${clickhouse.table('filed_anchors')}) > 0
      AND (partition, \`offset\`) IN (SELECT partition, \`offset\` FROM ${events} WHERE ${inLot})`,
    params,
  )
  return {
    filed_nowhere: Number(filed?.nowhere ?? 0),
    filed_twice: Number(filed?.twice ?? 0),
    events: Number(row?.events ?? 0),
    copies: Number(row?.copies ?? 0),
    foldable: Number(row?.foldable ?? 0),
  }
}
