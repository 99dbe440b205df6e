/** What one run of a client shows: pure, from what the front saw and what stands in the log. */
import { type Client, type Status } from './clients.ts'
import { type Attempt } from './scriptedFront.ts'

export interface Delivered {
  readonly type: number
  readonly messageId: string
  readonly name: string
  readonly identifiers: readonly { readonly type: string; readonly value: string }[]
  readonly previous?: { readonly value: string } | undefined
  /** What makes an event the same one: taken out once more by source, message id and anchor. */
  readonly anchor: string
}

export interface Run {
  readonly attempts: readonly Attempt[]
  readonly events: readonly Delivered[]
  readonly rejected: number
}

export interface Judgement {
  /** For the table: what it did, as short as can be. */
  readonly cell: string
  readonly problems: readonly string[]
}

const TYPE_NAMES = ['', 'track', 'identify', 'page', 'screen', 'group', 'alias']
/** A timer may fire that much early, ms; far below the difference between a backoff and Retry-After. */
const EARLY_MS = 50

export function judge(client: Client, status: Status, run: Run): Judgement {
  const expected = client.expected[status]
  const most = Math.max(0, ...[...attemptsById(run.attempts).values()].map((each) => each.length))
  const once = distinct(run.events)
  const dropped = once.length === 0 && most === 1
  const wait = retryWait(run.attempts)
  const did = dropped
    ? 'drop'
    : once.length === 0
      ? `gives up after ${most}`
      : `once${most > 1 ? `, ${most} attempts` : ''}`
  const obeys = wait !== undefined && wait.waitedMs >= wait.askedMs - EARLY_MS
  const cell =
    wait === undefined || dropped
      ? did
      : `once after ${(wait.waitedMs / 1000).toFixed(1)} s of ${wait.askedMs / 1000}${obeys ? '' : ' (sooner)'}`

  const problems: string[] = []
  if (expected === 'drop' && most !== 1) problems.push(`expected one attempt of each event, saw ${most}`)
  if (expected === 'gives up' && most < 2) problems.push(`expected several attempts, saw ${most}`)
  if (expected !== 'once') {
    if (once.length > 0) problems.push(`${once.length} events were delivered`)
  } else problems.push(...deliveryProblems(client, run, once))
  if (['429', '503'].includes(status) && expected === 'once') {
    if (!wait) problems.push('nothing was refused with Retry-After and sent again')
    else if (!obeys && client.waits.includes(status))
      problems.push(`it came back after ${wait.waitedMs.toFixed(0)} ms, sooner than Retry-After says`)
  }
  if (run.rejected > 0) problems.push(`${run.rejected} events were rejected`)
  return { cell, problems }
}

function deliveryProblems({ types }: Client, { events }: Run, once: readonly Delivered[]): string[] {
  const problems: string[] = []
  for (const type of types) {
    const count = once.filter((event) => event.type === type).length
    if (count !== 1) problems.push(`${TYPE_NAMES[type]} was delivered ${count} times`)
  }
  if (once.length > types.length) problems.push(`${once.length} events were delivered`)
  const ids = new Set(events.map((event) => event.messageId))
  if (ids.size !== once.length) problems.push('one message id stands for two events')
  const of = (type: number): Delivered | undefined => once.find((event) => event.type === type)
  const track = of(1)
  if (track && !has(track, 'u1')) problems.push('the track event has lost its user')
  if (track && track.name !== 'Order Completed') problems.push('the track event has lost its name')
  const identify = of(2)
  if (identify && !has(identify, 'ada@shop.example')) problems.push('the identify event has lost its email')
  const alias = of(6)
  if (alias && alias.previous?.value !== 'u1') problems.push('the alias has lost its previous id')
  return problems
}

function has(event: Delivered, value: string): boolean {
  return event.identifiers.some((each) => each.value === value)
}

/** As the fragment task counts them: a repeated record has the message id and the anchor of the first one. */
function distinct(events: readonly Delivered[]): Delivered[] {
  return [...new Map(events.map((event) => [`${event.messageId} ${event.anchor}`, event])).values()]
}

function attemptsById(attempts: readonly Attempt[]): Map<string, Attempt[]> {
  const byId = new Map<string, Attempt[]>()
  for (const attempt of attempts)
    for (const id of attempt.messageIds) byId.set(id, [...(byId.get(id) ?? []), attempt])
  return byId
}

/** The shortest time between an attempt that was told to wait and the next one of the same event. */
function retryWait(attempts: readonly Attempt[]): { waitedMs: number; askedMs: number } | undefined {
  const waits = [...attemptsById(attempts).values()].flatMap((each) =>
    each.slice(1).flatMap((next, index) => {
      const { atMs, retryAfterS } = each[index]!
      return retryAfterS === undefined ? [] : [{ waitedMs: next.atMs - atMs, askedMs: retryAfterS * 1000 }]
    }),
  )
  return waits.toSorted((a, b) => a.waitedMs - a.askedMs - (b.waitedMs - b.askedMs))[0]
}
