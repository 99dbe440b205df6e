/** The audit: measures, asks Kafka where the writers stand, and judges. Reads only. */
import { placeTopic } from '@tributary/contracts'
import { type Kafka, type KafkaAdmin, createAdmin } from '@tributary/kafka'
import type { ClickHouse } from '../clickHouse.ts'
import { logTables } from '../rows/logTables.ts'
import { readCommitted } from '../writer/range.ts'
import { logWriterPlaceGroup } from '../writer/startLogWriters.ts'
import type { PartitionFigures } from './figures.ts'
import type { AuditReport, ProfileTotals } from './auditReport.ts'
import { judge } from './judge.ts'
import { measure } from './measure.ts'
import { measureHours } from './measureHours.ts'
import { endsOf, recordsBetween } from './unstored.ts'

export interface AuditOptions {
  readonly clickhouse: ClickHouse
  /** Without it, rows that are missing at the very end of a partition cannot be told from ones not written yet. */
  readonly kafka?: Kafka
  readonly prefix: string
  /** Layout epoch whose folding is judged; 1 when left out. Rows and stamps are those of all epochs. */
  readonly epoch?: number
  readonly groupPrefix?: string
  /** What the profiles say of themselves (GetTotals of the profile-store); without it L5 is judged by the log alone. */
  readonly totals?: ProfileTotals
  /** With the ledger by hour from this time on, ms since 1970. */
  readonly hoursSinceMs?: number
}

export async function audit(options: AuditOptions): Promise<AuditReport> {
  const { clickhouse, hoursSinceMs } = options
  const figures = {
    ...(await measure(clickhouse, options.epoch ?? 1)),
    ...(hoursSinceMs !== undefined && { hours: await measureHours(clickhouse, hoursSinceMs) }),
  }
  if (options.kafka === undefined) return judge(figures, options.totals)
  const admin = await createAdmin(options.kafka)
  try {
    const partitions = await withPositions(options.kafka, admin, options, figures.partitions)
    return judge({ ...figures, partitions }, options.totals)
  } finally {
    await admin.close()
  }
}

async function withPositions(
  kafka: Kafka,
  admin: KafkaAdmin,
  { prefix, groupPrefix, epoch = 1 }: AuditOptions,
  measured: readonly PartitionFigures[],
): Promise<PartitionFigures[]> {
  const all: PartitionFigures[] = []
  // Topics of other epochs are in the log already when they are of interest: the writers of this one may be new.
  const places = new Set([
    ...logTables.map(({ topic }) => placeTopic(epoch, topic)),
    ...measured.map(({ topic }) => topic),
  ])
  for (const place of [...places].sort()) {
    const name = `${prefix}.${place}`
    const known = measured.filter((partition) => partition.topic === place)
    const ends = await endsOf(admin, name)
    if (ends.length === 0) {
      all.push(...known)
      continue
    }
    const committed = await admin.groupOffsets(logWriterPlaceGroup(groupPrefix ?? prefix, place), [name])
    const numbers = new Set([...known, ...ends].map(({ partition }) => partition))
    for (const partition of [...numbers].sort((a, b) => a - b)) {
      const found = known.find((each) => each.partition === partition)
      const end = ends.find((each) => each.partition === partition)
      const position = committed.find((each) => each.partition === partition)
      const figures = found ?? nothing(place, partition)
      if (end === undefined) all.push(figures)
      else if (found !== undefined || position !== undefined || end.committedEnd > 0) {
        const { offset, stored, intent } = readCommitted(position?.offset ?? 0, position?.metadata ?? '')
        const from = Math.max(offset, end.start)
        const behind = await recordsBetween(kafka, name, partition, from, end.committedEnd)
        all.push({ ...figures, kafka: { stored, open: intent !== undefined, behind } })
      }
    }
  }
  return all
}

function nothing(topic: string, partition: number): PartitionFigures {
  return {
    topic,
    partition,
    rows: 0,
    offsets: 0,
    gaps: 0,
    first: 0,
    last: -1,
    quarantined: 0,
    controls: 0,
    missing: [],
    doubled: [],
  }
}
