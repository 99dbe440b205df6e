import { expect, test } from '@jest/globals'
import { chaosLine, chaosPage, findingsText } from './chaosReport.ts'
import type { ChaosResult } from './runChaos.ts'

const result: ChaosResult = {
  seed: 7,
  durationS: 240,
  settledS: 12.4,
  load: { requests: 5, retries: 1, repeats: 2, underWay: 0, answers: {}, events: 10, people: 3 },
  disturbed: {
    kills: 34,
    stalls: 6,
    storesDeleted: 8,
    kafkaRestarts: 1,
    clickHouseKills: 1,
    lossyPeriods: 3,
    added: 2,
    removed: 2,
  },
  outages: 5,
  faults: { 'request lost': 3, 'reply lost': 2, silence: 1 },
  done: [{ atS: 3.21, what: 'kill -9 collector-1', tookS: 5.19 }],
  verdict: { acknowledged: 9, lost: 1, countedTwice: 0, findings: [], checked: [{ what: 'rows', count: 9 }] },
}

test('the line has every number in its place', () => {
  expect(chaosLine(result)).toBe(
    'acknowledged 9 · lost 1 · counted twice 0 · kills 34 · stalls 6 · outages 5',
  )
})

test('the page says how to do it again, and its tables line up', () => {
  const page = chaosPage(result, new Date('2026-11-25T04:00:00Z'))
  expect(page).toContain('make chaos SEED=7 DURATION=240')
  expect(page).toContain(
    '| second | what                | took, s |\n| ------ | ------------------- | ------- |\n| 3.2    | kill -9 collector-1 | 5.2     |',
  )
  expect(page).toContain('Everything holds.')
})

test('findings name their ids, as many as can be read; the rest is counted', () => {
  const finding = { rule: 'A1', problem: 'lost', ids: ['a', 'b', 'c'] }
  const off = { ...result, verdict: { ...result.verdict, findings: [finding] } }
  expect(findingsText(off, 2)).toBe('A1: lost (3)\n  a\n  b\n  … and 1 more')
})
