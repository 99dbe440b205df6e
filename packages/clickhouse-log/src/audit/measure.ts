/** Asks ClickHouse for the figures of the ledger. Every query names its topic or table; none changes anything. */
import { placeTopic, REDRIVE_ORIGIN, topics } from '@tributary/contracts'
import type { ClickHouse } from '../clickHouse.ts'
import { removalsInForce, removedRuns } from '../removal/removalSql.ts'
import { logTables } from '../rows/logTables.ts'
import { quarantineTable } from '../rows/quarantine.ts'
import type {
  Figures,
  FoldingFigures,
  PartitionFigures,
  SequenceFigures,
  SourceFigures,
  TwoAnchors,
  VersionFigures,
} from './figures.ts'
import { type AuditedLog, openAuditedLog } from './auditedLog.ts'
import { countOutcomesWithoutDelivery, measureDeliveries } from './measureDeliveries.ts'
import { measureFilings } from './measureFilings.ts'
import { measureNumbers } from './measureNumbers.ts'
import type { Removed } from './measureRemovals.ts'
import { placesOf } from './placesOf.ts'

/** How many places are named per finding: enough to look, and a report that can be read. */
const NAMED_PLACES = 20

/** `epoch`: the layout epoch whose folding is measured; rows, stamps and sources are those of all. */
export async function measure(clickhouse: ClickHouse, epoch: number): Promise<Figures> {
  const log = await openAuditedLog(clickhouse)
  const folding = await measureFolding(log, epoch)
  return {
    sources: await measureSources(log),
    partitions: await measurePartitions(log),
    sequences: await measureSequences(log),
    folding,
    versions: await measureVersions(log),
    deliveries: await measureDeliveries(log),
    outcomesWithoutDelivery: await countOutcomesWithoutDelivery(log),
    twoAnchors: await findTwoAnchors(log, epoch),
  }
}

async function measureSources({ clickhouse, rows: from, removed }: AuditedLog): Promise<SourceFigures[]> {
  // An event that was sent again after it had been refused is the same input as its reject.
  const mark = `startsWith(origin, '${REDRIVE_ORIGIN}')`
  const events = `(SELECT source, if(${mark}, substring(origin, ${REDRIVE_ORIGIN.length + 1}), origin) AS input,
      toUInt8(${mark}) AS marked FROM ${from('events')} WHERE record = 'event')`
  const rejected = `(SELECT source, origin AS input FROM ${from('rejected')})`
  const rows = await clickhouse.query<Row<'events' | 'accepted' | 'refused' | 'both' | 'again', 'source'>>(`
    SELECT source, sum(e) AS events, countIf(e > 0) AS accepted, countIf(r > 0) AS refused,
      countIf(e > m AND r > 0) AS both, countIf(m > 0 AND e = m AND r > 0) AS again
    FROM (
      SELECT source, input, sum(accepted) AS e, sum(refused) AS r, sum(marked) AS m
      FROM (
        SELECT source, input, 1 AS accepted, 0 AS refused, marked FROM ${events}
        UNION ALL SELECT source, input, 0 AS accepted, 1 AS refused, 0 AS marked FROM ${rejected}
      )
      GROUP BY source, input
    )
    GROUP BY source ORDER BY source`)
  const left = new Map(
    rows.map((row) => [
      row.source,
      {
        events: Number(row.events),
        eventOrigins: Number(row.accepted),
        rejectedOrigins: Number(row.refused),
        bothOrigins: Number(row.both),
        redrivenOrigins: Number(row.again),
      },
    ]),
  )
  const none = { events: 0, eventOrigins: 0, rejectedOrigins: 0, bothOrigins: 0, redrivenOrigins: 0 }
  return [...new Set([...left.keys(), ...removed.sources.keys()])].sort().map((source) => {
    const [one, other] = [left.get(source) ?? none, removed.sources.get(source) ?? none]
    return {
      source,
      events: one.events + other.events,
      eventOrigins: one.eventOrigins + other.eventOrigins,
      rejectedOrigins: one.rejectedOrigins + other.rejectedOrigins,
      bothOrigins: one.bothOrigins + other.bothOrigins,
      redrivenOrigins: one.redrivenOrigins + other.redrivenOrigins,
    }
  })
}

