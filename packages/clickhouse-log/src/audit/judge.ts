/**
 * The ledger: what the figures mean. Pure.
 *
 *  L1. received = events + rejected, per source, by distinct origin; none is both, but what was sent again after it had
 *      been refused: that was received once.
 *  L2. Rows and known gaps account for every offset of every partition, from the first to where the writer stands.
 *  L3. Stamps count 1, 2, 3 … per epoch, writer, topic and partition; versions n per partition of the profiles.
 *  L4. No offset, stamp or n has two rows.
 *  L5. events = folded + skipped, when quiescent; what is skipped is in the log, and skipped once. An event whose anchor is
 *      blocked counts under the next of its identifiers, once with its copies.
 *  L6. deliveries = delivered + pending + dead + filtered; each delivery once, delivered once.
 *  L7. stored = present + erased + expired: what was removed on purpose is accounted for by its evidence, and stays away.
 */
import { topics } from '@tributary/contracts'
import type { EventPlace, Figures, FoldingFigures, PartitionFigures } from './figures.ts'
import { type OffsetRange, rangeText } from './offsetRange.ts'
import type { AuditReport, Finding, Folding, ProfileTotals } from './auditReport.ts'

/** Deduplication remembers at least so long, ms: beyond it the log alone cannot say what was folded. */
const DEDUPLICATION_MS = 7 * 86_400_000

/** Topics that are never written in a transaction: their offsets have no gaps at all. */
const PLAIN_TOPICS: readonly string[] = [topics.rejected.name, topics.config.name]

export function judge(figures: Figures, totals?: ProfileTotals): AuditReport {
  const findings: Finding[] = [
    ...judgeSources(figures),
    ...figures.partitions.flatMap(judgePartition),
    ...judgeSequences(figures),
    ...judgeVersions(figures, totals),
    ...judgeSkips(figures),
    ...judgeDeliveries(figures),
  ]
  const folding = foldingOf(figures, totals)
  findings.push(...judgeFolding(folding, figures))

  const sum = (values: readonly number[]): number => values.reduce((total, value) => total + value, 0)
  const accepted = sum(figures.sources.map((source) => source.events))
  const eventOrigins = sum(figures.sources.map((source) => source.eventOrigins))
  const rejected = sum(figures.sources.map((source) => source.rejectedOrigins))
  const both = sum(figures.sources.map((source) => source.bothOrigins))
  const redriven = sum(figures.sources.map((source) => source.redrivenOrigins))
  const behind = figures.partitions.map((partition) => partition.kafka?.behind)
  return {
    balanced: findings.length === 0,
    findings,
    received: eventOrigins + rejected - both - redriven,
    rejected,
    redriven,
    accepted,
    repeated: accepted - eventOrigins,
    folding,
    stored: {
      present: sum(figures.partitions.map(({ rows }) => rows)),
      erased: sum(figures.partitions.map(({ removed }) => removed?.erased ?? 0)),
      expired: sum(figures.partitions.map(({ removed }) => removed?.expired ?? 0)),
    },
    gaps:
      sum(figures.partitions.map((partition) => Math.max(missingIn(partition), 0))) +
      sum(figures.sequences.map(({ last, silent, numbers }) => last - silent - numbers)) +
      sum(figures.versions.map((version) => version.last - version.numbers)) +
      sum(
        [...(totals?.changes ?? [])].map(([partition, n]) =>
          Math.max(n - lastVersion(figures, partition), 0),
        ),
      ),
    doubled:
      sum(figures.partitions.map(doublesIn)) +
      sum(figures.sequences.map((sequence) => sequence.rows - sequence.numbers)) +
      sum(figures.versions.map((version) => version.changes - version.numbers)),
    behind: behind.every((each) => each === undefined) ? undefined : sum(behind.map((each) => each ?? 0)),
    figures,
    ...(totals === undefined ? {} : { totals }),
  }
}

function judgeSources({ sources }: Figures): Finding[] {
  return sources
    .filter((source) => source.bothOrigins > 0)
    .map(({ source, bothOrigins }) => ({
      rule: 'L1',
      message: `source ${source}: ${bothOrigins} inputs were both accepted and rejected`,
    }))
}

/** Offsets between the partition's beginning and its end, or where its writer stands, that nothing accounts for. */
function missingIn(partition: PartitionFigures): number {
  // Offsets begin at 0, so the beginning counts as well.
  return endOf(partition) - partition.offsets - partition.gaps - (partition.removed?.accounted ?? 0)
}

