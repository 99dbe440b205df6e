import { describe, expect, test } from '@jest/globals'
import { type MessageTrace, type TracedEvent } from '@tributary/clickhouse-log'
import { type Present, traceStory } from './traceStory.ts'

const NOW = Date.parse('2026-02-01T00:01:00Z')
const at = (topic: string, offset: number) => ({
  topic,
  partition: 3,
  offset,
  appendedMs: NOW - 50_000 + offset,
})

const event = (over: Partial<TracedEvent> = {}): TracedEvent => ({
  ...at('internal.events.v1', 7),
  source: 'web',
  type: 'track',
  name: 'Order Completed',
  anchor: 'a'.repeat(32),
  epoch: 1,
  identifiers: [{ type: 'user_id', id: 'a'.repeat(32), value: 'u1' }],
  origin: 'http:r1:0',
  timeMs: NOW - 60_000,
  originalMs: NOW - 60_000,
  sentMs: undefined,
  receivedMs: NOW - 55_000,
  flags: ['uncorrected'],
  skipped: undefined,
  evidence: undefined,
  ...over,
})
const empty: MessageTrace = {
  messageId: 'm1',
  rejects: [],
  events: [],
  identityChanges: [],
  profileChanges: [],
  audienceChanges: [],
  deliveries: [],
  cut: [],
  writtenMs: NOW - 1_000,
}
const reject = {
  ...at('rejected.v1', 2),
  source: 'web',
  code: 'does_not_map',
  message: 'none of the mapped fields is in the record',
  origin: 'kafka:retail.receipts:1:99',
  receivedMs: NOW - 90_000,
}
const folded: Present = {
  profileId: 'p-0',
  version: '0001-7',
  events: 4,
  identifiers: 2,
  audiences: ['vip'],
  behind: [],
}
const asked = (present: Present) => new Map([['a'.repeat(32), present]])
const whats = (
  trace: Partial<MessageTrace>,
  present: ReadonlyMap<string, Present> | string = 'it is not named',
) => traceStory({ ...empty, ...trace }, present, NOW).rows.map(({ step, what }) => `${step}: ${what}`)

test('the whole way, with the time and place of each step', () => {
  const delivery = {
    ...at('internal.deliveries.v1', 13),
    id: 'd1',
    destination: 'crm',
    sync: 'vips',
    profileId: 'p-0',
    filtered: '',
    lane: '',
    withdraws: '',
  }
  const { rows } = traceStory(
    {
      ...empty,
      events: [
        event({
          evidence: {
            ...at('internal.evidence.v1', 9),
            id: 'e1',
            class: 'co_occurrence',
            memberTypes: ['user_id', 'email'],
            source: 'web',
            messageId: 'm1',
          },
        }),
      ],
      profileChanges: [
        {
          ...at('profile-changes.v1', 11),
          id: 'c1',
          profileId: 'p-0',
          version: '0001-7',
          type: 'dev.tributary.profile.updated.v1',
          changed: ['computed.orders'],
        },
      ],
      audienceChanges: [
        { ...at('audience-changes.v1', 12), id: 'c2', profileId: 'p-0', audience: 'vip', change: 'entered' },
      ],
      deliveries: [
        {
          ...delivery,
          outcome: { ...at('internal.delivery-outcomes.v1', 14), kind: 'delivered', attempt: 1, code: '' },
        },
      ],
    },
    asked(folded),
    NOW,
  )
  expect(rows.map(({ step, place }) => (place ? `${step} at ${place}` : step))).toEqual([
    'received at request r1, number 0',
    'accepted at internal.events.v1 3:7',
    'accepted',
    'accepted',
    'evidence at internal.evidence.v1 3:9',
    'fragment',
    'profile at profile-changes.v1 3:11',
    'profile',
    'audience at audience-changes.v1 3:12',
    'delivery at internal.deliveries.v1 3:13',
    'delivery at internal.delivery-outcomes.v1 3:14',
  ])
  expect(rows[4]).toEqual({
    step: 'evidence',
    time: new Date(NOW - 50_000 + 9).toISOString(),
    place: 'internal.evidence.v1 3:9',
    what: 'co-occurrence of user_id, email',
  })
  expect(rows.at(-1)?.what).toBe('delivered at try 1')
})

describe('what is not there says why it may be', () => {
  test('nothing at all', () => {
    const { rows, notes } = traceStory(empty, new Map(), NOW)
    expect(rows).toEqual([])
    expect(notes).toEqual([
      'nothing of message m1 is in the event log: it was never received, came under another id, or is not written yet',
      'the event log was last written 1 s ago; it follows Kafka by about a second',
      'a reject whose message id could not be read has none: look at `tributary rejects list`',
    ])
  })

  test.each([
    ['evidence: none: one identifier says nothing about who is who', event()],
    ['evidence: not there yet', event({ type: 'alias' })],
    ['fragment: folded, or not read yet: nothing was skipped at 3:7 so far', event()],
    ['profile: no public change names it', event()],
    ['profile: the present one was not asked for: it is not named', event()],
    ['audience: nobody entered or left an audience by it', event()],
    ['delivery: none: without a change there is nothing to send', event()],
    ['accepted: of nobody', event({ identifiers: [] })],
  ])('%s', (sentence, given) => {
    expect(whats({ events: [given] })).toContainEqual(expect.stringContaining(sentence))
  })

  test('the profile-store says whether the event is in, or which task is behind', () => {
    expect(whats({ events: [event()] }, asked(folded))).toContain(
      'fragment: folded: the profile-store has read past 3:7',
    )
    expect(whats({ events: [event()] }, asked({ ...folded, behind: ['fragment 3'] }))).toContain(
      'fragment: not folded yet: behind are fragment 3',
    )
    expect(whats({ events: [event()] }, asked({ unknown: 'nobody is known' }))).toContain(
      'profile: now: nobody is known',
    )
  })

  test('an event that was skipped ends there, with the reason', () => {
    const skipped = { ...at('internal.skipped.v1', 8), reason: 'duplicate' }
    expect(whats({ events: [event({ skipped })] }).at(-1)).toBe(
      'fragment: not folded: duplicate, the same message of the same source and anchor was folded before',
    )
  })
})

test('two sources and two anchors are all shown, and said', () => {
  const events = [
    event(),
    event({ anchor: 'b', origin: 'http:r2:0' }),
    event({ source: 'crm', origin: 'http:r3:0' }),
  ]
  const { rows, notes } = traceStory({ ...empty, events }, new Map(), NOW)
  expect(rows.filter(({ step }) => step === 'received').map(({ what }) => what)).toEqual([
    'from web',
    'from web',
    'from crm',
  ])
  expect(notes[0]).toBe('it came from 2 sources (web, crm): each counts for itself')
  expect(notes[1]).toMatch('web sent it under 2 anchors')
})

test('what was refused and then sent again was received once', () => {
  expect(
    whats({ rejects: [reject], events: [event({ origin: `redrive:${reject.origin}` })] }).slice(0, 3),
  ).toEqual([
    'received: from web',
    'rejected: does_not_map: none of the mapped fields is in the record',
    'accepted: track "Order Completed" from web, sent again after it had been refused',
  ])
})
