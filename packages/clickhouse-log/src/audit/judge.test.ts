import { describe, expect, test } from '@jest/globals'
import type { Figures, PartitionFigures } from './figures.ts'
import { formatReport, ledgerLine } from './formatReport.ts'
import { judge } from './judge.ts'

const partition: PartitionFigures = {
  topic: 'internal.events.v1',
  partition: 0,
  rows: 98,
  offsets: 98,
  gaps: 2,
  first: 0,
  last: 99,
  quarantined: 0,
  controls: 2,
  missing: [],
  doubled: [],
}

const good: Figures = {
  sources: [
    { source: 'pos', events: 46, eventOrigins: 46, rejectedOrigins: 1, bothOrigins: 0, redrivenOrigins: 0 },
    { source: 'web', events: 50, eventOrigins: 50, rejectedOrigins: 3, bothOrigins: 0, redrivenOrigins: 0 },
  ],
  partitions: [partition],
  sequences: [
    {
      topic: 'internal.skipped.v1',
      partition: 0,
      epoch: 1,
      writer: 'fragment-0',
      rows: 6,
      numbers: 6,
      silent: 0,
      last: 6,
      missing: [],
      doubled: [],
    },
  ],
  folding: {
    topic: 'internal.events.v1',
    events: 96,
    copied: 0,
    controls: 2,
    skipped: { duplicate: 5, no_identifier: 1 },
    skippedTwice: [],
    skippedUnknown: [],
    foldable: 90,
    spanMs: 1000,
  },
  versions: [{ partition: 0, changes: 40, numbers: 40, last: 40, missing: [], doubled: [] }],
  deliveries: [
    {
      destination: 'crm',
      created: 9,
      createdTwice: 0,
      delivered: 7,
      dead: 1,
      filtered: 0,
      pending: 1,
      deliveredTwice: 0,
    },
  ],
  outcomesWithoutDelivery: 0,
  twoAnchors: [],
}

const totals = { profiles: 20, events: 90, changes: new Map([[0, 40]]) }

test('a ledger that balances says so in one line', () => {
  const report = judge(good, totals)
  expect(report.findings).toEqual([])
  expect(report.balanced).toBe(true)
  expect(ledgerLine(report)).toBe(
    'ledger: received 100 = events 96 + rejected 4 · events 96 = folded 90 + skipped 6 ' +
      '(duplicate 5, no identifier 1) · gaps 0 · doubled 0 · balances',
  )
})

test('an event of a blocked anchor counts under another identifier, once with its copies, or nowhere', () => {
  // 12 were skipped as blocked, 8 came before the block: of the 20 one carries nothing else, two are copies.
  const folding = {
    ...good.folding,
    skipped: { ...good.folding.skipped, blocked: 12 },
    filings: { nowhere: 1, twice: 2, unsure: 0 },
    foldable: 87,
  }
  const report = judge({ ...good, folding }, { ...totals, events: 87 })
  expect(report.findings).toEqual([])
  expect(ledgerLine(report)).toContain(
    'folded 87 + skipped 9 (duplicate 5, no identifier 1, blocked 1, filed twice 2)',
  )
  for (const [events, text] of [
    [86, '1 are on their way or lost'],
    [88, '1 too many'],
  ] as const)
    expect(judge({ ...good, folding }, { ...totals, events }).findings).toMatchObject([
      { rule: 'L5', message: expect.stringContaining(text) },
    ])
})

test('where an identifier of blocked events was erased, no more of them may be missing than carry it', () => {
  const folding = { ...good.folding, filings: { nowhere: 0, twice: 0, unsure: 3 } }
  const of = (events: number) => judge({ ...good, folding }, { ...totals, events, erased: 1 }).balanced
  expect([85, 86, 92, 93].map(of)).toEqual([false, true, true, false])
})

test('what was folded and erased since is in the books', () => {
  const report = judge(good, { ...totals, events: 83, erased: 7 })
  expect(report.balanced).toBe(true)
  expect(ledgerLine(report)).toContain('events 96 = folded 83 + erased 7 + skipped 6')
  const lost = judge(good, { ...totals, events: 83, erased: 6 })
  expect(lost.findings).toMatchObject([
    { rule: 'L5', message: expect.stringContaining('6 erased and 6 skipped: 1 are on their way or lost') },
  ])
})

test('without the profiles the log says what should be folded', () => {
  expect(judge(good)).toMatchObject({ balanced: true, folding: { folded: 90, foldedBy: 'log' } })
})

test('events that a producer repeated are shown as such', () => {
  const [pos, web] = good.sources
  const report = judge({ ...good, sources: [{ ...pos!, eventOrigins: 44 }, web!] }, totals)
  expect(report.balanced).toBe(true)
  expect(ledgerLine(report)).toContain('received 98 + repeated 2 = events 96 + rejected 4')
})

test('what was sent again after it had been refused was received once', () => {
  const [pos, web] = good.sources
  const report = judge({ ...good, sources: [pos!, { ...web!, redrivenOrigins: 2 }] }, totals)
  expect(report.balanced).toBe(true)
  expect(report).toMatchObject({ received: 98, rejected: 4, redriven: 2 })
  expect(ledgerLine(report)).toContain('received 98 + sent again 2 = events 96 + rejected 4')
})

