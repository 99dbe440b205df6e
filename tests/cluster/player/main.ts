/**
 * Who plays and audits, in a pod of the checked cluster: `main.ts week|load …`. It makes the sources' topics, takes
 * webhooks, and waits for the file GO before it plays. Its last line of output is the result as JSON.
 *
 * 1. It uses the doors that everybody has: the collector's Service, Kafka's name, the services' headless names.
 * 2. A load goes on until the file FINISH is there: whoever disturbs says when.
 */
import { setTimeout as sleep } from 'node:timers/promises'
import { existsSync } from 'node:fs'
import { createTopics } from '../../../deploy/local/src/createTopics.ts'
import { readSecret } from '../../../deploy/local/src/secretFiles.ts'
import { WebhookReceiver } from '../../demo/webhookReceiver.ts'
import { FINISH, GO, RECEIVER_PORT } from '../overlay.ts'
import { playLoad } from './playLoad.ts'
import { playWeekHere } from './playWeekHere.ts'

const SECRETS = '/etc/tributary/secrets'
/** Every so many webhooks the receiver is busy. */
const BUSY_EVERY = 200

/** What differs between the two parts. */
const PARTS = {
  week: { topic: 'retail.receipts', secret: 'crm-webhook' },
  load: { topic: 'chaos.receipts', secret: 'receiver' },
} as const

const say = (line: string): void => void process.stdout.write(`${line}\n`)
const [mode, seed = '1', rate = '20'] = process.argv.slice(2)
if (mode !== 'week' && mode !== 'load') throw new Error(`the player plays week or load, not ${mode}`)

const { topic, secret } = PARTS[mode]
const settings = process.env as Record<string, string>
for (;;) {
  try {
    await createTopics(settings['KAFKA_BROKERS']!, [topic], 3)
    break
  } catch (error) {
    say(`Kafka is not there yet: ${String(error)}`)
    await sleep(2_000)
  }
}
const receiver = new WebhookReceiver(await readSecret(`${SECRETS}/${secret}`), BUSY_EVERY)
await receiver.start({ host: '0.0.0.0', port: RECEIVER_PORT })
say('prepared')
while (!existsSync(GO)) await sleep(500)

const writeKeys = JSON.parse(settings['WRITE_KEYS']!) as Record<string, string>
const world = {
  settings,
  receiver,
  writeKeys,
  receiptTopic: topic,
  grpcTokenFile: `${SECRETS}/grpc-token`,
  say,
}
const told = { seed: Number(seed), finished: () => existsSync(FINISH) }
const result =
  mode === 'week' ? await playWeekHere(world, told) : await playLoad(world, { ...told, rate: Number(rate) })
say(JSON.stringify(result))
process.exit(0)
