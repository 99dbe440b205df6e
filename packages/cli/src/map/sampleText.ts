import { type Paint } from '../output/paint.ts'
import { shortened, table } from '../output/table.ts'
import { type LineVerdict } from './judgeSample.ts'

/** Longest event shown in full, characters; `--json` has all of it. */
const MAX_EVENT = 160

/** One line's verdict as a block of aligned rows. `file` is said with each line that is no event. */
export function verdictText(each: LineVerdict, file: string, paint: Paint): string {
  const number = String(each.line).padEnd(6)
  if (each.verdict !== 'accepted') {
    const colour = each.verdict === 'skipped' ? paint.yellow : paint.red
    return `${number}${colour(each.verdict.padEnd(9))} ${each.code} at ${file}:${each.line}: ${each.message}`
  }
  const { event, ignored, messageId } = each
  const name = event.name === '' ? event.type : `${event.type} ${JSON.stringify(event.name)}`
  const rows = [
    ['message', messageId ?? 'none of its own: the collector makes one'],
    ['time', timesText(each)],
    [
      'who',
      event.identifiers.length === 0
        ? 'nobody: it is kept, and makes no profile'
        : event.identifiers.map(({ type, value }) => `${type}:${value}`).join('  '),
    ],
    ...(event.erases ? [['erases', 'the person it names, with all that was received before it']] : []),
    ...(ignored.length === 0
      ? []
      : [['ignored', ignored.map(({ type, reason }) => `${type} (${reason})`).join('  ')]]),
    ['event', shortened(Buffer.from(event.payload ?? event.raw).toString('utf8'), MAX_EVENT)],
  ]
  return `${number}${paint.green('accepted')}  ${name}\n${table(rows, { indent: 16 })}`
}

function timesText({ event }: Extract<LineVerdict, { verdict: 'accepted' }>): string {
  const parts = [
    iso(event.timeMs)!,
    `original ${iso(event.originalMs) ?? '–'}`,
    `sent ${iso(event.sentMs) ?? '–'}`,
    `received ${iso(event.receivedMs)!}`,
  ]
  return parts.join('  ') + (event.flags.length === 0 ? '' : `  (${event.flags.join(', ')})`)
}

function iso(ms: number | undefined): string | undefined {
  return ms === undefined ? undefined : new Date(ms).toISOString()
}

/** One line's verdict as one line of JSON; the event's own text stands in it as it is, to the last digit. */
export function verdictJson(each: LineVerdict): string {
  if (each.verdict !== 'accepted') {
    const { line, verdict, code, message, messageId = null } = each
    return JSON.stringify({ line, verdict, code, message, messageId })
  }
  const { line, verdict, event, ignored, messageId = null } = each
  const head = JSON.stringify({
    line,
    verdict,
    type: event.type,
    name: event.name,
    messageId,
    identifiers: event.identifiers.map(({ type, value }) => ({ type, value })),
    ignored,
    time: iso(event.timeMs),
    originalTime: iso(event.originalMs) ?? null,
    sentTime: iso(event.sentMs) ?? null,
    receivedTime: iso(event.receivedMs),
    flags: event.flags,
    ...(event.erases && { erases: true }),
  })
  const text = Buffer.from(event.payload ?? event.raw).toString('utf8')
  return `${head.slice(0, -1)},"event":${text.replaceAll(/[\r\n]/g, ' ')}}`
}