const change = (more: Partial<Figures>) => ({ ...good, ...more })
const folding = (more: Partial<Figures['folding']>) => change({ folding: { ...good.folding, ...more } })
const inPartition = (more: Partial<PartitionFigures>) => change({ partitions: [{ ...partition, ...more }] })
const versions = (more: Partial<Figures['versions'][number]>) =>
  change({ versions: [{ ...good.versions[0]!, ...more }] })
const deliveries = (more: Partial<Figures['deliveries'][number]>) =>
  change({ deliveries: [{ ...good.deliveries[0]!, ...more }] })
const stamps = (more: Partial<Figures['sequences'][number]>) =>
  change({ sequences: [{ ...good.sequences[0]!, ...more }] })

describe('what does not balance is named', () => {
  const one = { first: 17, last: 17 }
  test.each<[string, Figures, string, string]>([
    [
      'an input that is both',
      change({ sources: [{ ...good.sources[0]!, bothOrigins: 1 }, good.sources[1]!] }),
      'L1',
      'source pos: 1 inputs were both',
    ],
    [
      'a missing row',
      inPartition({ rows: 97, offsets: 97, missing: [one] }),
      'L2',
      'internal.events.v1/0: 1 record missing at offset 17',
    ],
    [
      'rows missing at the end, which only the writer’s position tells',
      inPartition({ kafka: { stored: 103, open: false, behind: 0 } }),
      'L2',
      '3 records missing at offset 100-102',
    ],
    [
      'a topic of which nothing is left',
      inPartition({ rows: 0, offsets: 0, gaps: 0, last: -1, kafka: { stored: 5, open: false, behind: 0 } }),
      'L2',
      '5 records missing at offset 0-4',
    ],
    ['gaps that overlap rows', inPartition({ gaps: 3 }), 'L2', '1 offsets more than there are'],
    [
      'gaps where nothing writes in transactions',
      inPartition({ topic: 'rejected.v1' }),
      'L2',
      'rejected.v1/0: 2 offsets hold no record',
    ],
    [
      'a doubled row',
      inPartition({ rows: 99, doubled: [17] }),
      'L4',
      'internal.events.v1/0: 1 rows too many at offset 17',
    ],
    [
      'a missing stamp',
      stamps({ rows: 5, numbers: 5, missing: [{ first: 3, last: 3 }] }),
      'L3',
      'internal.skipped.v1/0, stamps of fragment-0 in epoch 1: 1 missing: 3',
    ],
    ['a doubled stamp', stamps({ rows: 7, doubled: [2] }), 'L4', '1 rows too many: 2'],
    [
      'a missing version',
      versions({ changes: 39, numbers: 39, missing: [{ first: 8, last: 8 }] }),
      'L3',
      'profile-changes.v1/0, versions: 1 missing: 8',
    ],
    [
      'versions that the profiles have and the log has not',
      versions({ changes: 38, numbers: 38, last: 38 }),
      'L3',
      'the profiles stand at version 40, the log at 38',
    ],
    ['events on their way or lost', folding({ events: 97 }), 'L5', '1 are on their way or lost'],
    ['events counted twice', folding({ skipped: { duplicate: 7 } }), 'L5', '1 too many'],
    ['duplicates that were folded', folding({ foldable: 88 }), 'L5', 'the log holds 88 distinct ones'],
    ['an event skipped twice', folding({ skippedTwice: [{ partition: 1, offset: 5 }] }), 'L5', '/1 offset 5'],
    ['a skip of nothing', folding({ skippedUnknown: [{ partition: 1, offset: 5 }] }), 'L5', 'not in the log'],
    ['a delivery made twice', deliveries({ createdTwice: 1 }), 'L6', 'destination crm: 1 deliveries exist'],
    ['a delivery delivered twice', deliveries({ deliveredTwice: 1 }), 'L6', 'delivered twice'],
    ['an outcome of nothing', change({ outcomesWithoutDelivery: 2 }), 'L6', '2 outcomes'],
  ])('%s', (_name, figures, rule, text) => {
    const report = judge(figures, totals)
    expect(report.balanced).toBe(false)
    expect(report.findings).toContainEqual(
      expect.objectContaining({ rule, message: expect.stringContaining(text) }),
    )
    expect(ledgerLine(report)).toContain('DOES NOT BALANCE')
  })
})

test('a range under way is no gap', () => {
  expect(judge(inPartition({ kafka: { stored: 100, open: true, behind: 7 } }), totals)).toMatchObject({
    balanced: true,
    behind: 7,
  })
})

test('after an erasure, or beyond the memory of deduplication, the log alone does not judge what was folded', () => {
  expect(judge(folding({ skipped: { duplicate: 2, erased: 1 } })).balanced).toBe(true)
  expect(judge(folding({ events: 97, spanMs: 8 * 86_400_000 })).balanced).toBe(true)
})

test('a report that does not balance while records are on their way says so', () => {
  const report = judge(
    inPartition({ rows: 99, doubled: [17], kafka: { stored: 100, open: true, behind: 7 } }),
    totals,
  )
  expect(formatReport(report)).toContain('7 records are not stored yet')
})

test('the report for people aligns its columns and ends with the line', () => {
  const text = formatReport(
    judge(inPartition({ rows: 97, offsets: 97, missing: [{ first: 17, last: 17 }] }), totals),
  )
  expect(text).toContain(
    'sources\n  source  received  events  repeated  rejected  sent again\n  pos           47      46',
  )
  expect(text).toContain('findings\n  L2  internal.events.v1/0: 1 record missing at offset 17')
  expect(text.split('\n').at(-1)).toMatch(/^ledger: .* DOES NOT BALANCE/)
})
