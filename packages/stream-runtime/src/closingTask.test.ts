import { afterEach, expect, test } from '@jest/globals'
import type { StateView } from './processor.ts'
import { startTaskGroup } from './startTaskGroup.ts'
import {
  countingTopology,
  crashingPorts,
  createMemoryLog,
  createMemoryStores,
  createVirtualClock,
} from './testing/index.ts'

const clock = createVirtualClock()
afterEach(() => {
  clock.stop()
})

test('a task that fails gives nobody a view of the store it closes, and its next life gives one again', async () => {
  const log = createMemoryLog({ partitions: 1, now: () => clock.now(), delay: () => clock.sleep(1) })
  let commits = 0
  const { log: failing, stores } = crashingPorts({ log, stores: createMemoryStores() }, (effect) =>
    // The second commit is the first batch: the claim is before it.
    effect === 'commit' && ++commits === 2 ? 'lose-reply' : 'none',
  )
  const seen: (StateView | undefined)[] = []
  const group = await startTaskGroup({
    topology: countingTopology,
    log: failing,
    stores: {
      ...stores,
      async open(name) {
        const store = await stores.open(name)
        return {
          ...store,
          async close() {
            seen.push(group.view(0))
            await store.close()
          },
        }
      },
    },
    counts: { identifier: 1, profile: 1, delivery: 1 },
    groupPrefix: 'test',
    nodeId: 'a',
    clock,
    random: () => 0.5,
    onFatal: () => {},
  })
  log.append(countingTopology.inputs[0]!, 0, [{ key: 'k0', value: Buffer.from('x') }])
  for (let i = 0; i < 5_000 && (seen.length === 0 || group.view(0) === undefined); i++) await clock.sleep(10)
  expect(seen).toEqual([undefined])
  expect(group.view(0)).toBeDefined()
  await group.stop()
})
