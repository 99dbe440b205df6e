/** Asks ClickHouse for the figures of the ledger. Every query names its topic or table; none changes anything. */
import { placeTopic, REDRIVE_ORIGIN, topics } from '@tributary/contracts'
import type { ClickHouse } from '../clickHouse.ts'
import { logTables } from '../rows/logTables.ts'
import type {
  DeliveryFigures,
  Figures,
  FoldingFigures,
  PartitionFigures,
  SequenceFigures,
  SourceFigures,
  TwoAnchors,
  VersionFigures,
} from './figures.ts'
import { measureFilings } from './measureFilings.ts'
import { measureNumbers } from './measureNumbers.ts'
import { placesOf } from './placesOf.ts'

/** How many places are named per finding: enough to look, and a report that can be read. */
const NAMED_PLACES = 20

/** `epoch`: the layout epoch whose folding is measured; rows, stamps and sources are those of all. */
export async function measure(clickhouse: ClickHouse, epoch: number): Promise<Figures> {
  const folding = await measureFolding(clickhouse, epoch)
  return {
    sources: await measureSources(clickhouse),
    partitions: await measurePartitions(clickhouse),
    sequences: await measureSequences(clickhouse),
    folding,
    versions: await measureVersions(clickhouse),
    deliveries: await measureDeliveries(clickhouse),
    outcomesWithoutDelivery: await countOutcomesWithoutDelivery(clickhouse),
    twoAnchors: await findTwoAnchors(clickhouse, epoch),
  }
}

async function measureSources(clickhouse: ClickHouse): Promise<SourceFigures[]> {
  // An event that was sent again after it had been refused is the same input as its reject.
  const mark = `startsWith(origin, '${REDRIVE_ORIGIN}')`
  const events = `(SELECT source, if(${mark}, substring(origin, ${REDRIVE_ORIGIN.length + 1}), origin) AS input,
      toUInt8(${mark}) AS marked FROM ${clickhouse.table('events')} WHERE record = 'event')`
  const rejected = `(SELECT source, origin AS input FROM ${clickhouse.table('rejected')})`
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
  return rows.map((row) => ({
    source: row.source,
    events: Number(row.events),
    eventOrigins: Number(row.accepted),
    rejectedOrigins: Number(row.refused),
    bothOrigins: Number(row.both),
    redrivenOrigins: Number(row.again),
  }))
}

