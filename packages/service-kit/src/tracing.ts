/**
 * Traces, as OpenTelemetry over OTLP/HTTP: from a request, or a record of a producer, to the delivery.
 *
 *  O1. Without OTEL_EXPORTER_OTLP_ENDPOINT nothing of OpenTelemetry is loaded, no header is written and no span is made.
 *  O2. A trace begins at the door (TRACE_RATIO, or as a sampled traceparent of the sender says), and every later span is
 *      its child, by the traceparent that its records carry. What several traces led to is linked with the others.
 *  O3. An attribute says where and how many: topics, partitions, offsets, routes, codes, names of documents. Never a key,
 *      a value, an address or anything else of a person or a sender.
 *  O4. Whoever exports never waits: what the exporter cannot take is dropped, and the service goes on.
 */
import type { TaskTracer } from '@tributary/stream-runtime'
import { sampledTrace } from '@tributary/contracts'
import type { Logger } from './logger.ts'

export type SpanKind = 'server' | 'consumer' | 'client'

/** O3. */
export type SpanAttributes = Readonly<Record<AttributeName, string | number>>
export type AttributeName =
  | 'http.request.method'
  | 'http.route'
  | 'http.response.status_code'
  | 'messaging.system'
  | 'messaging.operation.type'
  | 'messaging.destination.name'
  | 'messaging.destination.partition.id'
  | 'messaging.kafka.offset'
  | 'messaging.batch.message_count'
  | 'tributary.source'
  | 'tributary.task'
  | 'tributary.destination'
  | 'tributary.verdict'
  | 'tributary.code'

export interface ActiveSpan {
  /** What records and requests carry on. */
  readonly traceparent: string
  end(
    attributes: Partial<SpanAttributes>,
    options?: { readonly failed?: boolean; readonly endMs?: number },
  ): void
}

export interface Tracing {
  /**
   * A span in the trace of the first parent, linked with the others. At the door, where no parent is sampled, one in so
   * many begins a trace. Undefined when it is not traced.
   */
  begin(
    name: string,
    kind: SpanKind,
    parents: readonly (string | undefined)[],
    options?: { readonly startMs?: number; readonly atDoor?: boolean },
  ): ActiveSpan | undefined
  /** Sends what is left; gives up after a while. */
  stop(): Promise<void>
}

export const noTracing: Tracing = { begin: () => undefined, stop: async () => {} }

/** Of a log line about something that is traced, as OpenTelemetry names them. */
export function traceFields(traceparent: string | undefined): { trace_id?: string; span_id?: string } {
  if (sampledTrace(traceparent) === undefined) return {}
  const [, traceId, spanId] = traceparent!.split('-')
  return { trace_id: traceId!, span_id: spanId! }
}

/** Tells of committed records as spans of the traces they carry. */
export function createTaskTracer(tracing: Tracing | undefined): TaskTracer | undefined {
  if (tracing === undefined || tracing === noTracing) return undefined
  return {
    processed({ task, partition, topic, offset, traces, startMs, endMs }) {
      tracing.begin(`process ${topic}`, 'consumer', traces, { startMs })?.end(
        {
          'messaging.system': 'kafka',
          'messaging.operation.type': 'process',
          'messaging.destination.name': topic,
          'messaging.destination.partition.id': String(partition),
          'messaging.kafka.offset': offset,
          'tributary.task': task,
        },
        { endMs },
      )
    },
  }
}

/** O1. `service` as in the folder's name. */
export async function openTracing(
  settings: {
    readonly OTEL_EXPORTER_OTLP_ENDPOINT?: string | undefined
    readonly TRACE_RATIO: string
    readonly NODE_ID: string
  },
  service: string,
  logger: Logger,
): Promise<Tracing> {
  const endpoint = settings.OTEL_EXPORTER_OTLP_ENDPOINT
  if (endpoint === undefined) return noTracing
  const { openOtlpTracing } = await import('./otlpTracing.ts')
  logger.info({ endpoint: new URL(endpoint).host, ratio: settings.TRACE_RATIO }, 'traces are sent')
  return openOtlpTracing({ endpoint, ratio: Number(settings.TRACE_RATIO), service, node: settings.NODE_ID })
}
