/**
 * The way of a message as rows of a story: what happened, when, where; and of each step that is not there, why it may
 * be so. Pure.
 *
 *  T1. Every row of the trace is in the story; nothing is guessed: what only may be is said so.
 */
import { MAX_TRACED, type MessageTrace, type TracedEvent, type TracedPlace } from '@tributary/clickhouse-log'
import { REDRIVE_ORIGIN } from '@tributary/contracts'
import { agoText } from '../output/time.ts'
import { shortened } from '../output/table.ts'

/** What the profile-store says now of the one an event is filed under. */
export type Present =
  | {
      readonly profileId: string
      readonly version: string
      readonly events: number
      readonly identifiers: number
      readonly audiences: readonly string[]
      /** Tasks that had not read the event when it was asked; empty: it is in the profile. */
      readonly behind: readonly string[]
    }
  | { readonly unknown: string }

export interface StoryRow {
  readonly step:
    | 'received'
    | 'rejected'
    | 'accepted'
    | 'evidence'
    | 'identity'
    | 'fragment'
    | 'profile'
    | 'audience'
    | 'delivery'
  /** ISO-8601; undefined for what is not there, or is so now. */
  readonly time?: string
  readonly place?: string
  readonly what: string
}

export interface Story {
  readonly rows: readonly StoryRow[]
  /** What to know beside the rows: several anchors or sources, rows that are left out. */
  readonly notes: readonly string[]
}

/** `present` by anchor; undefined when nobody could be asked, with the reason. */
export function traceStory(
  trace: MessageTrace,
  present: ReadonlyMap<string, Present> | string,
  nowMs: number,
): Story {
  const rows = [
    ...trace.rejects.flatMap((each): StoryRow[] => [
      ...received(each, trace),
      { step: 'rejected', ...placed(each), what: `${each.code}: ${shortened(each.message, 200)}` },
    ]),
    ...trace.events.flatMap((each) => [...received(each, trace), ...accepted(each)]),
    ...trace.events.flatMap((each) => evidence(each, trace.messageId)),
    ...trace.identityChanges.map((each): StoryRow => ({
      step: 'identity',
      ...placed(each),
      what: `${each.kind}: ${each.from.join(', ')} → ${each.to.join(', ')}`,
    })),
    ...trace.events.flatMap((each) => fragment(each, present)),
    ...(trace.events.some(({ skipped }) => !skipped) ? outcome(trace, present) : []),
  ]
  return { rows, notes: notes(trace, nowMs) }
}

/** An event that was sent again was received once, with its reject. */
function received(
  each: { readonly origin: string; readonly source: string; readonly receivedMs: number },
  { rejects }: MessageTrace,
): StoryRow[] {
  const again = each.origin.startsWith(REDRIVE_ORIGIN)
  const origin = again ? each.origin.slice(REDRIVE_ORIGIN.length) : each.origin
  if (again && rejects.some((reject) => reject.origin === origin)) return []
  return [
    { step: 'received', time: iso(each.receivedMs), place: originText(origin), what: `from ${each.source}` },
  ]
}

/** "http:<request id>:<index>" or "kafka:<topic>:<partition>:<offset>". */
function originText(origin: string): string {
  const kafka = /^kafka:(.*):(\d+):(\d+)$/.exec(origin)
  if (kafka) return `${kafka[1]} ${kafka[2]}:${kafka[3]}`
  const http = /^http:(.*):(\d+)$/.exec(origin)
  return http ? `request ${http[1]}, number ${Number(http[2])}` : origin
}

function accepted(event: TracedEvent): StoryRow[] {
  const name = event.name === '' ? event.type : `${event.type} ${JSON.stringify(event.name)}`
  const who = event.identifiers.map(({ type, value }) => `${type}:${value}`)
  const again = event.origin.startsWith(REDRIVE_ORIGIN) ? ', sent again after it had been refused' : ''
  return [
    { step: 'accepted', ...placed(event), what: `${name} from ${event.source}${again}` },
    {
      step: 'accepted',
      what:
        who.length === 0
          ? 'of nobody'
          : `filed under ${who[0]}${who.length > 1 ? `, with ${who.slice(1).join(', ')}` : ''}`,
    },
    {
      step: 'accepted',
      what:
        `happened ${iso(event.timeMs)}; original ${iso(event.originalMs) ?? '–'}, sent ${iso(event.sentMs) ?? '–'}` +
        (event.flags.length === 0 ? '' : ` (${event.flags.join(', ')})`),
    },
  ]
}

function evidence({ identifiers, type, evidence: found }: TracedEvent, messageId: string): StoryRow[] {
  if (found) {
    const says = `${found.class.replaceAll('_', '-')} of ${found.memberTypes.join(', ')}`
    const whose = found.messageId === messageId ? '' : `; known already, from message ${found.messageId}`
    return [{ step: 'evidence', ...placed(found), what: says + whose }]
  }
  if (identifiers.length < 2 && type !== 'alias')
    return [{ step: 'evidence', what: 'none: one identifier says nothing about who is who' }]
  return [
    {
      step: 'evidence',
      what: 'not there yet: the extractor has not read it, or the log is not written yet; an event that was skipped or erased has none',
    },
  ]
}

