import { expect, test } from '@jest/globals'
import type { ProfileRecord } from '@tributary/contracts'
import { auditRun, type Observed } from './auditRules.ts'
import { eventKey, type LedgerEntry } from './ledger.ts'
import type { LoadEvent } from './madeLoad.ts'

const TIME = '2026-11-20T10:00:00.000Z'

function event(messageId: string, fields: Partial<LoadEvent> = {}): LoadEvent {
  const body = JSON.stringify({
    messageId,
    timestamp: TIME,
    type: 'track',
    event: 'Email Opened',
    userId: 'u1',
  })
  return { atMs: 0, source: 'app', messageId, person: 1, body, linking: false, valid: true, ...fields }
}

function entry(of: LoadEvent, answer?: 'accepted' | 'rejected'): LedgerEntry {
  return {
    event: of,
    attempts: 1,
    acknowledgements: answer ? 1 : 0,
    gaveUp: !answer,
    ...(answer && { answer }),
  }
}

function ledger(...entries: LedgerEntry[]): Map<string, LedgerEntry> {
  return new Map(entries.map((each) => [eventKey(each.event), each]))
}

function profile(opened: number): ProfileRecord {
  return {
    profileId: 'p1',
    version: '0001-000000000000000001',
    firstSeen: TIME,
    lastSeen: TIME,
    identifiers: [{ type: 'user_id', value: 'u1' }],
    traits: {},
    computed: { opened },
    audiences: {},
    consent: {},
    events: opened,
  }
}

function row(of: LoadEvent, offset: number) {
  return { source: of.source, messageId: of.messageId, partition: 0, offset, raw: of.body }
}

/** One acknowledged event, whole. */
function whole(change: Partial<Observed> = {}): Observed {
  return {
    events: [row(event('m1'), 0)],
    skipped: [],
    rejected: [],
    partitions: [{ topic: 'internal.events.v1', partition: 0, start: 0, end: 1, rows: 1, distinct: 1 }],
    profiles: [
      { profileId: 'p1', state: profile(1), asked: { record: profile(1), events: 1, lastSeen: TIME } },
    ],
    numbers: [
      { series: 'versions of partition 0', n: 1 },
      { series: 'versions of partition 0', n: 2 },
    ],
    changes: [{ profileId: 'p1', version: '0001-000000000000000001' }],
    states: [{ profileId: 'p1', version: '0001-000000000000000001' }],
    deliveries: [{ id: 'd1', syncId: 's', profileId: 'p1', version: '1' }],
    received: [{ id: 'd1', syncId: 's', profileId: 'p1', version: '1' }],
    forged: 0,
    ledgerProblem: undefined,
    unasked: [],
    ...change,
  }
}

const one = ledger(entry(event('m1'), 'accepted'))

function problems(books: Map<string, LedgerEntry>, observed: Observed) {
  return auditRun(books, observed).findings.map(({ rule, ids }) => [rule, ...ids])
}

test('a run in which everything holds has no findings', () => {
  expect(auditRun(one, whole())).toMatchObject({ acknowledged: 1, lost: 0, countedTwice: 0, findings: [] })
})

test('an acknowledged event that is not in the log is lost, and named', () => {
  const verdict = auditRun(one, whole({ events: [], profiles: [] }))
  expect(verdict.lost).toBe(1)
  expect(verdict.findings[0]!.ids).toEqual(['app m1'])
})

test('a repeat that is not skipped is counted twice; one that is skipped is not', () => {
  const events = [row(event('m1'), 0), row(event('m1'), 1)]
  expect(auditRun(one, whole({ events })).countedTwice).toBe(1)
  const skipped = [{ partition: 0, offset: 1, reason: 'duplicate' }]
  expect(problems(one, whole({ events, skipped }))).toEqual([])
})

test('one record in two rows of the log is counted twice, and named as that', () => {
  const verdict = auditRun(one, whole({ events: [row(event('m1'), 0), row(event('m1'), 0)] }))
  expect(verdict.countedTwice).toBe(1)
  expect(verdict.findings.map(({ problem }) => problem)).toEqual([
    'one record of Kafka in two rows of the event log',
  ])
})

