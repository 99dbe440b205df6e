import { expect, test } from '@jest/globals'
import { type Delivery, OutcomeKind } from '@tributary/contracts/generated/tributary/delivery/v1/delivery'
import { createMetrics } from '@tributary/service-kit'
import { createRecordingLogger } from '@tributary/service-kit/testing'
import fc from 'fast-check'
import { delivery } from '../testing/deliveries.ts'
import { createFakeTasks } from '../testing/fakeTasks.ts'
import { destination, workspaceOf } from '../testing/workspace.ts'
import type { Answer } from './classify.ts'
import { createDispatchObserver } from './dispatchObserver.ts'
import { createDispatcher } from './dispatcher.ts'
import { type DeliveryFile, MAX_FILE_BYTES, MAX_FILE_ITEMS } from './files.ts'

const LONGEST_MS = 60_000
const lake = destination({ id: 'lake' })
const item = (n: number, over: Partial<Delivery> = {}): Delivery =>
  delivery(`d${String(n).padStart(5, '0')}`, {
    destinationId: 'lake',
    lane: '_files',
    profileId: `p${n % 7}`,
    ...over,
  })

function world(partitions = 1) {
  const tasks = createFakeTasks(partitions)
  const open: { file: DeliveryFile; answer: (answer: Answer) => void }[] = []
  const self = { now: 0, takesFiles: true, alone: [] as string[] }
  const dispatcher = createDispatcher({
    tasks,
    partitionCount: partitions,
    configuration: () => workspaceOf(lake),
    sender: {
      blocked: () => undefined,
      async send(_destination, { id }) {
        self.alone.push(id)
        return { kind: 'accepted' }
      },
      files: {
        longestMs: () => (self.takesFiles ? LONGEST_MS : undefined),
        send: (_destination, file) => new Promise((answer) => open.push({ file, answer })),
      },
    },
    clock: () => self.now,
    random: () => 0,
    observer: createDispatchObserver(createMetrics('x'), createRecordingLogger().logger),
    onFatal: (error) => {
      throw error
    },
  })
  const turn = (): void => {
    tasks.commit()
    dispatcher.pump()
  }
  const arrive = (...deliveries: Delivery[]): void => {
    for (const each of deliveries) tasks.arrive({ ...each, createdTimeMs: self.now }, self.now)
    turn()
    turn()
  }
  return Object.assign(self, { tasks, open, dispatcher, turn, arrive })
}
const settle = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))
const idsOf = ({ deliveries }: DeliveryFile) => deliveries.map(({ id }) => id)
const numbers = (count: number) => Array.from({ length: count }, (_, n) => n)

test('changes wait for others, at most so long', () => {
  const w = world()
  w.arrive(item(1), item(2))
  w.now += LONGEST_MS - 1
  w.arrive(item(3))
  expect(w.open).toEqual([])
  w.now += 1
  w.turn()
  w.turn()
  expect(w.open.map(({ file }) => idsOf(file))).toEqual([['d00001', 'd00002', 'd00003']])
  expect(w.open[0]!.file).toMatchObject({ partition: 0, first: 1, last: 3 })
})

test('a file that is full goes at once, and holds no more than it may', () => {
  const w = world()
  w.arrive(...numbers(MAX_FILE_ITEMS + 5).map((n) => item(n)))
  expect(w.open.map(({ file }) => file.deliveries.length)).toEqual([MAX_FILE_ITEMS])
  const large = world()
  large.arrive(...numbers(5).map((n) => item(n, { body: 'x'.repeat(MAX_FILE_BYTES / 2) })))
  large.now += LONGEST_MS
  large.turn()
  large.turn()
  expect(large.open.map(({ file }) => file.deliveries.length)).toEqual([2])
})

test('what came in the meantime is not in a file that was settled; it begins the next', async () => {
  const w = world()
  w.arrive(item(1))
  w.now += LONGEST_MS
  w.turn()
  w.turn()
  w.arrive(item(2))
  w.open.pop()!.answer({ kind: 'status', status: 500 })
  await settle()
  w.turn()
  w.now += 2_000
  w.turn()
  expect(w.open.map(({ file }) => idsOf(file))).toEqual([['d00001']])
  w.open.pop()!.answer({ kind: 'accepted' })
  await settle()
  w.now += LONGEST_MS
  w.turn()
  w.turn()
  w.turn()
  expect(w.open.map(({ file }) => idsOf(file))).toEqual([['d00002']])
})

