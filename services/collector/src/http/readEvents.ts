/**
 * From the bytes of a body to a verdict on each event in it. Pure: ids and the time are arguments; nothing is sent.
 */
import {
  type BodyProblem,
  type JsonObject,
  type ReceivedItem,
  type Verdict,
  type Wanted,
  admitBatch,
  isJsonObject,
  readBatch,
  readSingle,
} from '@tributary/domain'
import { type RejectedArrival } from '@tributary/contracts'
import { type IncomingHttpHeaders } from 'node:http'
import { type KeyHolder } from '../sources/sourceBook.ts'
import { type Answer, refuse } from './answer.ts'
import { bodyText } from './bodyText.ts'
import { readCloudEvents } from './readCloudEvents.ts'
import { type Route } from './route.ts'

/**
 * Context beside a batch is repeated in each event's payload: what a body of 4 MiB may grow to, so that no body is
 * worth more memory than four of the largest.
 */
const MAX_SHARED_BYTES = 16 * 1024 * 1024
/** No time is longer, characters. */
const MAX_TIME_LENGTH = 100
/** Elements that are looked at beyond the events that are taken, to say of each that it was not. */
const SURPLUS = 4

export interface EventsRead {
  readonly items: readonly ReceivedItem[]
  /** Beside `batch`, or the event itself: where a key may be. */
  readonly envelope: JsonObject
  readonly isBatch: boolean
}

export type EventRoute = Extract<Route, { kind: 'batch' | 'single' | 'cloudevents' | 'webhook' }>

/** Given `wanted`, that and no more is built of each event, where nothing else can be asked for. */
export function readEvents(
  route: EventRoute,
  body: Buffer,
  headers: IncomingHttpHeaders,
  limits: { readonly maxEvents: number; readonly maxDepth: number },
  wanted?: Wanted,
): EventsRead | { readonly refused: Answer } {
  const { decode, isUtf8 } = bodyText(body)
  if (route.kind === 'cloudevents') {
    const items = readCloudEvents(body, headers, { maxItems: limits.maxEvents * SURPLUS }, decode)
    return 'code' in items ? refused(items) : { items, envelope: {}, isBatch: false }
  }
  if (route.kind === 'single' || route.kind === 'webhook') {
    // A webhook is mapped, and a mapping looks at all of it.
    const item = readSingle(body, decode, isUtf8 && route.kind === 'single' ? wanted : undefined)
    if ('code' in item) return refused(item)
    if (!isJsonObject(item.value)) return { refused: refuse('invalid_body', 'an event is a JSON object') }
    return { items: [item], envelope: item.value, isBatch: false }
  }
  const batch = readBatch(body, { maxItems: limits.maxEvents * SURPLUS }, decode, isUtf8 ? wanted : undefined)
  if ('code' in batch) return refused(batch)
  // The context of an event is its second level.
  if (batch.envelopeDepth >= limits.maxDepth)
    return {
      refused: refuse(
        'invalid_body',
        `what stands beside "batch" is nested too deep; ${limits.maxDepth} levels at most`,
      ),
    }
  if (batch.sharedBytes * batch.items.length > MAX_SHARED_BYTES)
    return {
      refused: refuse(
        'body_too_large',
        'the context beside "batch" is too large for so many events; send smaller batches',
      ),
    }
  return { items: batch.items, envelope: batch.envelope, isBatch: true }
}

function refused(problem: BodyProblem): { readonly refused: Answer } {
  return { refused: refuse(problem.code, problem.message) }
}

export interface Receipt {
  readonly requestId: string
  readonly receivedMs: number
  readonly sentHeader: string | undefined
  readonly maxEvents: number
  readonly newMessageId: () => string
}

/** One verdict per item, in order. */
export function judgeEvents(
  route: EventRoute,
  read: EventsRead,
  holder: KeyHolder,
  receipt: Receipt,
): Verdict[] {
  const { circumstances } = holder.source
  const { requestId, receivedMs, maxEvents, newMessageId, sentHeader } = receipt
  return admitBatch(
    read.items,
    {
      ...circumstances,
      trusted: holder.trusted,
      sentHeader,
      ...(read.isBatch && { shared: read.envelope }),
      ...(route.kind === 'single' && { type: route.type }),
      ...(route.kind === 'cloudevents' && { mapping: holder.source.cloudEvents }),
    },
    { requestId, receivedMs, maxEvents, newMessageId },
  )
}

/** How the events of a request came, kept with those that are refused: `judgeAgain` of @tributary/sources reads it. */
export function arrivalOf(
  route: EventRoute,
  { isBatch, envelope }: EventsRead,
  { trusted, delivery }: KeyHolder,
  sentHeader: string | undefined,
): RejectedArrival {
  if (route.kind === 'webhook') return { as: 'delivery', trusted, beside: JSON.stringify(delivery) }
  const beside = isBatch ? besideBatch(envelope) : undefined
  return {
    as: route.kind === 'cloudevents' ? 'cloudevent' : 'event',
    trusted,
    ...(route.kind === 'single' && route.type !== undefined && { type: route.type }),
    ...(sentHeader !== undefined && {
      sentAt: sentHeader.length <= MAX_TIME_LENGTH ? sentHeader : 'unreadable',
    }),
    ...(beside !== undefined && { beside }),
  }
}

/**
 * Only what a verdict reads: a key may stand beside a batch too, and is nobody's to keep. It is repeated with each reject:
 * context and integrations are bounded by MAX_SHARED_BYTES, and what is too long for a time is no time.
 */
function besideBatch(envelope: JsonObject): string | undefined {
  const beside: JsonObject = {}
  for (const name of ['context', 'integrations']) if (name in envelope) beside[name] = envelope[name]!
  for (const name of ['sentAt', 'timestamp']) {
    const time = envelope[name]
    if (time === undefined || time === null) continue
    beside[name] = JSON.stringify(time).length <= MAX_TIME_LENGTH ? time : 'unreadable'
  }
  return Object.keys(beside).length === 0 ? undefined : JSON.stringify(beside)
}
