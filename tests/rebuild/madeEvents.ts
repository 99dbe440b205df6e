/** The events of some people over some devices, from a seed: visits, logins that join devices, orders, shared kiosks. */
import { createRandom } from '../demo/random.ts'

const START_MS = Date.UTC(2026, 0, 5)
const MINUTE_MS = 60_000

export function madeEvents(seed: number, people: number, events: number): Record<string, unknown>[] {
  const random = createRandom(seed)
  return Array.from({ length: events }, (_, i) => {
    const person = random.between(1, people)
    // A few devices are everybody's, as in a shop: too many people to be one.
    const anonymousId =
      random.between(1, 40) === 1
        ? `kiosk-${random.between(1, 2)}`
        : `device-${person}-${random.between(1, 3)}`
    const common = {
      messageId: `m${i}`,
      anonymousId,
      timestamp: new Date(START_MS + i * MINUTE_MS + random.between(0, 60) * MINUTE_MS).toISOString(),
    }
    const known = { ...common, userId: `u${person}` }
    switch (random.between(1, 6)) {
      case 1: {
        // As people write it, and in the French way for numbers.
        const traits = {
          email: random.between(1, 4) === 1 ? `P${person}@Shop.example` : `p${person}@shop.example`,
          phone: `06 12 34 ${String(1_000 + person).slice(0, 2)} ${String(1_000 + person).slice(2)}`,
          plan: random.pick(['free', 'paid', 'gold']),
          seen: i,
        }
        return { ...known, type: 'identify', traits }
      }
      case 2: {
        const properties = { total: random.between(1, 9_000) / 100 }
        return { ...known, type: 'track', event: 'Order Completed', properties }
      }
      case 3:
        return {
          ...common,
          type: 'track',
          event: 'Order Completed',
          properties: { total: random.between(1, 900) },
        }
      default:
        return { ...common, type: 'page', name: 'Shelf' }
    }
  })
}
