/** The audit for people: one line, and tables with aligned columns. */
import type { AuditReport, Folding } from './auditReport.ts'

/**
 * `ledger: received R = events E + rejected J · events E = folded F + skipped S (duplicate d, no identifier n …) ·
 * gaps 0 · doubled 0 · balances`, and `stored S = present P + erased e + expired x` when something was removed on purpose
 */
export function ledgerLine(report: AuditReport): string {
  const { received, rejected, redriven, repeated, folding, gaps, doubled, balanced, findings } = report
  const events = `events ${number(folding.events)}${folding.copied === 0 ? '' : ` (copied ${number(folding.copied)})`}`
  const again =
    (repeated === 0 ? '' : ` + repeated ${number(repeated)}`) +
    (redriven === 0 ? '' : ` + sent again ${number(redriven)}`)
  const erased = folding.erased === 0 ? '' : ` + erased ${number(folding.erased)}`
  const flight = folding.inFlight === 0 ? '' : ` + in flight ${number(folding.inFlight)}`
  return [
    `ledger: received ${number(received)}${again} = events ${number(report.accepted)} + rejected ${number(rejected)}`,
    `${events} = folded ${number(folding.folded)}${erased} + skipped ${number(folding.skipped)}${reasonsText(folding)}${flight}`,
    ...storedText(report),
    `gaps ${number(gaps)}`,
    `doubled ${number(doubled)}`,
    balanced ? 'balances' : `DOES NOT BALANCE (${findings.length} findings)`,
  ].join(' · ')
}

/** L7; nothing while nothing was removed. */
function storedText({ stored: { present, erased, expired } }: AuditReport): string[] {
  if (erased + expired === 0) return []
  const rows = number(present + erased + expired)
  return [
    `stored ${rows} = present ${number(present)} + erased ${number(erased)} + expired ${number(expired)}`,
  ]
}

function reasonsText({ reasons }: Folding): string {
  const parts = Object.entries(reasons)
    .filter(([, count]) => count > 0)
    .map(([reason, count]) => `${reason.replaceAll('_', ' ')} ${number(count)}`)
  return parts.length === 0 ? '' : ` (${parts.join(', ')})`
}

export function formatReport(report: AuditReport): string {
  const { figures, findings, folding, balanced, behind } = report
  const sections = [
    section(
      'sources',
      ['source', 'received', 'events', 'repeated', 'rejected', 'sent again'],
      figures.sources.map((each) => [
        each.source,
        each.eventOrigins + each.rejectedOrigins - each.bothOrigins - each.redrivenOrigins,
        each.events,
        each.events - each.eventOrigins,
        each.rejectedOrigins,
        each.redrivenOrigins,
      ]),
    ),
    section(
      'by hour',
      ['hour (UTC)', 'source', 'topic', 'partition', 'rows', 'skipped', 'missing', 'doubled'],
      (figures.hours ?? []).map((each) => [
        new Date(each.hourMs).toISOString().slice(0, 16),
        each.source,
        each.topic,
        each.partition,
        each.rows,
        each.skipped,
        each.missing,
        each.doubled,
      ]),
    ),
    section(
      'log',
      [
        'topic',
        'partition',
        'rows',
        'first',
        'last',
        'markers',
        'erased',
        'expired',
        'missing',
        'doubled',
        'set aside',
        'behind',
      ],
      figures.partitions.map((partition) => [
        partition.topic,
        partition.partition,
        partition.rows,
        partition.first,
        partition.last,
        partition.gaps,
        partition.removed?.erased ?? 0,
        partition.removed?.expired ?? 0,
        Math.max(
          partition.last + 1 - partition.offsets - partition.gaps - (partition.removed?.accounted ?? 0),
          0,
        ),
        partition.rows - partition.offsets,
        partition.quarantined,
        partition.kafka?.behind ?? '?',
      ]),
    ),
    section(
      'stamps',
      ['topic', 'partition', 'epoch', 'writer', 'records', 'last', 'missing', 'doubled'],
      figures.sequences.map((sequence) => [
        sequence.topic,
        sequence.partition,
        sequence.epoch,
        sequence.writer,
        sequence.rows,
        sequence.last,
        sequence.last - sequence.silent - sequence.numbers,
        sequence.rows - sequence.numbers,
      ]),
    ),
    section(
      'profile versions',
      ['partition', 'changes', 'last', 'missing', 'doubled'],
      figures.versions.map((version) => [
        version.partition,
        version.changes,
        version.last,
        version.last - version.numbers,
        version.changes - version.numbers,
      ]),
    ),
    section(
      'deliveries',
      ['destination', 'created', 'delivered', 'pending', 'dead', 'filtered'],
      figures.deliveries.map((delivery) => [
        delivery.destination,
        delivery.created,
        delivery.delivered,
        delivery.pending,
        delivery.dead,
        delivery.filtered,
      ]),
    ),
    section(
      'events',
      [
        'topic',
        'events',
        'copied',
        `folded (by the ${folding.foldedBy})`,
        'erased',
        'skipped',
        'in flight',
        'control records',
      ],
      [
        [
          figures.folding.topic,
          folding.events,
          folding.copied,
          folding.folded,
          folding.erased,
          folding.skipped,
          folding.inFlight,
          folding.controls,
        ],
      ],
    ),
    section(
      'the same message under several anchors (each counts once)',
      ['source', 'message id', 'anchors'],
      figures.twoAnchors.map(({ source, messageId, anchors }) => [source, messageId, anchors]),
    ),
    findings.length === 0
      ? undefined
      : ['findings', ...findings.map(({ rule, message }) => `  ${rule}  ${message}`)].join('\n'),
    balanced || !behind ? undefined : `${number(behind)} records are not stored yet: ask again when they are`,
    ledgerLine(report),
  ]
  return sections.filter((text) => text !== undefined).join('\n\n')
}

function section(title: string, head: readonly string[], rows: (string | number)[][]): string | undefined {
  if (rows.length === 0) return undefined
  const lines = [
    [...head],
    ...rows.map((row) => row.map((cell) => (typeof cell === 'number' ? number(cell) : cell))),
  ]
  const widths = head.map((_name, column) => Math.max(...lines.map((line) => line[column]!.length)))
  const isNumber = head.map((_name, column) => rows.every((row) => typeof row[column] === 'number'))
  const text = lines.map((line) =>
    line
      .map((cell, column) =>
        isNumber[column] ? cell.padStart(widths[column]!) : cell.padEnd(widths[column]!),
      )
      .join('  ')
      .trimEnd(),
  )
  return [title, ...text.map((line) => `  ${line}`)].join('\n')
}

function number(value: number): string {
  return value.toLocaleString('en-US')
}
