/** All four services over one log in memory, sending their spans to a real receiver of OTLP over HTTP. */
import { randomBytes } from 'node:crypto'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { type IncomingHttpHeaders, createServer } from 'node:http'
import { type AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { topics } from '@tributary/contracts'
import { type Tracing, createHealth, createMetrics, openTracing, phoneToE164 } from '@tributary/service-kit'
import { createRecordingLogger, noOwners } from '@tributary/service-kit/testing'
import { createMemoryLog, createMemoryStores } from '@tributary/stream-runtime/testing'
import { startActivation } from '../../services/activation/src/startActivation.ts'
import { createWebhookSecrets } from '../../services/activation/src/webhook/webhookSecret.ts'
import { createWebhookSender } from '../../services/activation/src/webhook/webhookSender.ts'
import { type RecordSender } from '../../services/collector/src/produce/outgoing.ts'
import { startTestCollector, testPorts } from '../../services/collector/src/testing/testCollector.ts'
import { workspaceOf } from '../../services/collector/src/testing/workspace.ts'
import { startIdentityStitcher } from '../../services/identity-stitcher/src/startIdentityStitcher.ts'
import { startProfileStore } from '../../services/profile-store/src/startProfileStore.ts'
import { createFiledLog, createLoggedEvents } from '../../services/profile-store/src/testing/loggedEvents.ts'
import { viewWorkspace } from '../../services/profile-store/src/workspaceView.ts'

export interface ReceivedSpan {
  readonly service: string
  readonly name: string
  readonly traceId: string
  readonly spanId: string
  readonly parentSpanId?: string
  readonly links?: readonly { readonly traceId: string }[]
  readonly attributes: readonly { readonly key: string; readonly value: object }[]
}

export interface TracedServices {
  readonly url: string
  /** As the exporters sent them, in the order they came. */
  readonly spans: readonly ReceivedSpan[]
  /** Everything the receiver of traces was sent, as text. */
  exported(): string
  /** Headers of the calls of the webhook. */
  readonly calls: readonly IncomingHttpHeaders[]
  readonly log: ReturnType<typeof createMemoryLog>
  /** Sends what the exporters hold. */
  flush(): Promise<void>
  stop(): Promise<void>
}

/** `ratio`: share of requests that begin a trace. Undefined: nothing is exported. */
export async function startTracedServices(ratio: string | undefined): Promise<TracedServices> {
  const stops: (() => Promise<void> | void)[] = []
  const spans: ReceivedSpan[] = []
  const bodies: string[] = []
  const calls: IncomingHttpHeaders[] = []
  const otlp = await listen((body) => {
    bodies.push(body)
    for (const { resource, scopeSpans } of (JSON.parse(body) as OtlpRequest).resourceSpans) {
      const named = resource.attributes.find(({ key }) => key === 'service.name')
      for (const scope of scopeSpans)
        for (const span of scope.spans) spans.push({ ...span, service: named?.value.stringValue ?? '' })
    }
  }, stops)
  const receiver = await listen((_body, headers) => calls.push(headers), stops)
  const tracings: Tracing[] = []
  const tracingOf = async (service: string): Promise<Tracing> => {
    const tracing = await openTracing(
      {
        OTEL_EXPORTER_OTLP_ENDPOINT: ratio === undefined ? undefined : otlp,
        TRACE_RATIO: ratio ?? '1',
        NODE_ID: 'n1',
      },
      service,
      createRecordingLogger().logger,
    )
    tracings.push(tracing)
    return tracing
  }

  const folder = mkdtempSync(join(tmpdir(), 'traced-'))
  stops.push(() => rmSync(folder, { recursive: true }))
  writeFileSync(join(folder, 'crm-webhook'), `whsec_${randomBytes(32).toString('base64')}`)
  const workspace = workspaceOf([
    { kind: 'Source', id: 'web', http: { keys: [{ kind: 'client', value: 'wk_web_1' }] } },
    {
      kind: 'Destination',
      id: 'crm',
      webhook: { url: receiver, signingSecret: { file: 'crm-webhook' }, allowPrivateAddresses: true },
    },
    { kind: 'Sync', id: 'people-to-crm', from: { profile: {} }, to: 'crm' },
  ] as never)
  const log = createMemoryLog({ partitions: 1, now: Date.now })
  const sender: RecordSender = {
    send: async (lanes) =>
      lanes.map(({ topic, partition, records }) => {
        const spec = topic === 'events' ? topics.events : topics.rejected
        const baseOffset = log.committed(spec, partition).length
        // As Kafka does, it keeps a copy: the memory of what is durable is used again.
        log.append(
          spec,
          partition,
          records.map((record) => ({ ...record, value: Buffer.from(record.value) })),
        )
        return { topic, partition, baseOffset }
      }),
  }
  const common = {
    log,
    counts: { identifier: 1, profile: 1, delivery: 1 },
    groupPrefix: 'cdp',
    nodeId: 'n1',
    address: (port: number) => `127.0.0.1:${port}`,
    owners: () => noOwners,
    grpc: { host: '127.0.0.1', port: 0, tokens: ['t'] },
    logger: createRecordingLogger().logger,
    fatal: (error: unknown) => {
      throw error
    },
    onStop: (_name: string, stop: () => Promise<void>) => void stops.push(stop),
  }
  const healths = [createHealth(), createHealth(), createHealth()] as const
  const feedOf = <T>(value: T) => {
    const held = { offset: 0, revision: 1, value }
    return { current: () => held, at: () => held, onChange: () => () => undefined }
  }
  const webhook = createWebhookSender({
    secrets: createWebhookSecrets(folder, Date.now),
    clock: Date.now,
    userAgent: 'tributary/test',
  })
  stops.push(() => webhook.close())
  await startActivation({
    ...common,
    stores: createMemoryStores(),
    configuration: feedOf(workspace),
    sender: webhook,
    metrics: createMetrics('activation'),
    health: healths[0],
    tracing: await tracingOf('activation'),
  })
  await startProfileStore({
    ...common,
    epoch: 1,
    stores: createMemoryStores(),
    configuration: feedOf(viewWorkspace(workspace, testPorts.hashIdentifier)),
    sendToEvents: async (records) => {
      log.append(
        topics.events,
        0,
        records.map(({ value }) => ({ key: null, value })),
      )
    },
    recentLedger: async () => [],
    loggedEvents: { read: async () => [] },
    filedEvents: createFiledLog({ events: () => [], skipped: () => [] }, 1),
    events: createLoggedEvents({
      events: (partition) => log.committed(topics.events, partition),
      skipped: (partition) => log.committed(topics.skipped, partition),
    }),
    httpPort: 0,
    nowMs: Date.now,
    metrics: createMetrics('profile-store'),
    health: healths[1],
    tracing: await tracingOf('profile-store'),
  })
  await startIdentityStitcher({
    ...common,
    epoch: 1,
    stores: createMemoryStores(),
    reading: () => ({
      rules: workspace.identityRules,
      hash: testPorts.hashIdentifier,
      phone: (value) => phoneToE164(value, 'FR'),
    }),
    metrics: createMetrics('identity-stitcher'),
    health: healths[2],
    tracing: await tracingOf('identity-stitcher'),
  })
  const collector = await startTestCollector(sender, { partitions: 1, tracing: await tracingOf('collector') })
  stops.push(() => collector.stop())
  collector.adopt(workspace)
  while (!healths.every((health) => health.isReady())) await new Promise((resolve) => setTimeout(resolve, 10))

  return {
    url: collector.url,
    spans,
    exported: () => bodies.join('\n'),
    calls,
    log,
    async flush() {
      await Promise.all(tracings.map((tracing) => tracing.stop()))
    },
    async stop() {
      for (const stop of stops.toReversed()) await stop()
    },
  }
}

interface OtlpRequest {
  readonly resourceSpans: readonly {
    readonly resource: { readonly attributes: readonly { key: string; value: { stringValue?: string } }[] }
    readonly scopeSpans: readonly { readonly spans: readonly Omit<ReceivedSpan, 'service'>[] }[]
  }[]
}

/** Answers every POST with 200; resolves to its address. */
async function listen(
  onBody: (body: string, headers: IncomingHttpHeaders) => void,
  stops: (() => Promise<void> | void)[],
): Promise<string> {
  const server = createServer((request, response) => {
    const chunks: Buffer[] = []
    request.on('data', (chunk: Buffer) => chunks.push(chunk))
    request.on('end', () => {
      onBody(Buffer.concat(chunks).toString('utf8'), request.headers)
      response.writeHead(200, { 'content-type': 'application/json' }).end('{}')
    })
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  stops.push(() => {
    server.closeAllConnections()
    server.close()
  })
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`
}
