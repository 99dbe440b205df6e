/** The week for people: tables that line up, colour only on a terminal. */
import type { WeekResult } from './runWeek.ts'
import type { ShopWeek } from './shopWeek.ts'

type Row = (string | number)[]

export function report(week: ShopWeek, result: WeekResult, colour: boolean): string {
  const bold = (text: string): string => (colour ? `\x1b[1m${text}\x1b[0m` : text)
  const mark = (holds: boolean): string => {
    const sign = holds ? '✓' : '✗'
    return colour ? `\x1b[${holds ? 32 : 31}m${sign}\x1b[0m` : sign
  }
  const section = (title: string, rows: Row[]): string => `${bold(title)}\n${table(rows)}`
  const { shown } = result
  const sourceRows = result.perSource.map((s): Row => [
    s.source,
    week.expected.sent[s.source as keyof typeof week.expected.sent] ?? 0,
    s.accepted,
    s.rejected,
  ])
  const because = shown.why.map(({ a, b, answer }): Row => [
    `${a.type} and ${b.type}`,
    answer.summary !== '' ? answer.summary : answer.steps.map((step) => step.detail).join('; '),
  ])
  return [
    `${week.sends.length.toLocaleString('en')} events of ${week.expected.customers} people, played in ` +
      `${result.played.seconds.toFixed(1)} s; everything had arrived ${result.settledSeconds.toFixed(1)} s later.\n`,
    section('Sent and taken', [['source', 'sent', 'accepted', 'rejected'], ...sourceRows]),
    section(
      'Refused, and why',
      result.rejections.map((r): Row => [r.code, r.count, r.example]),
    ),
    section(
      'Stored but not counted, and why',
      Object.entries(result.skips).map(([reason, count]): Row => [reason.replaceAll('_', ' '), count]),
    ),
    section('One customer', [
      ['profile', shown.profile.profileId],
      ['found by', shown.who.map((w) => w.type).join(', ')],
      ['identifiers', shown.profile.identifiers.map((i) => `${i.type} ${i.value}`).join(', ')],
      ['traits', brief(shown.profile.traits)],
      ['computed', brief(shown.profile.computed)],
      ['audiences', Object.keys(shown.profile.audiences).join(', ') || 'none'],
    ]),
    section('Why these belong together', because),
    section('Audiences', [['audience', 'members'], ...Object.entries(result.audiences)]),
    section('Webhooks', [
      ['deliveries', result.reached.deliveriesStored],
      ['delivered, each signature verified', result.reached.deliveriesDelivered],
    ]),
    `${bold('Ledger')}\n  ${ledgerLine(result.ledger.text)}\n`,
    `${bold('Compared with what is true in this week')}\n${table(
      result.checks.map((c): Row => [
        mark(c.holds),
        c.what,
        c.found,
        c.holds ? '' : `expected ${c.expected}`,
      ]),
    )}`,
  ].join('\n')
}

/** The sentence at the end; `make audit` prints the tables above it. When it does not balance, all of it. */
function ledgerLine(text: string): string {
  const line = text.split('\n').find((l) => l.startsWith('ledger:'))
  return line?.endsWith('balances') ? line : text.trimEnd()
}

/** Numbers to the right, text to the left. */
function table(rows: Row[]): string {
  const widths: number[] = []
  for (const row of rows)
    for (const [i, cell] of row.entries()) widths[i] = Math.max(widths[i] ?? 0, length(cell))
  return rows
    .map((row) =>
      row
        .map((cell, i) => {
          const gap = ' '.repeat(widths[i]! - length(cell))
          const right = typeof cell === 'number' || isFigure(rows, i)
          return right ? gap + cellText(cell) : cellText(cell) + gap
        })
        .join('  ')
        .trimEnd(),
    )
    .map((line) => `  ${line}\n`)
    .join('')
}

/** Whether all cells of a column but its heading are numbers. */
function isFigure(rows: Row[], column: number): boolean {
  return rows.length > 1 && rows.slice(1).every((row) => typeof row[column] === 'number')
}

function cellText(cell: string | number): string {
  return typeof cell === 'number' ? cell.toLocaleString('en') : cell
}

function length(cell: string | number): number {
  // oxlint-disable-next-line no-control-regex -- colours take no room
  return Array.from(cellText(cell).replaceAll(/\x1b\[\d+m/g, '')).length
}

function brief(values: { [key: string]: unknown }): string {
  const parts = Object.entries(values).map(
    ([key, value]) => `${key} ${typeof value === 'string' ? value : JSON.stringify(value)}`,
  )
  const text = parts.join(', ')
  return text.length > 160 ? `${text.slice(0, 159)}…` : text
}
