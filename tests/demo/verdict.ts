/** Compares what Tributary says with what is true in the made-up week. Pure: the demo asks, this decides. */
import type { Played } from './playWeek.ts'
import type { Reached, SourceCounts } from './questions.ts'
import type { AudienceId, ShopWeek } from './shopWeek.ts'

export interface Findings {
  played: Played
  reached: Reached
  perSource: SourceCounts[]
  skips: Record<string, number>
  /** Profiles that live, by the public state topic. */
  publicProfiles: number
  audiences: Record<AudienceId, number>
  webhooks: { received: number; forged: number; delivered: number }
  /** Of the shown customer, from gRPC. */
  shown: { sameProfile: boolean; orders: unknown; spend: unknown; together: boolean }
  ticketKept: boolean
  refused: { wrongKey: number; brokenBody: number }
  ledgerBalances: boolean
}

export interface Check {
  what: string
  expected: string
  found: string
  holds: boolean
}

export function judge(week: ShopWeek, found: Findings): Check[] {
  const { expected } = week
  const sent = Object.values(expected.sent).reduce((a, b) => a + b, 0)
  const accepted = sent - expected.rejected
  const folded = accepted - expected.duplicates - expected.conflicts - expected.noIdentifier
  const number = (what: string, want: number, have: number): Check => ({
    what,
    expected: want.toLocaleString('en'),
    found: have.toLocaleString('en'),
    holds: want === have,
  })
  const truth = (what: string, have: boolean): Check => ({
    what,
    expected: 'yes',
    found: have ? 'yes' : 'no',
    holds: have,
  })
  const received = found.perSource.reduce((sum, source) => sum + source.accepted + source.rejected, 0)
  return [
    number('events received, all sources', sent, received),
    number('events accepted and stored', accepted, found.reached.eventsStored),
    number('events rejected, with a reason', expected.rejected, found.reached.rejectedStored),
    number('web events the SDK saw delivered', expected.sent.web, found.played.webDelivered),
    number('duplicates taken out', expected.duplicates, found.skips['duplicate'] ?? 0),
    number('same id, other content: kept aside', expected.conflicts, found.skips['conflict'] ?? 0),
    number('events without an identifier', expected.noIdentifier, found.skips['no_identifier'] ?? 0),
    number('events folded into profiles', folded, found.reached.folded),
    number('profiles, over gRPC', expected.profiles, found.reached.profiles),
    number('profiles, in the public topic', expected.profiles, found.publicProfiles),
    ...(Object.keys(expected.audiences) as AudienceId[]).map((id) =>
      number(`members of ${id}`, expected.audiences[id], found.audiences[id]),
    ),
    truth('the customer is found by each identifier', found.shown.sameProfile),
    number('their orders, both channels', week.shown.orders, Number(found.shown.orders)),
    number('their spending, cents', week.shown.spentCents, Math.round(Number(found.shown.spend) * 100)),
    truth('why their identifiers belong together', found.shown.together),
    truth('a 64-bit ticket number kept as sent', found.ticketKept),
    number('answer to a wrong key', 401, found.refused.wrongKey),
    number('answer to a broken body', 400, found.refused.brokenBody),
    number('webhooks with a false signature', 0, found.webhooks.forged),
    number('webhooks received, as delivered', found.webhooks.delivered, found.webhooks.received),
    number('deliveries still waiting', 0, found.reached.deliveriesWaiting),
    truth('the ledger balances', found.ledgerBalances),
  ]
}

/** Whether nothing moves any more: everything sent has reached every place where it is counted. */
export function isSettled(week: ShopWeek, now: Reached): boolean {
  const sent = Object.values(week.expected.sent).reduce((a, b) => a + b, 0)
  const accepted = sent - week.expected.rejected
  return (
    now.eventsStored === accepted &&
    now.rejectedStored === week.expected.rejected &&
    now.folded + now.skippedStored === accepted &&
    now.changesStored === now.changes &&
    now.deliveriesWaiting === 0 &&
    now.deliveriesEnded === now.deliveriesStored
  )
}
