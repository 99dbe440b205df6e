import { expect, test } from '@jest/globals'
import { makeShopWeek, tillTime } from './shopWeek.ts'

const NOW = Date.UTC(2026, 10, 25, 12)

test('the same seed makes the same week', () => {
  const text = (): string =>
    JSON.stringify(makeShopWeek(7, NOW, 100), (_key, v: unknown) => (typeof v === 'bigint' ? `${v}n` : v))
  expect(text()).toBe(text())
})

test('every event of the week lies in the seven days before now', () => {
  for (const send of makeShopWeek(3, NOW, 200).sends) {
    if (send.via !== 'web') continue
    expect(send.message.timestamp.getTime()).toBeLessThanOrEqual(NOW)
    expect(send.message.timestamp.getTime()).toBeGreaterThan(NOW - 8 * 86_400_000)
  }
})

test('what is sent per source adds up to the week', () => {
  const week = makeShopWeek(11, NOW, 200)
  const sum = Object.values(week.expected.sent).reduce((a, b) => a + b, 0)
  expect(sum).toBe(week.sends.length)
})

test('no strong identifier belongs to two customers', () => {
  const { customers } = makeShopWeek(5, NOW, 300)
  for (const key of ['userId', 'loyaltyId', 'email'] as const) {
    const values = customers.map((c) => c[key]).filter((v) => v !== undefined)
    expect(new Set(values).size).toBe(values.length)
  }
})

test('a till in Paris writes local time without a zone, summer and winter', () => {
  expect(tillTime(Date.UTC(2026, 10, 25, 12, 30, 5))).toBe('2026-11-25T13:30:05')
  expect(tillTime(Date.UTC(2026, 6, 1, 12, 30, 5))).toBe('2026-07-01T14:30:05')
})