async function measurePartitions({
  clickhouse,
  lessened,
  rows: from,
  removed,
}: AuditedLog): Promise<PartitionFigures[]> {
  const all: PartitionFigures[] = []
  for (const table of logTables) {
    const control = table.topic.name === topics.events.name ? `record = 'control'` : '0'
    const ofTable = `(topic = {topic:String} OR startsWith(topic, {later:String}))`
    // A run that was removed stands as one row without copies: at its last offset, with a gap up to its first.
    const runs = [table.name, quarantineTable.name]
      .filter((name) => lessened.has(name))
      .map(
        (
          name,
        ) => `UNION ALL SELECT topic, partition, last AS \`offset\`, toUInt32(last - first) AS gap, 0 AS aside,
        toUInt8(0) AS control, 1 AS taken FROM ${removedRuns(clickhouse, name)} WHERE ${ofTable}`,
      )
      .join('\n')
    // One row per offset, also when there are several in the table.
    const offsets = `
      SELECT topic, partition, \`offset\` AS at, any(gap) AS gap, countIf(taken = 0) AS copies, max(aside) AS aside, max(control) AS control
      FROM (
        SELECT topic, partition, \`offset\`, gap, 0 AS aside, toUInt8(${control}) AS control, 0 AS taken
        FROM ${from(table.name)} WHERE ${ofTable}
        UNION ALL SELECT topic, partition, \`offset\`, gap, 1 AS aside, toUInt8(0) AS control, 0 AS taken
        FROM ${from(quarantineTable.name)} WHERE ${ofTable}
        ${runs}
      )
      GROUP BY topic, partition, \`offset\``
    const params = placesOf(table.topic)
    const rows = await clickhouse.query<
      Row<
        'partition' | 'records' | 'offsets' | 'gaps' | 'first' | 'last' | 'quarantined' | 'controls',
        'topic'
      >
    >(
      `SELECT topic, partition, sum(copies) AS records, countIf(copies > 0) AS offsets, sumIf(gap, copies > 0) AS gaps,
        min(toInt64(at) - toInt64(gap)) AS first, max(at) AS last, sum(aside) AS quarantined, sum(control) AS controls
      FROM (${offsets}) GROUP BY topic, partition ORDER BY topic, partition`,
      params,
    )
    const named = await measureNumbers(clickhouse, {
      from: `(${offsets})`,
      group: ['topic', 'partition'],
      number: 'at',
      gap: 'gap',
      copies: 'copies',
      startAt: 0,
      params,
    })
    for (const row of rows) {
      const places = named.get(`${row.topic}|${row.partition}`)
      all.push({
        topic: row.topic,
        partition: Number(row.partition),
        rows: Number(row.records),
        offsets: Number(row.offsets),
        gaps: Number(row.gaps),
        first: Number(row.first),
        last: Number(row.last),
        quarantined: Number(row.quarantined),
        controls: Number(row.controls),
        missing: places?.missing ?? [],
        doubled: places?.doubled ?? [],
        ...takenFrom(removed, row),
      })
    }
  }
  return all
}

function takenFrom(
  { places }: Removed,
  { topic, partition }: { topic: string; partition: string | number },
): Pick<PartitionFigures, 'removed'> {
  const taken = places.get(`${topic}|${partition}`)
  return taken === undefined ? {} : { removed: taken }
}

