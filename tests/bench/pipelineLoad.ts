/**
 * What the bars of the whole pipeline send: batches of 20 events of people who are known after their first event.
 *
 * Of 20 events one is an identify that changes a trait (the probe, by which an event is followed to its profile), five are
 * orders, which change computed traits, and the others change nothing public. Every second batch shows a device for the
 * first time: new evidence in 2.5 % of the events.
 */
import { type BatchLoad, REQUEST_NUMBER, createBatchLoad } from './batchLoad.ts'
import { exampleEvent } from './collectorLoad.ts'

export const EVENTS_PER_REQUEST = 20
/** Each has people of its own, so this is how many people there are, in twenties. */
const TEMPLATES = 500
/** They are all known when each request has been sent once. */
export const PEOPLE = TEMPLATES * EVENTS_PER_REQUEST
const ORDERS_PER_REQUEST = 5
/** The place of the event with the new device. */
const NEW_DEVICE = 10
/** Requests of one load: no two loads send the same message ids. */
const REQUESTS_PER_LOAD = 1_000_000

let loads = 0

export interface Probe {
  readonly request: number
  readonly userId: string
  readonly messageId: string
  /** `position` of the collector's answer. */
  readonly position: string
  /** When it was accepted: the answer had arrived, by performance.now(). */
  readonly acceptedMs: number
}

export function createPipelineLoad(
  target: { readonly port: number; readonly authorization: string },
  onAccepted: (probe: Probe) => void = () => undefined,
): BatchLoad {
  return createBatchLoad(target, {
    eventsPerBatch: EVENTS_PER_REQUEST,
    templates: TEMPLATES,
    firstRequest: REQUESTS_PER_LOAD * loads++,
    event: pipelineEvent,
    onAcknowledged(request, acceptedMs, body) {
      const position = /"position":"([^"]+)"/.exec(body)?.[1]
      if (position === undefined) throw new Error(`the collector's answer has no position: ${body}`)
      const messageId = `bench-${numberText(request)}-0`
      onAccepted({ request, userId: userOf(probePerson(request)), messageId, position, acceptedMs })
    },
  })
}

/** What the trait of a probe says. */
export function planOf(request: number): string {
  return `plan-${numberText(request)}`
}

export const userOf = (person: number): string => `user-${person}`
const probePerson = (request: number): number => (request % TEMPLATES) * EVENTS_PER_REQUEST
const numberText = (request: number): string => String(request).padStart(REQUEST_NUMBER.length, '0')

function pipelineEvent(number: number): Record<string, unknown> {
  const place = number % EVENTS_PER_REQUEST
  const isNew = place === NEW_DEVICE && Math.floor(number / EVENTS_PER_REQUEST) % 2 === 0
  const event: Record<string, unknown> = {
    ...exampleEvent(number),
    // As of now: a server's clock is right.
    timestamp: undefined,
    userId: userOf(number),
    anonymousId: isNew ? `anonymous-${number}-${REQUEST_NUMBER}` : `anonymous-${number}`,
  }
  if (place === 0)
    return {
      ...event,
      type: 'identify',
      event: undefined,
      properties: undefined,
      traits: { plan: `plan-${REQUEST_NUMBER}`, first_name: 'Ada', city: 'Lyon' },
    }
  if (place > ORDERS_PER_REQUEST) return event
  return {
    ...event,
    event: 'Order Completed',
    properties: { ...(event['properties'] as object), total: 18.99 },
  }
}

/** Of one event as it is sent, with its comma. */
export const EVENT_BYTES =
  Array.from(
    { length: EVENTS_PER_REQUEST },
    (_, number) => JSON.stringify(pipelineEvent(number)).length + 1,
  ).reduce((sum, bytes) => sum + bytes, 0) / EVENTS_PER_REQUEST