test('a file that is given up is a dead letter for each delivery in it, and each can be sent again', async () => {
  const w = world()
  w.arrive(item(1), item(2), item(3))
  w.now += LONGEST_MS
  w.turn()
  w.turn()
  w.open.pop()!.answer({ kind: 'status', status: 422 })
  await settle()
  w.turn()
  expect(w.tasks.deadLetters).toBe(3)
  expect(w.tasks.outcomes.filter(({ kind }) => kind === OutcomeKind.OUTCOME_KIND_DEAD)).toHaveLength(3)
})

test('what began a file goes alone when its destination takes none any more, and nothing of it is lost', async () => {
  const w = world()
  w.arrive(item(1), item(2), item(3))
  w.now += LONGEST_MS
  w.turn()
  w.turn()
  w.open.pop()!.answer({ kind: 'status', status: 500 })
  await settle()
  w.takesFiles = false
  for (let i = 0; i < 10; i++) {
    w.now += 10_000
    w.turn()
    await settle()
  }
  expect(w.alone).toEqual(['d00001', 'd00002', 'd00003'])
})

test('whatever fails and whenever tasks crash: each delivery is in one object, in its order, and no object ever changes', async () => {
  const step = fc.oneof(
    {
      weight: 4,
      arbitrary: fc.record({ kind: fc.constant('arrive' as const), count: fc.integer({ min: 1, max: 9 }) }),
    },
    {
      weight: 6,
      arbitrary: fc.record({
        kind: fc.constant('answer' as const),
        status: fc.constantFrom(200, 200, 500, 503, 403),
      }),
    },
    { weight: 4, arbitrary: fc.record({ kind: fc.constant('commit' as const) }) },
    {
      weight: 4,
      arbitrary: fc.record({ kind: fc.constant('time' as const), ms: fc.integer({ min: 1, max: 90_000 }) }),
    },
    { weight: 2, arbitrary: fc.record({ kind: fc.constant('crash' as const) }) },
  )
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 120 }), async (steps) => {
      const w = world(2)
      const objects = new Map<string, string[]>()
      let made = 0
      const reply = async (status: number): Promise<void> => {
        const call = w.open.shift()
        if (!call) return
        const name = `${call.file.partition}-${call.file.first}-${call.file.last}`
        // The store may have it whatever it answers.
        expect(objects.get(name) ?? idsOf(call.file)).toEqual(idsOf(call.file))
        if (status < 300) objects.set(name, idsOf(call.file))
        call.answer({ kind: 'status', status })
        await settle()
      }
      for (const one of steps) {
        if (one.kind === 'arrive')
          for (let i = 0; i < one.count; i++) w.tasks.arrive({ ...item(made++), createdTimeMs: w.now }, w.now)
        else if (one.kind === 'answer') await reply(one.status)
        else if (one.kind === 'commit') w.tasks.commit()
        else if (one.kind === 'time') w.now += one.ms
        else {
          w.dispatcher.assigned([])
          w.tasks.crash()
          w.dispatcher.assigned([0, 1])
        }
        w.dispatcher.pump()
      }
      // What arrived and was not committed comes again, as a record of a topic does.
      w.tasks.commit()
      const final = () => w.tasks.outcomes.filter(({ kind }) => kind === OutcomeKind.OUTCOME_KIND_DELIVERED)
      for (let i = 0; i < 200; i++) {
        while (w.open.length > 0) await reply(200)
        w.tasks.commit()
        w.now += 300_001
        w.dispatcher.pump()
      }
      const inObjects = [...objects.values()].flat()
      expect(inObjects.toSorted()).toEqual(
        final()
          .map(({ deliveryId }) => deliveryId)
          .toSorted(),
      )
      expect(new Set(inObjects).size).toBe(inObjects.length)
      for (const ids of objects.values()) expect(ids).toEqual(ids.toSorted())
    }),
    { numRuns: 150 },
  )
}, 60_000)
