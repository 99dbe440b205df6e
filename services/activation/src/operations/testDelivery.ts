import type { DestinationDocument } from '@tributary/configuration'
import type {
  Delivery,
  TestDestinationResponse,
} from '@tributary/contracts/generated/tributary/delivery/v1/delivery'
import { classify } from '../delivery/classify.ts'
import type { Sender } from '../delivery/dispatcher.ts'

const TEST_TYPE = 'dev.tributary.destination.test.v1'

export interface TestPorts {
  readonly sender: Sender
  readonly clock: () => number
  /** Of the item, 32 hexadecimal digits. */
  readonly newId: () => string
}

/** Sends one item that is about nobody, and says what came of it. */
export async function testDelivery(
  destination: DestinationDocument,
  { sender, clock, newId }: TestPorts,
  signal: AbortSignal,
): Promise<TestDestinationResponse> {
  const blocked = sender.blocked(destination)
  if (blocked) return { verdict: 'pause', ...blocked, tookMs: 0 }
  const startedMs = clock()
  const answer = await sender.send(destination, testItem(destination.id, newId(), startedMs), signal)
  const { verdict, code, message } = classify(answer)
  return { verdict, code: verdict === 'delivered' ? '' : code, message, tookMs: clock() - startedMs }
}

function testItem(destinationId: string, id: string, nowMs: number): Delivery {
  const timestamp = new Date(nowMs).toISOString()
  return {
    id,
    destinationId,
    syncId: '',
    profileId: '',
    version: '',
    type: TEST_TYPE,
    changeId: '',
    body: JSON.stringify({ type: TEST_TYPE, timestamp, data: { test: true } }),
    createdTimeMs: nowMs,
    mapping: '',
    filtered: '',
    receivedTimeMs: 0,
    traceparent: '',
    lane: '',
    withdraws: '',
  }
}