/** Rows beyond one per offset; removing them does not make them right. */
function doublesIn({ rows, offsets, removed }: PartitionFigures): number {
  return rows - offsets + (removed?.twice ?? 0)
}

function endOf({ last, kafka }: PartitionFigures): number {
  // What is committed beyond the last row was stored once. An open range may or may not be.
  return kafka === undefined || kafka.open ? last + 1 : Math.max(last + 1, kafka.stored)
}

function judgePartition(partition: PartitionFigures): Finding[] {
  const { topic, partition: number, last } = partition
  const where = `${topic}/${number}`
  const findings: Finding[] = []
  const missing = [...partition.missing]
  const end = endOf(partition)
  if (end > last + 1) missing.push({ first: last + 1, last: end - 1 })
  const count = missingIn(partition)
  if (count > 0) {
    findings.push({
      rule: 'L2',
      topic,
      partition: number,
      at: missing,
      message: `${where}: ${records(count)} missing at offset ${placesText(missing)}`,
    })
  }
  if (count < 0) {
    findings.push({
      rule: 'L2',
      topic,
      partition: number,
      message: `${where}: rows and gaps account for ${-count} offsets more than there are`,
    })
  }
  const doubles = doublesIn(partition)
  if (doubles > 0) {
    const at = partition.doubled.map((offset) => ({ first: offset, last: offset }))
    findings.push({
      rule: 'L4',
      topic,
      partition: number,
      at,
      message: `${where}: ${doubles} rows too many at offset ${placesText(at)}`,
    })
  }
  const again = (partition.removed?.again ?? []).map((offset) => ({ first: offset, last: offset }))
  if (again.length > 0) {
    findings.push({
      rule: 'L7',
      topic,
      partition: number,
      at: again,
      message:
        `${where}: rows that were removed on purpose are there again at offset ${placesText(again)}: ` +
        'run `tributary retention` and `tributary erasures` again',
    })
  }
  if (PLAIN_TOPICS.includes(topic) && partition.gaps > 0) {
    findings.push({
      rule: 'L2',
      topic,
      partition: number,
      message: `${where}: ${partition.gaps} offsets hold no record, though nothing writes it in transactions`,
    })
  }
  return findings
}

function judgeSequences({ sequences }: Figures): Finding[] {
  return sequences.flatMap(({ topic, partition, epoch, writer, silent, ...figures }) => {
    const where = `${topic}/${partition}, stamps of ${writer === '' ? 'its writer' : writer} in epoch ${epoch}`
    const { last, numbers, rows, missing, doubled } = figures
    return numbersFindings({ where, topic, partition, last: last - silent, numbers, rows, missing, doubled })
  })
}

function judgeVersions({ versions }: Figures, totals: ProfileTotals | undefined): Finding[] {
  const topic = topics.profileChanges.name
  const findings = versions.flatMap(({ partition, last, numbers, changes, missing, doubled }) =>
    numbersFindings({
      where: `${topic}/${partition}, versions`,
      topic,
      partition,
      last,
      numbers,
      rows: changes,
      missing,
      doubled,
    }),
  )
  for (const [partition, changes] of totals?.changes ?? []) {
    const last = lastVersion({ versions }, partition)
    if (changes === last) continue
    findings.push({
      rule: 'L3',
      topic,
      partition,
      message: `${topic}/${partition}: the profiles stand at version ${changes}, the log at ${last}`,
    })
  }
  return findings
}

function lastVersion({ versions }: Pick<Figures, 'versions'>, partition: number): number {
  return versions.find((version) => version.partition === partition)?.last ?? 0
}

interface Numbers {
  where: string
  topic: string
  partition: number
  last: number
  numbers: number
  rows: number
  missing: readonly OffsetRange[]
  doubled: readonly number[]
}

function numbersFindings({
  where,
  topic,
  partition,
  last,
  numbers,
  rows,
  missing,
  doubled,
}: Numbers): Finding[] {
  const findings: Finding[] = []
  if (last > numbers) {
    findings.push({
      rule: 'L3',
      topic,
      partition,
      at: missing,
      message: `${where}: ${last - numbers} missing: ${placesText(missing)}`,
    })
  }
  if (rows > numbers) {
    const at = doubled.map((number) => ({ first: number, last: number }))
    findings.push({
      rule: 'L4',
      topic,
      partition,
      at,
      message: `${where}: ${rows - numbers} rows too many: ${placesText(at)}`,
    })
  }
  return findings
}

