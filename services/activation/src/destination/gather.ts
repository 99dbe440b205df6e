/**
 * Deliveries that come together go together.
 *
 *      send ─▶ waiting ──full, or lingerMs after the first──▶ request ──▶ each its answer
 *                                                                 └─ refused as items ─▶ halves, again ─▶ …
 *
 * Invariants:
 *  B1. Every item gets the answer of a request that it was part of. Of one person never two are in a request: the
 *      dispatcher has at most one under way.
 *  B2. One item that is refused costs none of the others anything: a request that is refused is sent again in halves,
 *      down to the one.
 *  B3. A request holds at most `most` items and about MAX_REQUEST_BYTES, whichever comes first.
 */
import type { Delivery } from '@tributary/contracts/generated/tributary/delivery/v1/delivery'
import { type Answer, classify } from '../delivery/classify.ts'

/** What is due at once is started at once; this also gathers what the next commit brings, and nobody notices it. */
const LINGER_MS = 20
/** Bodies of a request, characters: far under what services and databases take, and what a process may hold. */
const MAX_REQUEST_BYTES = 4 * 1024 * 1024

export interface GatherOptions {
  /** Items of a request. */
  readonly most: number
  /** Never rejects: what goes wrong is an answer. */
  readonly request: (deliveries: readonly Delivery[], signal: AbortSignal) => Promise<Answer>
}

interface Waiting {
  readonly delivery: Delivery
  readonly signal: AbortSignal
  readonly answer: (answer: Answer) => void
}

/** Of one destination under one document. */
export type Gathered = (delivery: Delivery, signal: AbortSignal) => Promise<Answer>

export function gather({ most, request }: GatherOptions): Gathered {
  let waiting: Waiting[] = []
  let bytes = 0
  let timer: NodeJS.Timeout | undefined

  function flush(): void {
    clearTimeout(timer)
    timer = undefined
    const items = waiting
    waiting = []
    bytes = 0
    if (items.length > 0) void sendItems(items)
  }

  /** B1, B2. Settles each of them. */
  async function sendItems(items: readonly Waiting[]): Promise<void> {
    const signal = AbortSignal.any(items.map((item) => item.signal))
    const answer = await request(
      items.map(({ delivery }) => delivery),
      signal,
    )
    if (items.length > 1 && !signal.aborted && classify(answer).verdict === 'item') {
      const middle = Math.ceil(items.length / 2)
      await sendItems(items.slice(0, middle))
      await sendItems(items.slice(middle))
      return
    }
    for (const item of items) item.answer(answer)
  }

  return (delivery, signal) =>
    new Promise((answer) => {
      if (bytes > 0 && bytes + delivery.body.length > MAX_REQUEST_BYTES) flush() // B3
      waiting.push({ delivery, signal, answer })
      bytes += delivery.body.length
      if (waiting.length >= most) flush()
      else timer ??= setTimeout(flush, LINGER_MS)
    })
}
