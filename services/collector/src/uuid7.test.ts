import { randomFillSync } from 'node:crypto'
import { expect, test } from '@jest/globals'
import { createUuid7 } from './uuid7.ts'

test('ids are UUIDs of version 7, unlike each other, in the order of time', () => {
  let time = Date.parse('2026-11-24T12:00:00Z')
  const next = createUuid7({ now: () => time++, random: randomFillSync })
  const ids = Array.from({ length: 1000 }, next)
  expect(
    ids.every((id) => /^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/.test(id)),
  ).toBe(true)
  expect(new Set(ids).size).toBe(1000)
  expect([...ids].sort()).toEqual(ids)
})

test('time and randomness are where RFC 9562 puts them', () => {
  const next = createUuid7({ now: () => 0x017f22e279b0, random: (bytes) => bytes.fill(0xff) })
  expect(next()).toBe('017f22e2-79b0-7fff-bfff-ffffffffffff')
})
