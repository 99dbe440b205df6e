import { expect, test } from '@jest/globals'
import { InMemorySpanExporter, SimpleSpanProcessor } from '@opentelemetry/sdk-trace'
import { openOtlpTracing } from './otlpTracing.ts'
import { createRecordingLogger } from './testing/recordingLogger.ts'
import { createTaskTracer, noTracing, openTracing, traceFields } from './tracing.ts'

const TRACEPARENT = '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01'
const OTHER = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01'

function open(ratio: number, random = 0.5) {
  const exporter = new InMemorySpanExporter()
  let nowMs = 1_000
  const tracing = openOtlpTracing({
    endpoint: 'http://traces.example',
    ratio,
    service: 'collector',
    node: 'n1',
    processor: new SimpleSpanProcessor({ exporter }),
    random: () => random,
    nowMs: () => nowMs,
  })
  return { tracing, exporter, later: (ms: number) => (nowMs += ms) }
}

test('O1: without an endpoint nothing is traced', async () => {
  const { logger } = createRecordingLogger()
  const tracing = await openTracing(
    { OTEL_EXPORTER_OTLP_ENDPOINT: undefined, TRACE_RATIO: '1', NODE_ID: 'n' },
    'x',
    logger,
  )
  expect(tracing).toBe(noTracing)
  expect(tracing.begin('a', 'server', [TRACEPARENT], { atDoor: true })).toBeUndefined()
  expect(createTaskTracer(tracing)).toBeUndefined()
})

test.each([
  ['the sender samples', 0, TRACEPARENT, true],
  ['the sender does not, and chance does not', 0.4, TRACEPARENT.replace(/01$/, '00'), false],
  ['nobody says, and chance does', 0.6, undefined, true],
  ['nobody says, and chance does not', 0.4, undefined, false],
])('O2: at the door when %s', (_, ratio, parent, traced) => {
  expect(open(ratio).tracing.begin('a', 'server', [parent], { atDoor: true }) !== undefined).toBe(traced)
})

test('O2: further on only what carries a trace, as a child of it, linked with the others', () => {
  const { tracing, exporter } = open(1)
  expect(tracing.begin('a', 'consumer', [])).toBeUndefined()
  const span = tracing.begin('b', 'consumer', [TRACEPARENT, OTHER], { startMs: 1_700_000_005_000 })!
  span.end({ 'messaging.kafka.offset': 7 }, { endMs: 1_700_000_006_000, failed: true })
  const [finished] = exporter.getFinishedSpans()
  expect(span.traceparent).toBe(`00-${TRACEPARENT.slice(3, 35)}-${finished!.spanContext().spanId}-01`)
  expect(finished).toMatchObject({
    parentSpanContext: { spanId: TRACEPARENT.slice(36, 52) },
    links: [{ context: { traceId: OTHER.slice(3, 35) } }],
    attributes: { 'messaging.kafka.offset': 7 },
    startTime: [1_700_000_005, 0],
    endTime: [1_700_000_006, 0],
    status: { code: 2 },
  })
})

test('whoever asks for traces gets so many a second', () => {
  const { tracing, later } = open(0)
  const begun = () =>
    Array.from({ length: 300 }, () => tracing.begin('a', 'server', [TRACEPARENT], { atDoor: true })).filter(
      Boolean,
    )
  expect(begun()).toHaveLength(200)
  later(1_000)
  expect(begun()).toHaveLength(200)
})

test('a log line about something traced names trace and span, and nothing else of the header', () => {
  const { logger, lines } = createRecordingLogger()
  logger.info({ code: 'x', ...traceFields(TRACEPARENT), email: 'ada@example.com' }, 'seen')
  logger.info(traceFields('ada@example.com'), 'none')
  expect(lines[0]).toMatchObject({
    trace_id: '4bf92f3577b34da6a3ce929d0e0e4736',
    span_id: '00f067aa0ba902b7',
    email: '[redacted]',
  })
  expect(lines[1]).not.toHaveProperty('trace_id')
})
