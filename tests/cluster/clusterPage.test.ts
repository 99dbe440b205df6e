import { expect, test } from '@jest/globals'
import { checkText, clusterPage, failedRequests, judgeCheck } from './clusterPage.ts'
import type { CheckResult } from './runCheck.ts'

const result: CheckResult = {
  cluster: 'kind-here',
  kubernetes: 'v1.34.4',
  seed: 7,
  rate: 20,
  standIns: ['apache/kafka:4.4.0'],
  installedS: 61,
  pods: [{ service: 'collector', readyMs: 900, memoryMb: 90 }],
  week: {
    events: 10,
    settledS: 4,
    checks: [{ what: 'profiles', expected: '3', found: '3', holds: true }],
  },
  weekSteps: [{ name: 'roll collector', tookS: 12, seen: '2 pods' }],
  load: {
    seconds: 60,
    settledS: 5,
    load: {
      requests: 20,
      retries: 1,
      repeats: 0,
      underWay: 0,
      events: 40,
      people: 2,
      answers: { '200': 18, '503': 1, 'client gave up': 1 },
    },
    verdict: {
      acknowledged: 40,
      lost: 0,
      countedTwice: 0,
      findings: [],
      checked: [{ what: 'rows', count: 40 }],
    },
  },
  loadSteps: [{ name: 'restart Kafka', tookS: 9, seen: '1 pods' }],
  restarts: [],
  notRestricted: [],
}

test('a run in which nothing is off holds in every line', () => {
  const held = judgeCheck(result)
  expect(held.filter(({ holds }) => !holds)).toEqual([])
  expect(checkText(held).split('\n')).toHaveLength(held.length)
  expect(checkText(held)).not.toContain('✗')
})

test('each thing that is off shows as a line that does not hold', () => {
  const off = (change: Partial<CheckResult>) =>
    judgeCheck({ ...result, ...change }).flatMap(({ what, holds }) => (holds ? [] : [what]))
  const { load, week } = result
  const verdict = (more: Partial<CheckResult['load']['verdict']>) => ({
    load: { ...load, verdict: { ...load.verdict, ...more } },
  })
  expect(off({ loadSteps: [{ name: 'x', tookS: 1, seen: '', problem: 'timed out' }] })).toEqual([
    'steps that failed',
  ])
  expect(
    off({ week: { ...week, checks: [{ what: 'a', expected: '1', found: '2', holds: false }] } }),
  ).toEqual(["comparisons of the shop's week that are off, of 1"])
  expect(off({ load: { ...load, load: { ...load.load, answers: { ECONNRESET: 1 } } } })).toEqual([
    'requests that failed, beyond 503 with a time to come back',
  ])
  expect(off(verdict({ lost: 1 }))).toEqual(['acknowledged events lost'])
  expect(off(verdict({ countedTwice: 1 }))).toEqual(['events counted twice'])
  expect(off(verdict({ findings: [{ rule: 'A5', problem: 'a gap', ids: ['x'] }] }))).toEqual([
    'findings of the audit',
  ])
  expect(off({ restarts: ['collector-1: 1, last OOMKilled 137'] })).toEqual([
    'containers that ended by themselves',
  ])
  expect(off({ notRestricted: ['kafka-0: runs as root'] })).toEqual(['pods that are not restricted'])
})

test('a request is failed unless its client was told to expect the answer, or left by itself', () => {
  expect(failedRequests({ '200': 5, '503': 2, 'client gave up': 1 })).toBe(0)
  expect(failedRequests({ '200': 5, '500': 1, '502': 1, ECONNREFUSED: 2, 'no answer in time': 1 })).toBe(5)
})

test('the page says when, on what, with which stand-ins, and every number', () => {
  const page = clusterPage(result, new Date('2026-01-02T03:04:05Z'))
  for (const text of [
    '2026-01-02 03:04 UTC',
    'v1.34.4',
    'apache/kafka:4.4.0',
    'restart Kafka',
    'answers over HTTP: 503',
  ])
    expect(page).toContain(text)
})