async function measurePartitions(clickhouse: ClickHouse): Promise<PartitionFigures[]> {
  const all: PartitionFigures[] = []
  for (const table of logTables) {
    const control = table.topic.name === topics.events.name ? `record = 'control'` : '0'
    const ofTable = `(topic = {topic:String} OR startsWith(topic, {later:String}))`
    // One row per offset, also when there are several in the table.
    const offsets = `
      SELECT topic, partition, \`offset\` AS at, any(gap) AS gap, count() AS copies, max(aside) AS aside, max(control) AS control
      FROM (
        SELECT topic, partition, \`offset\`, gap, 0 AS aside, toUInt8(${control}) AS control
        FROM ${clickhouse.table(table.name)} WHERE ${ofTable}
        UNION ALL SELECT topic, partition, \`offset\`, gap, 1 AS aside, toUInt8(0) AS control
        FROM ${clickhouse.table('quarantine')} WHERE ${ofTable}
      )
      GROUP BY topic, partition, \`offset\``
    const params = placesOf(table.topic)
    const rows = await clickhouse.query<
      Row<
        'partition' | 'records' | 'offsets' | 'gaps' | 'first' | 'last' | 'quarantined' | 'controls',
        'topic'
      >
    >(
      `SELECT topic, partition, sum(copies) AS records, count() AS offsets, sum(gap) AS gaps,
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
      })
    }
  }
  return all
}

async function measureSequences(clickhouse: ClickHouse): Promise<SequenceFigures[]> {
  const all: SequenceFigures[] = []
  for (const { name, topic, columns } of logTables) {
    if (!('seq' in columns)) continue
    const writer = 'writer' in columns ? 'writer' : `''`
    const numbers = `
      SELECT topic, epoch, ${writer} AS task, partition, seq AS at, count() AS copies
      FROM ${clickhouse.table(name)} WHERE (topic = {topic:String} OR startsWith(topic, {later:String})) AND seq > 0
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

async function measureVersions(clickhouse: ClickHouse): Promise<VersionFigures[]> {
  const numbers = `
    SELECT partition, n AS at, count() AS copies FROM ${clickhouse.table('profile_changes')} GROUP BY partition, n`
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

async function measureFolding(clickhouse: ClickHouse, epoch: number): Promise<FoldingFigures> {
  const topic = placeTopic(epoch, topics.events)
  const events = `(SELECT * FROM ${clickhouse.table('events')} WHERE topic = {topic:String})`
  const skipped = `(SELECT * FROM ${clickhouse.table('skipped')} WHERE event_topic = {topic:String})`
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
    `SELECT event_partition AS partition, event_offset AS at FROM ${skipped}
    WHERE (event_partition, event_offset) NOT IN
      (SELECT partition, \`offset\` FROM ${events} WHERE record != 'control')
    ORDER BY partition, at LIMIT ${NAMED_PLACES}`,
    { topic },
  )
  const filed = await measureFilings(clickhouse, topic)
  const place = (row: Row<'partition' | 'at'>) => ({
    partition: Number(row.partition),
    offset: Number(row.at),
  })
  return {
    topic,
    events: Number(totals?.events ?? 0),
    copied: Number(totals?.copied ?? 0),
    controls: Number(totals?.controls ?? 0),
    skipped: Object.fromEntries(reasons.map((row) => [row.reason, Number(row.events)])),
    skippedTwice: twice.map(place),
    skippedUnknown: unknown.map(place),
    foldable: Number(filed?.foldable ?? totals?.foldable ?? 0),
    spanMs: Number(totals?.span ?? 0),
    ...(filed && { filings: filed.filings }),
  }
}

async function measureDeliveries(clickhouse: ClickHouse): Promise<DeliveryFigures[]> {
  const rows = await clickhouse.query<
    Row<
      'created' | 'created_twice' | 'delivered' | 'dead' | 'filtered' | 'pending' | 'delivered_twice',
      'destination'
    >
  >(
    `SELECT d.destination AS destination, count() AS created, sum(d.copies - 1) AS created_twice,
      countIf(o.delivered > 0) AS delivered,
      countIf(o.delivered = 0 AND o.filtered > 0) AS filtered,
      countIf(o.delivered = 0 AND o.filtered = 0 AND o.dead > o.redriven) AS dead,
      countIf(o.delivered = 0 AND o.filtered = 0 AND o.dead <= o.redriven) AS pending,
      countIf(o.delivered > 1) AS delivered_twice
    FROM (
      SELECT id, any(destination) AS destination, count() AS copies FROM ${clickhouse.table('deliveries')} GROUP BY id
    ) AS d
    LEFT JOIN (
      SELECT delivery_id, countIf(kind = 'delivered') AS delivered, countIf(kind = 'dead') AS dead,
        countIf(kind = 'filtered') AS filtered, countIf(kind = 'redriven') AS redriven
      FROM ${clickhouse.table('delivery_outcomes')} GROUP BY delivery_id
    ) AS o ON d.id = o.delivery_id
    GROUP BY destination ORDER BY destination`,
  )
  return rows.map((row) => ({
    destination: row.destination,
    created: Number(row.created),
    createdTwice: Number(row.created_twice),
    delivered: Number(row.delivered),
    dead: Number(row.dead),
    filtered: Number(row.filtered),
    pending: Number(row.pending),
    deliveredTwice: Number(row.delivered_twice),
  }))
}

async function countOutcomesWithoutDelivery(clickhouse: ClickHouse): Promise<number> {
  const [row] = await clickhouse.query<Row<'outcomes'>>(
    `SELECT uniqExact(delivery_id) AS outcomes FROM ${clickhouse.table('delivery_outcomes')}
    WHERE delivery_id NOT IN (SELECT id FROM ${clickhouse.table('deliveries')})`,
  )
  return Number(row?.outcomes ?? 0)
}

async function findTwoAnchors(clickhouse: ClickHouse, epoch: number): Promise<TwoAnchors[]> {
  const rows = await clickhouse.query<Row<'anchors', 'source' | 'message_id'>>(
    `SELECT source, message_id, uniqExact(anchor) AS anchors FROM ${clickhouse.table('events')}
    WHERE topic = {topic:String} AND record != 'control'
    GROUP BY source, message_id HAVING anchors > 1
    ORDER BY source, message_id LIMIT ${NAMED_PLACES}`,
    { topic: placeTopic(epoch, topics.events) },
  )
  return rows.map((row) => ({ source: row.source, messageId: row.message_id, anchors: Number(row.anchors) }))
}

/** A row of an answer: numbers come as numbers or, at 64 bits, as text. */
type Row<N extends string, T extends string = never> = { [K in N]: string | number } & { [K in T]: string }
