/**
 * What one hop of an event costs: each task decodes records, and the collector's records carry a stamp or none.
 * The reference is what the design did not take: JSON all the way, and encoding a message again to add a field.
 */
import { appendStamp } from '@tributary/contracts'
import { Event, EventRecord, EventType } from '@tributary/contracts/generated/tributary/event/v1/event'
import type { Bar } from '../bar.ts'

/** The size of a real commerce event with its context; the costs in the design are for this size. */
const RAW_BYTES = 1_100
/** One run: long enough that timers and collections of garbage even out, short enough for seven of them. */
const EVENTS_PER_RUN = 200_000
/** Different events, so that neither side can live from one shape in a cache line. */
const SAMPLES = 64

export const bars: Bar[] = [
  {
    name: 'envelope-read',
    about:
      'Events read per second by a task that needs the envelope only: protobuf with the payload unparsed, beside JSON.parse of the same event.',
    unit: 'events/s',
    better: 'higher',
    // Measured before it was built: 0.6 µs beside 3.2 µs. Below three times it would not pay for a second encoding.
    goal: 3,
    prepare() {
      const events = sampleEvents()
      const encoded = events.map((event) =>
        Buffer.from(EventRecord.encode({ record: { $case: 'event', value: event } }).finish()),
      )
      const json = events.map((event) =>
        Buffer.from(JSON.stringify({ ...event, raw: JSON.parse(event.raw.toString()) })),
      )
      return Promise.resolve({
        ours: () =>
          perSecond((index) => {
            const { record } = EventRecord.decode(encoded[index % SAMPLES] as Buffer)
            return record?.$case === 'event' ? record.value.identifiers.length : 0
          }),
        reference: () =>
          perSecond((index) => {
            const event = JSON.parse((json[index % SAMPLES] as Buffer).toString('utf8')) as Event
            return event.identifiers.length
          }),
      })
    },
  },
  {
    name: 'stamp-append',
    about:
      'Stamps put on encoded messages per second: appended as the last field, beside encoding the whole message again with it.',
    unit: 'messages/s',
    better: 'higher',
    // Output records are encoded before the batch knows their numbers; encoding twice would double that cost.
    goal: 2,
    prepare() {
      const events = sampleEvents()
      const encoded = events.map((event) => Event.encode(event).finish())
      const stamp = (index: number) => ({ epoch: 1, writer: 'fragment-3', seq: index })
      return Promise.resolve({
        ours: () =>
          perSecond((index) => appendStamp(encoded[index % SAMPLES] as Uint8Array, stamp(index)).length),
        reference: () =>
          perSecond((index) => {
            const event = events[index % SAMPLES] as Event
            return Event.encode({ ...event, messageId: `fragment-3-${index}` }).finish().length
          }),
      })
    },
  },
]

function perSecond(work: (index: number) => number): number {
  let sum = 0
  const started = process.hrtime.bigint()
  for (let index = 0; index < EVENTS_PER_RUN; index++) sum += work(index)
  const seconds = Number(process.hrtime.bigint() - started) / 1e9
  // The sum is used, so the work cannot be left out by the compiler.
  if (sum <= 0) throw new Error('the measured work did nothing')
  return EVENTS_PER_RUN / seconds
}

function sampleEvents(): Event[] {
  return Array.from({ length: SAMPLES }, (_, index) => {
    const raw = rawEvent(index)
    return Event.fromPartial({
      messageId: `018f-${index}-4711`,
      sourceId: 'web',
      type: EventType.EVENT_TYPE_TRACK,
      name: 'Order Completed',
      anchor: index.toString(16).padStart(32, '0'),
      identifiers: [
        { type: 'user_id', value: `user-${index}`, id: index.toString(16).padStart(32, '0') },
        {
          type: 'anonymous_id',
          value: `anonymous-${index}`,
          id: (index + 1000).toString(16).padStart(32, '0'),
        },
      ],
      timeMs: 1_767_225_600_000 + index,
      receivedTimeMs: 1_767_225_600_500 + index,
      raw,
      origin: `http:018f-${index}:0`,
    })
  })
}

function rawEvent(index: number): Buffer {
  const products = Array.from({ length: 6 }, (_, item) => ({
    product_id: `sku-${index}-${item}`,
    name: 'Organic coffee beans, 1 kg',
    price: 12.5 + item,
    quantity: 1 + (item % 3),
  }))
  const event = {
    type: 'track',
    event: 'Order Completed',
    userId: `user-${index}`,
    anonymousId: `anonymous-${index}`,
    properties: { order_id: `order-${index}`, total: 129.95, currency: 'EUR', products },
    context: { library: { name: 'analytics-node', version: '3.1.0' }, filler: '' },
  }
  event.context.filler = 'x'.repeat(Math.max(0, RAW_BYTES - JSON.stringify(event).length))
  return Buffer.from(JSON.stringify(event))
}
