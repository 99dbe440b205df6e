/** A request as a span, and its events in the same trace. Uploads are not traced: a file is no request of a person. */
import { type IncomingMessage } from 'node:http'
import { type ActiveSpan, type Tracing } from '@tributary/service-kit'
import { type OutgoingRecord } from '../produce/outgoing.ts'
import { type Route } from './route.ts'

const TRACED: ReadonlySet<Route['kind']> = new Set(['batch', 'single', 'cloudevents', 'webhook'])

/** `startedMs`: of the head of the request, ms since 1970. Undefined when it is not traced. */
export function beginRequest(
  tracing: Tracing | undefined,
  route: Route,
  { headers }: IncomingMessage,
  startMs: number,
): ActiveSpan | undefined {
  if (tracing === undefined || !TRACED.has(route.kind)) return undefined
  const { traceparent } = headers
  const parents = typeof traceparent === 'string' ? [traceparent] : []
  return tracing.begin(`POST ${route.name}`, 'server', parents, { startMs, atDoor: true })
}

/** Events carry the trace of what brought them; rejects end here. */
export function inTrace(
  records: readonly OutgoingRecord[],
  span: ActiveSpan | undefined,
): readonly OutgoingRecord[] {
  if (span === undefined) return records
  const headers = { traceparent: span.traceparent }
  return records.map((record) => (record.topic === 'events' ? { ...record, headers } : record))
}

/** `decided`: what came of the body, once it was read. */
export function endRequest(
  span: ActiveSpan | undefined,
  route: string,
  status: number,
  decided: { readonly source: string; readonly records: readonly OutgoingRecord[] } | undefined,
): void {
  span?.end(
    {
      'http.request.method': 'POST',
      'http.route': route,
      'http.response.status_code': status,
      'messaging.batch.message_count': decided?.records.length ?? 0,
      ...(decided && { 'tributary.source': decided.source }),
    },
    { failed: status >= 500 },
  )
}
