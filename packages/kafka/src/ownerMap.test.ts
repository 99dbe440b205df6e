import { expect, test } from '@jest/globals'
import type { GroupDescription } from './createAdmin.ts'
import { createOwnerMap } from './ownerMap.ts'

function member(nodeId: string, partitions: number[], address?: string) {
  const assignment = new Map([
    ['events', partitions],
    ['assignments', partitions],
  ])
  return { memberId: `m-${nodeId}`, nodeId, address, assignment }
}

function world(first: GroupDescription | Error) {
  const state = { answer: first, asked: 0, nowMs: 0, hold: Promise.resolve() }
  const map = createOwnerMap({
    admin: {
      async describeGroup() {
        state.asked++
        const { answer } = state
        await state.hold
        if (answer instanceof Error) throw answer
        return answer
      },
    },
    group: 'cdp.fragment.1',
    now: () => state.nowMs,
  })
  return { state, map }
}

const stable = (...members: ReturnType<typeof member>[]): GroupDescription => ({ state: 'Stable', members })

test('says who owns a partition and where, and asks the group only once', async () => {
  const { state, map } = world(stable(member('a', [0, 2], 'a:1'), member('b', [1])))
  expect(await map.ownerOf(2)).toEqual({ nodeId: 'a', address: 'a:1' })
  expect(await map.ownerOf(1)).toEqual({ nodeId: 'b', address: undefined })
  expect(await map.ownerOf(7)).toBeUndefined()
  state.nowMs = 3_600_000
  await map.ownerOf(0)
  expect(state.asked).toBe(1)
})

test.each(['joined', 'refresh'] as const)('%s has the group asked again', async (reason) => {
  const { state, map } = world(stable(member('a', [0], 'a:1')))
  await map.ownerOf(0)
  state.answer = stable(member('b', [0], 'b:1'))
  state.nowMs = 500
  await map[reason]()
  expect(await map.ownerOf(0)).toEqual({ nodeId: 'b', address: 'b:1' })
  expect(state.asked).toBe(2)
})

test('a crowd that is refused costs one question in half a second', async () => {
  const { state, map } = world(stable(member('a', [0], 'a:1')))
  await Promise.all(Array.from({ length: 100 }, () => map.ownerOf(0)))
  expect(state.asked).toBe(1)
  for (state.nowMs = 0; state.nowMs < 2_000; state.nowMs += 10) await map.refresh()
  expect(state.asked).toBe(4)
})

test('between two assignments the last known owner holds, and the group is asked until there is one', async () => {
  const { state, map } = world(stable(member('a', [0], 'a:1')))
  await map.ownerOf(0)
  map.joined()
  state.answer = { state: 'CompletingRebalance', members: [member('b', [])] }
  state.nowMs = 1_000
  expect(await map.ownerOf(0)).toEqual({ nodeId: 'a', address: 'a:1' })
  state.answer = stable(member('b', [0], 'b:1'))
  state.nowMs = 2_000
  expect(await map.ownerOf(0)).toEqual({ nodeId: 'b', address: 'b:1' })
})

test('an answer from before the join is not taken for one from after it', async () => {
  const { state, map } = world(stable(member('a', [0], 'a:1')))
  let release = (): void => undefined
  state.hold = new Promise((resolve) => (release = resolve))
  const first = map.ownerOf(0)
  map.joined()
  state.answer = stable(member('b', [0], 'b:1'))
  release()
  expect(await first).toEqual({ nodeId: 'a', address: 'a:1' })
  state.nowMs = 500
  expect(await map.ownerOf(0)).toEqual({ nodeId: 'b', address: 'b:1' })
})

test('Kafka away: the last known owner holds; without one the question fails', async () => {
  const { state, map } = world(new Error('Kafka did not answer'))
  await expect(map.ownerOf(0)).rejects.toThrow('Kafka did not answer')
  state.answer = stable(member('a', [0], 'a:1'))
  state.nowMs = 500
  await map.ownerOf(0)
  state.answer = new Error('Kafka did not answer')
  map.joined()
  state.nowMs = 1_000
  expect(await map.ownerOf(0)).toEqual({ nodeId: 'a', address: 'a:1' })
})