test('an event whose every row is skipped is lost', () => {
  const verdict = auditRun(one, whole({ skipped: [{ partition: 0, offset: 0, reason: 'duplicate' }] }))
  expect(verdict.lost).toBe(1)
})

test('an event that was never acknowledged may be missing, and counts when it is there', () => {
  const gone = entry(event('m2'))
  const books = new Map([...one, ...ledger(gone)])
  expect(problems(books, whole())).toEqual([])
  const events = [row(event('m1'), 0), row(event('m2'), 1)]
  expect(problems(books, whole({ events }))).not.toEqual([])
  const asked = { record: profile(2), events: 2, lastSeen: TIME }
  expect(
    problems(books, whole({ events, profiles: [{ profileId: 'p1', state: profile(2), asked }] })),
  ).toEqual([])
})

test('a counter that is one too high is counted twice, and named', () => {
  const asked = { record: profile(2), events: 2, lastSeen: TIME }
  const verdict = auditRun(one, whole({ profiles: [{ profileId: 'p1', state: profile(1), asked }] }))
  expect(verdict.countedTwice).toBe(1)
  expect(verdict.findings[0]!.ids).toContain('person 1 p1 over gRPC: opened is 2, and should be 1')
})

test.each<[string, Partial<Observed>, string[]]>([
  ['other bytes', { events: [{ ...row(event('m1'), 0), raw: '{}' }] }, ['A1', 'app m1']],
  [
    'a conflict that is none',
    {
      skipped: [{ partition: 0, offset: 9, reason: 'conflict' }],
      events: [row(event('m1'), 0), row(event('m1'), 9)],
    },
    ['A1', 'app m1: conflict'],
  ],
  [
    'a missing offset',
    { partitions: [{ topic: 't', partition: 0, start: 0, end: 3, rows: 2, distinct: 2 }] },
    ['A3', 't-0: Kafka 0 to 2, 2 rows, 2 distinct offsets'],
  ],
  ['a missing number', { numbers: [{ series: 's', n: 2 }] }, ['A5', 's: 1 to 1']],
  [
    'a number that is there twice',
    { numbers: [1, 1].map((n) => ({ series: 's', n })) },
    ['A5', 's: 1 after 1'],
  ],
  [
    'a state behind its last change',
    { changes: [{ profileId: 'p1', version: '2' }] },
    ['A6', 'p1: changed at 2, shown at 0001-000000000000000001'],
  ],
  ['a delivery that never arrived', { received: [] }, ['A7', 'd1 of p1']],
  ['a webhook nobody asked for', { deliveries: [] }, ['A7', 'd1 of p1']],
  ['a false signature', { forged: 1 }, ['A7', '1']],
  ['a ledger that does not balance', { ledgerProblem: 'off' }, ['A3', 'off']],
  ['a process that ended by itself', { unasked: ['x: exit code 1'] }, ['A8', 'x: exit code 1']],
])('%s is found, and named', (_what, change, finding) => {
  expect(problems(one, whole(change))).toEqual([finding])
})

test('an older version after a newer one of the same sync is found; of another sync it is not', () => {
  const told = (id: string, syncId: string, version: string) => ({ id, syncId, profileId: 'p1', version })
  const received = [told('d1', 's', '2'), told('d2', 's', '1'), told('d3', 't', '1')]
  expect(problems(one, whole({ deliveries: received, received }))).toEqual([['A7', 's p1: 1 after 2']])
})

test('what must be refused is among the rejected, whole', () => {
  const bad = event('m2', { valid: false })
  const books = new Map([...one, ...ledger(entry(bad, 'rejected'))])
  const rejected = [{ source: 'app', messageId: 'm2', input: bad.body }]
  expect(problems(books, whole({ rejected }))).toEqual([])
  expect(problems(books, whole())).toEqual([['A2', 'app m2']])
  expect(problems(books, whole({ rejected: [{ ...rejected[0]!, input: '' }] }))).toEqual([['A2', 'app m2']])
})
