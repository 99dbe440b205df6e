import { expect, test } from '@jest/globals'
import { MAX_LINKS, sampledTrace, traceHeaders, tracesOf } from './traceContext.ts'

const trace = (n: number, flags = '01') =>
  `00-${String(n).padStart(32, 'a')}-${String(n).padStart(16, 'b')}-${flags}`

test.each([
  [trace(1), true],
  [trace(1, '03'), true],
  [trace(1, '00'), false],
  [trace(1).toUpperCase(), false],
  [`${trace(1)}-more`, false],
  [trace(1).replace('00-', '01-'), false],
  [`00-${'0'.repeat(32)}-${'1'.repeat(16)}-01`, false],
  [`00-${'1'.repeat(32)}-${'0'.repeat(16)}-01`, false],
  ['', false],
  [undefined, false],
])('T1: %s is taken: %s', (value, taken) => {
  expect(sampledTrace(value)).toBe(taken ? value : undefined)
})

test('what goes into headers comes out of them, as text or bytes', () => {
  const traces = [trace(1), trace(2), trace(3)]
  const headers = traceHeaders(traces)!
  expect(tracesOf(headers)).toEqual(traces)
  expect(tracesOf(Object.fromEntries(Object.entries(headers).map(([n, v]) => [n, Buffer.from(v)])))).toEqual(
    traces,
  )
  expect(traceHeaders([])).toBeUndefined()
  expect(tracesOf({})).toEqual([])
})

test('T2: one trace is named once, and of many some', () => {
  expect(traceHeaders([trace(1), trace(1)])).toEqual({ traceparent: trace(1) })
  const many = Array.from({ length: 50 }, (_, i) => trace(i + 1))
  expect(tracesOf(traceHeaders(many)!)).toEqual(many.slice(0, 1 + MAX_LINKS))
})

test('headers that somebody else wrote are no danger: what is no trace is left out', () => {
  expect(tracesOf({ traceparent: 'a'.repeat(100_000), tracelinks: ','.repeat(100_000) })).toEqual([])
})