function fragment(event: TracedEvent, present: ReadonlyMap<string, Present> | string): StoryRow[] {
  if (event.skipped)
    return [
      { step: 'fragment', ...placed(event.skipped), what: `not folded: ${skipReason(event.skipped.reason)}` },
    ]
  const at = `${event.partition}:${event.offset}`
  const now = typeof present === 'string' ? undefined : present.get(event.anchor)
  if (now && 'profileId' in now)
    return [
      {
        step: 'fragment',
        what:
          now.behind.length === 0
            ? `folded: the profile-store has read past ${at}`
            : `not folded yet: behind are ${now.behind.join(', ')}`,
      },
    ]
  return [{ step: 'fragment', what: `folded, or not read yet: nothing was skipped at ${at} so far` }]
}

const reasons: Readonly<Record<string, string>> = {
  duplicate: 'the same message of the same source and anchor was folded before',
  conflict: 'another event of the same message id was folded before',
  no_identifier: 'it has no identifier, so there is no profile',
  erased: 'what it is about was erased',
  blocked: 'its identifier is blocked',
}

function skipReason(reason: string): string {
  return `${reason}${reasons[reason] === undefined ? '' : `, ${reasons[reason]}`}`
}

function outcome(trace: MessageTrace, present: ReadonlyMap<string, Present> | string): StoryRow[] {
  const rows: StoryRow[] = trace.profileChanges.map((each) => ({
    step: 'profile',
    ...placed(each),
    what: `${shortType(each.type)} ${each.profileId}, version ${each.version}: ${shortened(each.changed.join(', '), 160)}`,
  }))
  if (trace.profileChanges.length === 0)
    rows.push({
      step: 'profile',
      what: 'no public change names it: it changed nothing but counts and last-seen times, more than twenty messages made one change, or it is not there yet',
    })
  if (typeof present === 'string')
    rows.push({ step: 'profile', what: `the present one was not asked for: ${present}` })
  else
    for (const now of present.values())
      rows.push({
        step: 'profile',
        what:
          'unknown' in now
            ? `now: ${now.unknown}`
            : `now ${now.profileId}, version ${now.version}: ${now.events} events, ${now.identifiers} identifiers` +
              (now.audiences.length === 0 ? ', in no audience' : `, in ${now.audiences.join(', ')}`),
      })
  rows.push(
    ...trace.audienceChanges.map((each): StoryRow => ({
      step: 'audience',
      ...placed(each),
      what: `${each.change} ${each.audience}, profile ${each.profileId}`,
    })),
    ...trace.deliveries.flatMap((each): StoryRow[] => [
      {
        step: 'delivery',
        ...placed(each),
        what: `${each.id} to ${each.destination} by ${each.sync}${each.filtered === '' ? '' : `, not to be sent: ${each.filtered}`}`,
      },
      each.outcome
        ? {
            step: 'delivery',
            ...placed(each.outcome),
            what: [
              each.outcome.kind,
              each.outcome.attempt > 0 ? `at try ${each.outcome.attempt}` : '',
              each.outcome.code,
            ]
              .filter((part) => part !== '')
              .join(' '),
          }
        : { step: 'delivery', what: 'nothing has become of it yet: it waits, or was made just now' },
    ]),
  )
  if (trace.audienceChanges.length === 0)
    rows.push({ step: 'audience', what: 'nobody entered or left an audience by it, as far as is written' })
  if (trace.deliveries.length === 0)
    rows.push({
      step: 'delivery',
      what:
        trace.profileChanges.length + trace.audienceChanges.length === 0
          ? 'none: without a change there is nothing to send'
          : 'none: no sync is about these changes, or activation has not read them yet',
    })
  return rows
}

function notes({ messageId, events, rejects, cut, writtenMs }: MessageTrace, nowMs: number): string[] {
  const log =
    writtenMs === undefined
      ? 'the event log is empty'
      : `the event log was last written ${agoText(writtenMs, nowMs)}; it follows Kafka by about a second`
  if (events.length + rejects.length === 0)
    return [
      `nothing of message ${messageId} is in the event log: it was never received, came under another id, or is not written yet`,
      log,
      'a reject whose message id could not be read has none: look at `tributary rejects list`',
    ]
  const found: string[] = []
  const sources = new Set([...events, ...rejects].map(({ source }) => source))
  if (sources.size > 1)
    found.push(`it came from ${sources.size} sources (${[...sources].join(', ')}): each counts for itself`)
  for (const source of sources) {
    const anchors = new Set(events.filter((each) => each.source === source).map(({ anchor }) => anchor))
    if (anchors.size > 1)
      found.push(
        `${source} sent it under ${anchors.size} anchors: they are different events to the profiles, see \`tributary audit\``,
      )
  }
  for (const step of cut) found.push(`more ${step} than ${MAX_TRACED}: the first ones are shown`)
  return [...found, log]
}

function placed({ topic, partition, offset, appendedMs }: TracedPlace) {
  return { time: iso(appendedMs), place: `${topic} ${partition}:${offset}` }
}

function shortType(type: string): string {
  return type.replace(/^dev\.tributary\.profile\./, '').replace(/\.v\d+$/, '')
}

function iso<T extends number | undefined>(ms: T): T extends number ? string : string | undefined {
  return (ms === undefined ? undefined : new Date(ms).toISOString()) as T extends number
    ? string
    : string | undefined
}
