/**
 * Plays a week through the clients that a shop has: Segment's own SDK for the web shop, a plain kafkajs producer for
 * the tills (they write their receipts straight to Kafka, in their own JSON), and HTTP for the offices.
 */
import { Analytics } from '@segment/analytics-node'
import { Kafka, logLevel } from 'kafkajs'
import { OfficeClient, type BatchAnswer } from './officeClient.ts'
import type { Send, ShopWeek, WebMessage } from './shopWeek.ts'

export interface Doors {
  /** Base URL of the collector. */
  http: string
  brokers: string[]
  /** Topic of the till receipts. */
  receipts: string
  writeKeys: { web: string; crm: string; email: string; support: string }
}

export interface Played {
  /** What the collector said over HTTP to the offices. */
  accepted: number
  rejected: BatchAnswer['rejected']
  /** Events the SDK reported as delivered, and as failed. */
  webDelivered: number
  webFailed: number
  receipts: number
  seconds: number
}

/** Events per request of the offices, receipts per produce. */
const BATCH = 40
/** Requests of the SDK under way before we wait for it: an SDK in a browser never runs ahead of its user either. */
const MAX_WEB_PENDING = 1_000

export async function playWeek(
  week: ShopWeek,
  doors: Doors,
  onProgress: (done: number, of: number) => void,
): Promise<Played> {
  const started = performance.now()
  const played: Played = { accepted: 0, rejected: [], webDelivered: 0, webFailed: 0, receipts: 0, seconds: 0 }
  const web = new Analytics({
    writeKey: doors.writeKeys.web,
    host: doors.http,
    maxEventsInBatch: 30,
    flushInterval: 50,
  })
  web.on('error', () => played.webFailed++)
  const pending = { web: 0 }
  const sendWeb = (call: 'identify' | 'track' | 'page', message: WebMessage): void => {
    pending.web++
    const done = (error?: unknown): void => {
      pending.web--
      if (!error) played.webDelivered++
    }
    // The SDK's types want either id; the week decides which, like real pages do.
    const methods = web as unknown as Record<
      typeof call,
      (m: WebMessage, done: (e?: unknown) => void) => void
    >
    methods[call](message, done)
  }
  const kafka = new Kafka({ clientId: 'tills', brokers: doors.brokers, logLevel: logLevel.NOTHING })
  const tills = kafka.producer()
  await tills.connect()
  const offices = {
    crm: new OfficeClient(doors.http, doors.writeKeys.crm),
    email: new OfficeClient(doors.http, doors.writeKeys.email),
    support: new OfficeClient(doors.http, doors.writeKeys.support),
  }
  const waiting: Record<'crm' | 'email' | 'support', Record<string, unknown>[]> = {
    crm: [],
    email: [],
    support: [],
  }
  let receipts: { key: string; value: string }[] = []

  const flushOffice = async (via: 'crm' | 'email' | 'support'): Promise<void> => {
    const events = waiting[via]
    if (events.length === 0) return
    waiting[via] = []
    const answer = await offices[via].send(events)
    if (answer.status !== 200)
      throw new Error(`the collector answered ${answer.status} to a batch of the ${via} office`)
    played.accepted += answer.accepted
    played.rejected.push(...answer.rejected)
  }
  const flushTills = async (): Promise<void> => {
    if (receipts.length === 0) return
    const messages = receipts
    receipts = []
    await tills.send({ topic: doors.receipts, acks: -1, messages })
    played.receipts += messages.length
  }

  let done = 0
  for (const send of week.sends) {
    await play(send)
    if (++done % 100 === 0) onProgress(done, week.sends.length)
  }
  await flushTills()
  for (const via of ['crm', 'email', 'support'] as const) await flushOffice(via)
  await web.closeAndFlush({ timeout: 30_000 })
  await tills.disconnect()
  onProgress(done, week.sends.length)
  played.seconds = (performance.now() - started) / 1000
  return played

  async function play(send: Send): Promise<void> {
    if (send.via === 'web') {
      while (pending.web >= MAX_WEB_PENDING) await new Promise((resolve) => setTimeout(resolve, 5))
      sendWeb(send.call, send.message)
    } else if (send.via === 'till') {
      receipts.push({ key: send.key, value: send.receipt })
      if (receipts.length >= BATCH) await flushTills()
    } else {
      waiting[send.via].push(send.event)
      if (waiting[send.via].length >= BATCH) await flushOffice(send.via)
    }
  }
}
