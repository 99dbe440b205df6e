import { setTimeout as sleep } from 'node:timers/promises'
import { topics } from '@tributary/contracts'
import { Kafka, logLevel } from 'kafkajs'
import { percentiles } from './percentiles.ts'
import { PARTITIONS, type RuntimeLoad } from './runtimeLoad.ts'

/** What the design asks of one hop at half load: at most so much more than a bare round trip, p99. */
export const HOP_AIM_MS = 40
/** Records a second during the latency bar: about half of what a task on one of two cores takes. */
export const HOP_RATE = 2_000
const HOP_SECONDS = 6
const KEYS = 10_000

/** From a record's production to its being read again, at a steady rate, the first second left out. */
export async function hopLatency(
  load: RuntimeLoad,
  throughTask: boolean,
): Promise<{ p50: number; p99: number }> {
  const group = throughTask ? await load.start({ store: 'store' }) : undefined
  const kafka = new Kafka({ brokers: [load.brokers], logLevel: logLevel.NOTHING })
  const producer = kafka.producer()
  const consumer = kafka.consumer({ groupId: `${load.nameOf(topics.skipped)}-reader`, maxWaitTimeInMs: 5 })
  await producer.connect()
  await consumer.connect()
  await consumer.subscribe({
    topic: load.nameOf(throughTask ? topics.skipped : topics.events),
    fromBeginning: true,
  })
  const taken: number[] = []
  const from = performance.now() + 3_000
  await consumer.run({
    eachBatch: ({ batch }) => {
      const now = performance.now()
      // The output is stamped behind its bytes: the time stands in front.
      for (const { value } of batch.messages) {
        const sent = value!.readDoubleBE(0)
        if (sent > from) taken.push(now - sent)
      }
      return Promise.resolve()
    },
  })
  await sleep(1_500)
  const started = performance.now()
  const pending = new Set<Promise<unknown>>()
  for (let sent = 0; performance.now() - started < HOP_SECONDS * 1000;) {
    const due = Math.floor(((performance.now() - started) / 1000) * HOP_RATE) - sent
    const messages = Array.from({ length: due }, (_, i) => {
      const value = Buffer.alloc(300)
      value.writeDoubleBE(performance.now(), 0)
      return { key: `k${(sent + i) % KEYS}`, partition: (sent + i) % PARTITIONS, value }
    })
    sent += due
    if (due > 0) {
      const send = producer.send({ topic: load.nameOf(topics.events), acks: -1, messages })
      pending.add(send.finally(() => pending.delete(send)))
    }
    await sleep(5)
  }
  await Promise.all(pending)
  await sleep(1_000)
  await consumer.disconnect()
  await producer.disconnect()
  await group?.stop()
  const { p50, p99 } = percentiles(taken)
  return { p50: Math.round(p50), p99: Math.round(p99) }
}
