import { expect, jest, test } from '@jest/globals'
import type { Answer } from '../delivery/classify.ts'
import { delivery } from '../testing/deliveries.ts'
import { gather } from './gather.ts'

const { signal } = new AbortController()
const taken: Answer = { kind: 'accepted' }
const ids = (count: number) => Array.from({ length: count }, (_, n) => `d${n}`)

test('what comes together goes together, at most so many', async () => {
  const request = jest.fn(async () => taken)
  const send = gather({ most: 4, request })
  await Promise.all(ids(10).map((id) => send(delivery(id), signal)))
  expect((request.mock.calls as unknown as [unknown[]][]).map(([items]) => items.length)).toEqual([4, 4, 2])
})

test('what is large goes in several requests, and what is larger than one goes alone', async () => {
  const sizes = [1, 2, 3, 5, 1].map((mebibytes) => mebibytes * 1024 * 1024)
  const asked: number[][] = []
  const send = gather({
    most: 100,
    request: async (items) => (asked.push(items.map(({ body }) => body.length)), taken),
  })
  await Promise.all(sizes.map((size, n) => send(delivery(`d${n}`, { body: 'x'.repeat(size) }), signal)))
  expect(asked.flat()).toEqual(sizes)
  for (const request of asked)
    expect(request.length === 1 || request.reduce((sum, size) => sum + size) <= 4 * 1024 * 1024).toBe(true)
})

test('an item that is refused costs the others nothing, wherever it stands', async () => {
  const refused = new Set(['d2', 'd3', 'd9'])
  const send = gather({
    most: 10,
    request: async (items) =>
      items.some(({ id }) => refused.has(id)) ? { kind: 'status', status: 422 } : taken,
  })
  const answers = await Promise.all(ids(10).map((id) => send(delivery(id), signal)))
  expect(answers.map(({ kind }) => kind)).toEqual(
    ids(10).map((id) => (refused.has(id) ? 'status' : 'accepted')),
  )
})

test('one that fails as a whole is not taken apart', async () => {
  const request = jest.fn(async (): Promise<Answer> => ({ kind: 'status', status: 503 }))
  const send = gather({ most: 10, request })
  const answers = await Promise.all(ids(10).map((id) => send(delivery(id), signal)))
  expect(answers).toHaveLength(10)
  expect(request).toHaveBeenCalledTimes(1)
})
