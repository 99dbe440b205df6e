import { expect, test } from '@jest/globals'
import { createMetrics } from '@tributary/service-kit'
import { type LedgerCheckOptions, createLedgerCheck } from './ledgerCheck.ts'

const NOW = 1_700_000_000_000

function check(options: Partial<LedgerCheckOptions> = {}) {
  const metrics = createMetrics('profile-store')
  const failures: unknown[] = []
  const ledger = createLedgerCheck({
    metrics,
    isOwner: () => true,
    measure: async () => [{ topic: 'events', rows: 10, missing: 2, doubled: 1 }],
    nowMs: () => NOW,
    onFailure: (error) => failures.push(error),
    ...options,
  })
  return { ledger, failures, metrics }
}

test('what is missing and doubled is told by topic, with the time of the look', async () => {
  let asked = 0
  const { ledger, metrics } = check({
    measure: async (sinceMs) => {
      asked = sinceMs
      return [{ topic: 'events', rows: 10, missing: 2, doubled: 1 }]
    },
  })
  await ledger.wake()
  const text = await metrics.text()
  expect(text).toContain('tributary_profile_store_ledger_missing_records{topic="events"} 2')
  expect(text).toContain('tributary_profile_store_ledger_doubled_records{topic="events"} 1')
  expect(text).toContain('tributary_profile_store_ledger_checked_timestamp_seconds{kind="recent"} 1700000000')
  expect(asked).toBe(NOW - 3 * 3_600_000)
})

test('A1: who no longer owns the jobs says nothing, and does not ask', async () => {
  let owner = true
  const { ledger, metrics } = check({ isOwner: () => owner })
  await ledger.wake()
  owner = false
  await ledger.wake()
  expect(await metrics.text()).not.toMatch(/^tributary_profile_store_ledger/m)
})

test('A2: a log that cannot be asked leaves the numbers and their time as they are', async () => {
  let away = false
  let nowMs = NOW
  const { ledger, failures, metrics } = check({
    nowMs: () => nowMs,
    measure: async () => {
      if (away) throw new Error('ClickHouse is away')
      return [{ topic: 'events', rows: 10, missing: 0, doubled: 0 }]
    },
  })
  await ledger.wake()
  const before = await metrics.text()
  away = true
  nowMs += 300_000
  await ledger.wake()
  expect(await metrics.text()).toBe(before)
  expect(failures).toEqual([new Error('ClickHouse is away')])
})

test('a check that takes long is not begun a second time', async () => {
  let calls = 0
  let answer = () => {}
  const { ledger } = check({
    measure: async () => {
      calls++
      await new Promise<void>((resolve) => (answer = resolve))
      return []
    },
  })
  const first = ledger.wake()
  await ledger.wake()
  answer()
  await first
  expect(calls).toBe(1)
})