async function measureSequences({
  clickhouse,
  lessened,
  rows: from,
}: AuditedLog): Promise<SequenceFigures[]> {
  const all: SequenceFigures[] = []
  for (const { name, topic, columns } of logTables) {
    if (!('seq' in columns)) continue
    const writer = 'writer' in columns ? 'writer' : `''`
    const stamps = lessened.has(name)
      ? `UNION ALL SELECT topic, stamp.1 AS epoch, stamp.2 AS task, partition, stamp.3 AS seq
        FROM ${removalsInForce(clickhouse)} ARRAY JOIN arrayZip(stamp_epochs, stamp_writers, stamp_seqs) AS stamp
        WHERE table_name = '${name}'`
      : ''
    const numbers = `
      SELECT topic, epoch, task, partition, seq AS at, count() AS copies
      FROM (SELECT topic, epoch, ${writer} AS task, partition, seq FROM ${from(name)} ${stamps})
      WHERE (topic = {topic:String} OR startsWith(topic, {later:String})) AND seq > 0
      GROUP BY topic, epoch, task, partition, seq`
    const params = placesOf(topic)
    const rows = await clickhouse.query<
      Row<'epoch' | 'partition' | 'records' | 'numbers' | 'first' | 'last', 'topic' | 'task'>
    >(
      `SELECT topic, epoch, task, partition, sum(copies) AS records, count() AS numbers, min(at) AS first, max(at) AS last
      FROM (${numbers}) GROUP BY ALL ORDER BY topic, epoch, task, partition`,
      params,
    )
    const named = await measureNumbers(clickhouse, {
      from: `(${numbers})`,
      group: ['topic', 'epoch', 'task', 'partition'],
      number: 'at',
      gap: '0',
      copies: 'copies',
      startAt: 1,
      params,
    })
    for (const row of rows) {
      const places = named.get(`${row.topic}|${row.epoch}|${row.task}|${row.partition}`)
      // A later layout epoch publishes from some moment on; what it numbered before was never sent.
      const silent = topic.visibility === 'public' && Number(row.epoch) > 1 ? Number(row.first) - 1 : 0
      all.push({
        topic: row.topic,
        partition: Number(row.partition),
        epoch: Number(row.epoch),
        writer: row.task,
        rows: Number(row.records),
        numbers: Number(row.numbers),
        silent,
        last: Number(row.last),
        missing: (places?.missing ?? []).filter(({ first }) => first > silent),
        doubled: places?.doubled ?? [],
      })
    }
  }
  return all
}

async function measureVersions({ clickhouse, lessened, rows: from }: AuditedLog): Promise<VersionFigures[]> {
  const taken = lessened.has('profile_changes')
    ? `UNION ALL SELECT partition, arrayJoin(versions) AS n FROM ${removalsInForce(clickhouse)}
      WHERE table_name = 'profile_changes'`
    : ''
  const numbers = `
    SELECT partition, n AS at, count() AS copies FROM (SELECT partition, n FROM ${from('profile_changes')} ${taken})
    GROUP BY partition, n`
  const rows = await clickhouse.query<Row<'partition' | 'changes' | 'numbers' | 'last'>>(
    `SELECT partition, sum(copies) AS changes, count() AS numbers, max(at) AS last
    FROM (${numbers}) GROUP BY partition ORDER BY partition`,
  )
  const named = await measureNumbers(clickhouse, {
    from: `(${numbers})`,
    group: ['partition'],
    number: 'at',
    gap: '0',
    copies: 'copies',
    startAt: 1,
    params: {},
  })
  return rows.map((row) => {
    const places = named.get(String(row.partition))
    return {
      partition: Number(row.partition),
      changes: Number(row.changes),
      numbers: Number(row.numbers),
      last: Number(row.last),
      missing: places?.missing ?? [],
      doubled: places?.doubled ?? [],
    }
  })
}

