/** What blocked identifiers do to the sums of the ledger: their events count under another identifier, once, or nowhere. */
import type { AuditedLog } from './auditedLog.ts'
import type { FilingFigures } from './figures.ts'

/** Undefined when no identifier of this topic's events was ever blocked. */
export async function measureFilings(
  { clickhouse, lessened, rows }: AuditedLog,
  topic: string,
): Promise<{ readonly filings: FilingFigures; readonly foldable: number } | undefined> {
  const table = (name: string): string => clickhouse.table(name)
  const [known] = await clickhouse.query<{ anchors: string }>(
    `SELECT count() AS anchors FROM ${table('filed_anchors')} WHERE topic = {topic:String}`,
    { topic },
  )
  if (Number(known?.anchors ?? 0) === 0) return undefined
  const left = lessened.has('events')
    ? `AND (partition, \`offset\`) IN (SELECT partition, \`offset\` FROM ${rows('events')} WHERE topic = {topic:String})`
    : ''
  const [row] = await clickhouse.query<Record<'nowhere' | 'twice' | 'unsure' | 'foldable', string>>(
    `SELECT
      (SELECT countIf(filed_under = '') FROM ${table('moved_events')} WHERE topic = {topic:String} ${left}) AS nowhere,
      (SELECT countIf(filed_under != '' AND NOT counts) FROM ${table('moved_events')}
        WHERE topic = {topic:String} ${left}) AS twice,
      (SELECT count() FROM ${table('events')}
        WHERE topic = {topic:String} AND record != 'control'
          AND anchor IN (SELECT identifier_id FROM ${table('filed_anchors')} WHERE topic = {topic:String})
          AND hasAny(identifier_ids,
            (SELECT groupUniqArray(identifier_id) FROM ${table('identifier_moves')} WHERE kind = 'erase'))
      ) AS unsure,
      (SELECT uniqExact(source, message_id, filed_under) FROM ${table('filed_events')}
        WHERE topic = {topic:String} AND notEmpty(identifier_ids) ${left}) AS foldable`,
    { topic },
  )
  return {
    filings: {
      nowhere: Number(row?.nowhere ?? 0),
      twice: Number(row?.twice ?? 0),
      unsure: Number(row?.unsure ?? 0),
    },
    foldable: Number(row?.foldable ?? 0),
  }
}
