/** What people see of deliveries: metrics, and one log line when a destination stops or starts again. */
import { type Logger, type Metrics, traceFields } from '@tributary/service-kit'
import { type Answer, classify } from './classify.ts'
import type { DestinationMode } from './destinationState.ts'

export interface DispatchTimes {
  readonly tookMs: number
  /** Since the change was made. */
  readonly sinceChangeMs: number
  /** Since the oldest event that caused the change was received; undefined when none did. */
  readonly sinceReceiptMs: number | undefined
}

export interface DispatchObserver {
  answered(destination: string, answer: Answer, times: DispatchTimes): void
  /** Given up; the whole item lies in the dead letters. */
  dead(destination: string, code: string, traceparent?: string): void
  /** Nothing is sent to it now. Called again and again; only changes are logged. */
  held(destination: string, mode: DestinationMode, code: string, message?: string): void
  open(destination: string): void
}

export function createDispatchObserver(metrics: Metrics, logger: Logger): DispatchObserver {
  const answers = metrics.counter('delivery_tries_total', 'Tries of deliveries by what came of them', [
    'destination',
    'verdict',
    'code',
  ])
  const durations = metrics.histogram('delivery_try_seconds', 'How long a destination takes to answer', [
    'destination',
  ])
  const freshness = metrics.histogram('delivery_freshness_seconds', 'From the change to its delivery', [
    'destination',
  ])
  const endToEnd = metrics.histogram(
    'end_to_end_freshness_seconds',
    'From the receipt of an event to the delivery of what changed because of it',
    ['destination'],
  )
  const heldState = metrics.gauge(
    'destination_held_state',
    '1 while nothing is sent to a destination, by why',
    ['destination', 'mode', 'code'],
  )
  const deadLetters = metrics.counter('dead_letters_total', 'Deliveries that were given up', [
    'destination',
    'code',
  ])
  const heldNow = new Map<string, { mode: DestinationMode; code: string }>()

  function changed(destination: string, now: { mode: DestinationMode; code: string } | undefined): boolean {
    const before = heldNow.get(destination)
    if (before?.mode === now?.mode && before?.code === now?.code) return false
    if (before) heldState.remove({ destination, ...before })
    if (now) {
      heldNow.set(destination, now)
      heldState.set({ destination, ...now }, 1)
    } else heldNow.delete(destination)
    return true
  }

  return {
    answered(destination, answer, { tookMs, sinceChangeMs, sinceReceiptMs }) {
      const { verdict, code, message } = classify(answer)
      answers.inc({ destination, verdict, code: verdict === 'delivered' ? '' : code })
      durations.observe({ destination }, tookMs / 1_000)
      if (verdict !== 'delivered') {
        logger.debug({ destination, code }, message)
        return
      }
      freshness.observe({ destination }, Math.max(0, sinceChangeMs) / 1_000)
      if (sinceReceiptMs !== undefined) endToEnd.observe({ destination }, Math.max(0, sinceReceiptMs) / 1_000)
    },
    dead(destination, code, traceparent) {
      deadLetters.inc({ destination, code })
      logger.warn(
        { destination, code, ...traceFields(traceparent) },
        `a delivery to "${destination}" is given up: it lies in the dead letters`,
      )
    },
    held(destination, mode, code, message) {
      if (!changed(destination, { mode, code })) return
      logger.warn(
        { destination, mode, code },
        `nothing is sent to "${destination}": ${message ?? EXPLAINED[mode]}`,
      )
    },
    open(destination) {
      if (changed(destination, undefined)) logger.info({ destination }, `"${destination}" is sent to again`)
    },
  }
}

const EXPLAINED: Readonly<Record<DestinationMode, string>> = {
  open: 'it is open',
  failing: 'it has failed too often in a row; it is probed from time to time',
  waiting: 'it asked to be left alone for a while',
  paused: 'it needs somebody to change something (address, secret, permission); what is to be sent is kept',
  stopped:
    'somebody has stopped it; `tributary destination resume` lets it go on, what is to be sent is kept',
  disabled: 'it is disabled; change its document to send again',
}