async function measureFolding(log: AuditedLog, epoch: number): Promise<FoldingFigures> {
  const { clickhouse, lessened, rows: from, removed } = log
  const topic = placeTopic(epoch, topics.events)
  const taken = removed.folding.get(topic) ?? { events: 0, copied: 0, foldable: 0, nowhere: 0, twice: 0 }
  const events = `(SELECT * FROM ${from('events')} WHERE topic = {topic:String})`
  const skipped = `(SELECT * FROM ${from('skipped')} WHERE event_topic = {topic:String})`
  const [totals] = await clickhouse.query<Row<'events' | 'copied' | 'controls' | 'foldable' | 'span'>>(
    `SELECT countIf(record != 'control') AS events, countIf(record = 'copy') AS copied,
      countIf(record = 'control') AS controls,
      uniqExactIf((source, message_id, anchor), record != 'control' AND notEmpty(identifier_ids)) AS foldable,
      if(count() = 0, 0, dateDiff('millisecond', min(appended), max(appended))) AS span
    FROM ${events}`,
    { topic },
  )
  const reasons = await clickhouse.query<Row<'events', 'reason'>>(
    `SELECT reason, uniqExact(event_partition, event_offset) AS events
    FROM ${skipped} GROUP BY reason ORDER BY reason`,
    { topic },
  )
  const twice = await clickhouse.query<Row<'partition' | 'at'>>(
    `SELECT event_partition AS partition, event_offset AS at FROM ${skipped}
    GROUP BY event_partition, event_offset HAVING count() > 1
    ORDER BY partition, at LIMIT ${NAMED_PLACES}`,
    { topic },
  )
  const unknown = await clickhouse.query<Row<'partition' | 'at'>>(
    `SELECT skip.event_partition AS partition, skip.event_offset AS at FROM ${skipped} AS skip
    ${
      lessened.has('events')
        ? `ASOF LEFT JOIN ${removedRuns(clickhouse, 'events')} AS run
        ON skip.event_topic = run.topic AND skip.event_partition = run.partition AND skip.event_offset >= run.first`
        : ''
    }
    WHERE (skip.event_partition, skip.event_offset) NOT IN
      (SELECT partition, \`offset\` FROM ${events} WHERE record != 'control')
      ${lessened.has('events') ? `AND (run.topic = '' OR run.last < skip.event_offset)` : ''}
    ORDER BY partition, at LIMIT ${NAMED_PLACES}`,
    { topic },
  )
  const filed = await measureFilings(log, topic)
  const place = (row: Row<'partition' | 'at'>) => ({
    partition: Number(row.partition),
    offset: Number(row.at),
  })
  return {
    topic,
    events: Number(totals?.events ?? 0) + taken.events,
    copied: Number(totals?.copied ?? 0) + taken.copied,
    controls: Number(totals?.controls ?? 0),
    skipped: Object.fromEntries(reasons.map((row) => [row.reason, Number(row.events)])),
    skippedTwice: twice.map(place),
    skippedUnknown: unknown.map(place),
    foldable: Number(filed?.foldable ?? totals?.foldable ?? 0) + taken.foldable,
    ...(taken.events > 0 && { removed: taken.events }),
    spanMs: Number(totals?.span ?? 0),
    ...(filed && {
      filings: {
        ...filed.filings,
        nowhere: filed.filings.nowhere + taken.nowhere,
        twice: filed.filings.twice + taken.twice,
      },
    }),
  }
}

async function findTwoAnchors({ clickhouse, rows: from }: AuditedLog, epoch: number): Promise<TwoAnchors[]> {
  const rows = await clickhouse.query<Row<'anchors', 'source' | 'message_id'>>(
    `SELECT source, message_id, uniqExact(anchor) AS anchors FROM ${from('events')}
    WHERE topic = {topic:String} AND record != 'control'
    GROUP BY source, message_id HAVING anchors > 1
    ORDER BY source, message_id LIMIT ${NAMED_PLACES}`,
    { topic: placeTopic(epoch, topics.events) },
  )
  return rows.map((row) => ({ source: row.source, messageId: row.message_id, anchors: Number(row.anchors) }))
}

/** A row of an answer: numbers come as numbers or, at 64 bits, as text. */
export type Row<N extends string, T extends string = never> = { [K in N]: string | number } & {
  [K in T]: string
}
