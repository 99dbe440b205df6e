import { describe, expect, test } from '@jest/globals'
import { type Classified, classify } from './classify.ts'
import { type DestinationState, admission, afterAnswer } from './destinationState.ts'

const DOCUMENT = 'h1'
const status = (code: number, retryAfterMs?: number): Classified =>
  classify({ kind: 'status', status: code, ...(retryAfterMs === undefined ? {} : { retryAfterMs }) })

interface Answer {
  readonly at: number
  readonly classified: Classified
}
function after(...answers: Answer[]): DestinationState | undefined {
  return answers.reduce<DestinationState | undefined>(
    (state, { at, classified }) => afterAnswer(state, classified, at, DOCUMENT),
    undefined,
  )
}
const failures = (count: number, at = 0): Answer[] =>
  Array.from({ length: count }, () => ({ at, classified: status(500) }))

function kindAt(state: DestinationState | undefined, now: number, lastDelivered = -1): string {
  return admission(state ? [state] : [], now, DOCUMENT, lastDelivered).kind
}

describe('the breaker', () => {
  test('nine failures in a row leave a destination open', () => {
    expect(kindAt(after(...failures(9)), 1)).toBe('open')
  })
  test('the tenth holds it, then one call at a time probes', () => {
    const state = after(...failures(10))
    expect(kindAt(state, 4_999)).toBe('held')
    expect(kindAt(state, 5_000)).toBe('probe')
  })
  test('each probe that fails doubles the hold, up to five minutes', () => {
    let state = after(...failures(10))
    const holds: number[] = []
    for (let i = 0; i < 8; i++) {
      const now = state?.heldUntilMs ?? 0
      state = afterAnswer(state, status(500), now, DOCUMENT)
      holds.push((state?.heldUntilMs ?? 0) - now)
    }
    expect(holds).toEqual([10_000, 20_000, 40_000, 80_000, 160_000, 300_000, 300_000, 300_000])
  })
  test('failures of calls already under way do not lengthen the hold', () => {
    expect(after(...failures(10), ...failures(20, 1))).toEqual(after(...failures(10)))
  })
  test('one delivery opens it, and so does an item it refuses: it is up', () => {
    expect(after(...failures(12), { at: 9_000, classified: status(200) })).toBeUndefined()
    expect(after(...failures(12), { at: 9_000, classified: status(422) })).toBeUndefined()
  })
})

describe('what the destination asks for', () => {
  test('429 holds everything for the time it names, also when calls under way succeed', () => {
    const state = after({ at: 0, classified: status(429, 30_000) }, { at: 10, classified: status(200) })
    expect(kindAt(state, 29_999, 10)).toBe('held')
    expect(kindAt(state, 30_000)).toBe('probe')
  })
  test('the longer of two wishes holds', () => {
    const state = after({ at: 0, classified: status(429, 30_000) }, { at: 1, classified: status(429, 5_000) })
    expect(kindAt(state, 29_999)).toBe('held')
  })
  test('410 disables it, whatever calls under way say', () => {
    const gone = { at: 0, classified: status(410) }
    for (const other of [200, 422, 429, 500, 401]) {
      expect(kindAt(after(gone, { at: 1, classified: status(other) }), 1e12, 5)).toBe('held')
    }
  })
  test('401, 403 and 404 pause it, and it is probed after five minutes', () => {
    for (const code of [401, 403, 404]) {
      const state = after({ at: 0, classified: status(code) })
      expect(kindAt(state, 299_999)).toBe('held')
      expect(kindAt(state, 300_000)).toBe('probe')
    }
  })
})

test('a changed document opens a destination, even one that was gone', () => {
  const gone = after({ at: 0, classified: status(410) })
  expect(admission(gone ? [gone] : [], 1, 'h2', 0)).toEqual({ kind: 'open' })
  expect(afterAnswer(gone, status(500), 2, 'h2')).toMatchObject({ mode: 'open', failures: 1, document: 'h2' })
})

describe('a process with several tasks', () => {
  test('is held by what any of them knows', () => {
    const failing = after(...failures(10))
    expect(admission(failing ? [failing] : [], 1, DOCUMENT, -1)).toMatchObject({
      kind: 'held',
      mode: 'failing',
      code: 'HTTP_500',
    })
  })
  test('a delivery of one of them proves the failures another saw before it outdated', () => {
    const failing = after(...failures(10))
    expect(kindAt(failing, 1, 1)).toBe('open')
  })
})
