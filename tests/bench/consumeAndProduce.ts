/**
 * What kafkajs by itself takes to move records: reads the topic IN and writes the same bytes to OUT, acks = all, and
 * commits what it has read. Arguments: BROKERS IN OUT. Ends with whoever started it.
 */
import { Kafka, logLevel } from 'kafkajs'

/** More records at once make kafkajs slower, not faster: it groups them in quadratic time. */
const RECORDS_PER_SEND = 500
/** As the collector's own fetches wait, ms. */
const MAX_WAIT_MS = 500

const [brokers, from, to] = process.argv.slice(2) as [string, string, string]
const kafka = new Kafka({ brokers: brokers.split(','), logLevel: logLevel.NOTHING })
const producer = kafka.producer()
const consumer = kafka.consumer({ groupId: `${to}-mover`, maxWaitTimeInMs: MAX_WAIT_MS })
await producer.connect()
await consumer.connect()
await consumer.subscribe({ topic: from, fromBeginning: true })
await consumer.run({
  partitionsConsumedConcurrently: 3,
  async eachBatch({ batch }) {
    for (let at = 0; at < batch.messages.length; at += RECORDS_PER_SEND) {
      const messages = batch.messages
        .slice(at, at + RECORDS_PER_SEND)
        .map(({ key, value }) => ({ key, value, partition: batch.partition }))
      await producer.send({ topic: to, acks: -1, messages })
    }
  },
})
process.stdout.write('reads\n')
process.stdin.resume().on('end', () => process.exit(0))