function judgeSkips({ folding }: Figures): Finding[] {
  const findings: Finding[] = []
  const { topic } = folding
  if (folding.skippedTwice.length > 0) {
    const at = placesOf(topic, folding.skippedTwice)
    findings.push({ rule: 'L5', topic, message: `events that were skipped more than once: ${at}` })
  }
  if (folding.skippedUnknown.length > 0) {
    const at = placesOf(topic, folding.skippedUnknown)
    findings.push({ rule: 'L5', topic, message: `skipped, but not in the log: ${at}` })
  }
  return findings
}

function foldingOf({ folding }: Figures, totals: ProfileTotals | undefined): Folding {
  const reasons = reasonsOf(folding)
  const skipped = Object.values(reasons).reduce((sum, count) => sum + count, 0)
  const folded = totals?.events ?? folding.foldable
  const erased = totals?.erased ?? 0
  return {
    events: folding.events,
    copied: folding.copied,
    folded,
    foldedBy: totals === undefined ? 'log' : 'profiles',
    erased,
    skipped,
    reasons,
    controls: folding.controls,
    inFlight: folding.events - folded - erased - skipped,
  }
}

/** What was skipped as blocked is filed under another identifier: it counts there, unless its message does already. */
function reasonsOf({ skipped, filings }: FoldingFigures): Readonly<Record<string, number>> {
  if (filings === undefined) return skipped
  return { ...skipped, blocked: filings.nowhere, filed_twice: filings.twice }
}

function judgeFolding(folding: Folding, figures: Figures): Finding[] {
  const { events, folded, erased, skipped, foldedBy, inFlight } = folding
  const findings: Finding[] = []
  // An erasure takes folded events out of the profiles, and deduplication forgets: then the log alone cannot tell.
  const { filings } = figures.folding
  const blocked = filings === undefined ? (folding.reasons['blocked'] ?? 0) : 0
  const removed = erased + (folding.reasons['erased'] ?? 0) + blocked
  const tellable =
    removed === 0 && (figures.folding.removed ?? 0) === 0 && figures.folding.spanMs < DEDUPLICATION_MS
  if (Math.abs(inFlight) > (filings?.unsure ?? 0) && (foldedBy === 'profiles' || tellable)) {
    const by = foldedBy === 'profiles' ? 'folded into profiles' : 'to be folded by the log'
    const rest = inFlight > 0 ? `${inFlight} are on their way or lost` : `${-inFlight} too many`
    findings.push({
      rule: 'L5',
      message: `${events} events, but ${folded} ${by}${erased === 0 ? '' : `, ${erased} erased`} and ${skipped} skipped: ${rest}`,
    })
  }
  if (foldedBy === 'profiles' && tellable && folded !== figures.folding.foldable && inFlight === 0) {
    findings.push({
      rule: 'L5',
      message:
        `the profiles folded ${folded} events, but the log holds ${figures.folding.foldable} distinct ones: ` +
        'duplicates were counted, or events skipped that should not be',
    })
  }
  return findings
}

function judgeDeliveries({ deliveries, outcomesWithoutDelivery }: Figures): Finding[] {
  const findings: Finding[] = []
  for (const { destination, createdTwice, deliveredTwice } of deliveries) {
    if (createdTwice > 0) {
      findings.push({
        rule: 'L6',
        message: `destination ${destination}: ${createdTwice} deliveries exist twice`,
      })
    }
    if (deliveredTwice > 0) {
      findings.push({
        rule: 'L6',
        message: `destination ${destination}: ${deliveredTwice} deliveries were recorded as delivered twice`,
      })
    }
  }
  if (outcomesWithoutDelivery > 0) {
    findings.push({
      rule: 'L6',
      message: `${outcomesWithoutDelivery} outcomes of deliveries that are not in the log`,
    })
  }
  return findings
}

function placesText(at: readonly OffsetRange[]): string {
  return at.map(rangeText).join(', ') || 'unknown'
}

function placesOf(topic: string, places: readonly EventPlace[]): string {
  return places.map(({ partition, offset }) => `${topic}/${partition} offset ${offset}`).join(', ')
}

function records(count: number): string {
  return count === 1 ? '1 record' : `${count} records`
}
