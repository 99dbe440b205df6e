/** The part of tracing.ts that needs OpenTelemetry: loaded only where traces are sent. */
import {
  type Link,
  ROOT_CONTEXT,
  type SpanContext,
  SpanKind,
  SpanStatusCode,
  trace,
} from '@opentelemetry/api'
import { OTLPTraceExporter } from '@opentelemetry/exporter-trace-otlp-http'
import { resourceFromAttributes } from '@opentelemetry/resources'
import { BatchSpanProcessor, type SpanProcessor, TracerProvider } from '@opentelemetry/sdk-trace'
import { sampledTrace } from '@tributary/contracts'
import type { ActiveSpan, Tracing } from './tracing.ts'

/** Traces begun at the door a second, whoever asks for them: an exporter takes a few thousand spans a second, a trace has ten. */
const MAX_BEGUN_PER_SECOND = 200
/** Spans that wait for the exporter, a few MiB; more are dropped (O4). */
const MAX_QUEUED_SPANS = 4_096
/** How long a stop waits for the last spans, ms: what is left is worth no more. */
const STOP_WAIT_MS = 2_000

const kinds = { server: SpanKind.SERVER, consumer: SpanKind.CONSUMER, client: SpanKind.CLIENT }

export interface OtlpTracingOptions {
  /** Without the path: /v1/traces is added. */
  readonly endpoint: string
  readonly ratio: number
  readonly service: string
  readonly node: string
  /** Instead of the exporter, for tests. */
  readonly processor?: SpanProcessor
  readonly random?: () => number
  readonly nowMs?: () => number
}

export function openOtlpTracing(options: OtlpTracingOptions): Tracing {
  const { ratio, random = Math.random, nowMs = Date.now } = options
  const url = `${options.endpoint.replace(/\/$/, '')}/v1/traces`
  const processor =
    options.processor ??
    new BatchSpanProcessor({
      exporter: new OTLPTraceExporter({ url }),
      maxQueueSize: MAX_QUEUED_SPANS,
      scheduledDelayMillis: 1_000,
    })
  const provider = new TracerProvider({
    resource: resourceFromAttributes({
      'service.name': options.service,
      'service.namespace': 'tributary',
      'service.instance.id': options.node,
    }),
    spanProcessors: [processor],
  })
  const tracer = provider.getTracer('tributary')
  let second = 0
  let begun = 0

  /** Whether one more trace may begin in this second. */
  function mayBegin(): boolean {
    const now = Math.floor(nowMs() / 1_000)
    if (now !== second) {
      second = now
      begun = 0
    }
    return ++begun <= MAX_BEGUN_PER_SECOND
  }

  return {
    begin(name, kind, parents, { startMs, atDoor = false } = {}): ActiveSpan | undefined {
      const [own, ...others] = parents.flatMap((each) => sampledTrace(each) ?? [])
      if (own === undefined && !(atDoor && random() < ratio)) return undefined
      if (atDoor && !mayBegin()) return undefined
      const parent = own === undefined ? ROOT_CONTEXT : trace.setSpanContext(ROOT_CONTEXT, contextOf(own))
      const links = others.map((each): Link => ({ context: contextOf(each) }))
      const span = tracer.startSpan(
        name,
        { kind: kinds[kind], links, ...(startMs !== undefined && { startTime: startMs }) },
        parent,
      )
      const { traceId, spanId } = span.spanContext()
      return {
        traceparent: `00-${traceId}-${spanId}-01`,
        end(attributes, { failed = false, endMs } = {}) {
          span.setAttributes(attributes)
          if (failed) span.setStatus({ code: SpanStatusCode.ERROR })
          span.end(endMs)
        },
      }
    },
    async stop() {
      await Promise.race([
        provider.shutdown().catch(() => {}),
        new Promise((resolve) => setTimeout(resolve, STOP_WAIT_MS).unref()),
      ])
    },
  }
}

function contextOf(traceparent: string): SpanContext {
  const [, traceId, spanId] = traceparent.split('-')
  return { traceId: traceId!, spanId: spanId!, traceFlags: 1, isRemote: true }
}
