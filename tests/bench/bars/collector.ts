/**
 * What an event costs the collector, each durable in Kafka before it is answered: CPU of its process, the broker's and the
 * client's apart, so that neither the machine's other work nor the client decides the number. With the role "ingest": copying events into
 * ClickHouse is work of its own, measured apart.
 */
import type { Bar } from '../bar.ts'
import { startBenchCollector } from '../benchCollector.ts'
import { exampleBatch, exampleEvent, sendAll } from '../collectorLoad.ts'
import { startPortProcess } from '../portProcess.ts'
import { processCpu } from '../processCpu.ts'

/** What server SDKs send at most in one request by default. */
const EVENTS_PER_REQUEST = 100
/** Enough under way that requests share produce requests, as with a browser per connection. */
const SINGLE_CONNECTIONS = 128
const BATCH_CONNECTIONS = 16
/** About a second of CPU each, so that the kernel's ticks of 10 ms are a percent. */
const SINGLES_PER_RUN = 25_000
const BATCHES_PER_RUN = 600

export const bars: Bar[] = [
  {
    name: 'collector-single',
    about:
      'Single events of 1.1 KB per second of CPU: the collector, which answers when all replicas have them, beside a node:http server that does nothing with them.',
    unit: 'events/s of CPU',
    better: 'higher',
    // The rest is reading, judging, encoding and a share of a produce request; Node's HTTP is most of a request.
    goal: 0.6,
    runs: 5,
    async prepare() {
      const collector = await startBenchCollector('single')
      const { target } = collector
      const bare = await startPortProcess('bareServer.ts')
      const path = '/v1/track'
      let sent = 0
      const run = async (port: number, seconds: () => Promise<number>) => {
        const bodies = Array.from({ length: SINGLES_PER_RUN }, () => JSON.stringify(exampleEvent(sent++)))
        const before = await seconds()
        await sendAll({ ...target, port, path }, bodies, SINGLE_CONNECTIONS)
        return SINGLES_PER_RUN / ((await seconds()) - before)
      }
      return {
        ours: () => run(target.port, () => collector.cpu()),
        reference: () => run(bare.port, () => processCpu(bare.pid)),
        async close() {
          bare.stop()
          await collector.close()
        },
      }
    },
  },
  {
    name: 'collector-batch',
    about:
      'Events of 1.1 KB per second of CPU in batches of 100: the collector, which answers when all replicas have them, beside JSON.parse of the same bodies in a loop.',
    unit: 'events/s of CPU',
    better: 'higher',
    // Parsing once is the least that a verdict takes; the rest of an event may cost twice as much again.
    goal: 0.3,
    runs: 5,
    async prepare() {
      const collector = await startBenchCollector('batch')
      const { target } = collector
      let sent = 0
      const bodies = (): string[] =>
        Array.from({ length: BATCHES_PER_RUN }, () =>
          exampleBatch((sent += EVENTS_PER_REQUEST), EVENTS_PER_REQUEST),
        )
      return {
        async ours() {
          const each = bodies()
          const before = await collector.cpu()
          await sendAll({ ...target, path: '/v1/batch' }, each, BATCH_CONNECTIONS)
          return (BATCHES_PER_RUN * EVENTS_PER_REQUEST) / ((await collector.cpu()) - before)
        },
        reference() {
          const each = bodies().map((body) => Buffer.from(body))
          const before = process.cpuUsage()
          for (const body of each) JSON.parse(body.toString('utf8'))
          const { user, system } = process.cpuUsage(before)
          return (BATCHES_PER_RUN * EVENTS_PER_REQUEST) / ((user + system) / 1e6)
        },
        close: () => collector.close(),
      }
    },
  },
]
