import { expect, test } from '@jest/globals'
import { type Delivery, OutcomeKind } from '@tributary/contracts/generated/tributary/delivery/v1/delivery'
import { createMetrics } from '@tributary/service-kit'
import { createRecordingLogger } from '@tributary/service-kit/testing'
import { delivery } from '../testing/deliveries.ts'
import { createFakeTasks } from '../testing/fakeTasks.ts'
import { destination, workspaceOf } from '../testing/workspace.ts'
import type { Answer } from './classify.ts'
import { createDispatchObserver } from './dispatchObserver.ts'
import { createDispatcher } from './dispatcher.ts'
import type { DeliveryFile } from './files.ts'
import { deadTable, everythingOf, pendingTable, queueTable } from './queueRows.ts'

function world(longestMs?: number) {
  const tasks = createFakeTasks(1)
  const open: { id: string; answer: (answer: Answer) => void }[] = []
  const files: DeliveryFile[] = []
  const self = { now: 0 }
  const dispatcher = createDispatcher({
    tasks,
    partitionCount: 1,
    configuration: () => workspaceOf(destination()),
    sender: {
      blocked: () => undefined,
      send: (_destination, { id }) => new Promise((answer) => open.push({ id, answer })),
      files: {
        longestMs: () => longestMs,
        send: (_destination, file) => {
          files.push(file)
          return new Promise((answer) => open.push({ id: 'file', answer }))
        },
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
    for (let i = 0; i < 3; i++) {
      tasks.commit()
      dispatcher.pump()
    }
  }
  return Object.assign(self, {
    tasks,
    open,
    files,
    turn,
    arrive(...deliveries: Delivery[]) {
      for (const one of deliveries) tasks.arrive(one, self.now)
      turn()
    },
    async answer(status: number) {
      open.shift()?.answer({ kind: 'status', status })
      await new Promise((resolve) => setImmediate(resolve))
      turn()
    },
    became: () =>
      tasks.outcomes
        .filter(({ kind }) => kind !== OutcomeKind.OUTCOME_KIND_RETRY)
        .map(({ deliveryId, kind, code }) => [
          deliveryId,
          kind === OutcomeKind.OUTCOME_KIND_DELIVERED ? 'delivered' : code,
        ]),
    texts: () =>
      JSON.stringify(
        [queueTable, deadTable].map((table) => [
          ...tasks
            .view(0)!
            .table(table as typeof queueTable)
            .range('', '~'),
        ]),
      ),
  })
}

const erased = (id: string, over: Partial<Delivery> = {}) =>
  delivery(id, { withdraws: 'ERASED', filtered: 'the person was erased', body: '', ...over })
const secret = { body: '{"data":"ada@example.com"}' }

test('what waits of an erased person is never sent, and nothing of its content stays', async () => {
  const w = world()
  w.arrive(delivery('a', secret), delivery('b', secret), delivery('c', { ...secret, profileId: 'q' }))
  await w.answer(500)
  w.arrive(erased('e'))
  expect(w.open.map(({ id }) => id)).toEqual(['c'])
  expect(w.became()).toEqual([
    ['b', 'ERASED'],
    ['e', 'FILTERED'],
    ['a', 'ERASED'],
  ])
  await w.answer(200)
  expect(w.texts()).not.toMatch('ada@example.com')
  expect([...w.tasks.view(0)!.table(pendingTable).range('', '~')]).toEqual([])
})

test('a call under way is not hurried past, and what came of it is the truth', async () => {
  const w = world()
  const end = delivery('end', { withdraws: 'ERASED' })
  w.arrive(delivery('a', secret))
  w.arrive(end)
  expect(w.open.map(({ id }) => id)).toEqual(['a'])
  expect(w.texts()).not.toMatch('ada@example.com')
  await w.answer(200)
  expect(w.open.map(({ id }) => id)).toEqual(['end'])
  await w.answer(200)
  expect(w.became()).toEqual([
    ['a', 'delivered'],
    ['end', 'delivered'],
  ])
  const failing = world()
  failing.arrive(delivery('a', secret))
  failing.arrive(end)
  await failing.answer(500)
  // Not tried again: its turn comes when its wait is over, and then it is filtered.
  failing.now += 3_600_000
  failing.turn()
  expect(failing.open.map(({ id }) => id)).toEqual(['end'])
  expect(failing.became()).toEqual([['a', 'ERASED']])
})

test('dead letters of an erased person are gone, those of others are not', async () => {
  const w = world()
  w.arrive(delivery('a', secret), delivery('b', { profileId: 'q' }))
  await w.answer(422)
  await w.answer(422)
  w.arrive(erased('e'))
  expect(
    [
      ...w.tasks
        .view(0)!
        .table(deadTable)
        .range(...range()),
    ].map(([, row]) => row.delivery?.id),
  ).toEqual(['b'])
  expect(w.became().slice(2)).toEqual([
    ['a', 'ERASED'],
    ['e', 'FILTERED'],
  ])
})
const range = (): [string, string] => {
  const { from, to } = everythingOf('crm')
  return [from, to]
}

test('only of the same sync: another one says for itself', () => {
  const w = world()
  w.arrive(delivery('a'), delivery('b', { syncId: 'other' }), erased('e'))
  expect(w.texts()).toMatch('"other"')
})

test('a file that was settled is sent without the lines of an erased person', async () => {
  const w = world(60_000)
  const line = (id: string, profileId: string) => delivery(id, { ...secret, profileId, lane: '_files' })
  w.arrive(line('a', 'p1'), line('b', 'p2'), line('c', 'p1'))
  w.now += 60_000
  w.turn()
  await w.answer(500)
  w.arrive(erased('e', { profileId: 'p1', lane: '_files' }))
  w.now += 2_000
  w.turn()
  expect(w.files.map(({ deliveries }) => deliveries.map(({ id }) => id))).toEqual([['a', 'b', 'c'], ['b']])
  expect(w.files.map(({ first, last, sinceMs }) => [first, last, sinceMs])).toEqual([
    [1, 3, 0],
    [1, 3, 0],
  ])
  await w.answer(200)
  expect(w.became()).toEqual([
    ['e', 'FILTERED'],
    ['a', 'ERASED'],
    ['b', 'delivered'],
    ['c', 'ERASED'],
  ])
})

test('a file holds every change of somebody who is somebody else by now', async () => {
  const w = world(60_000)
  w.arrive(delivery('a', { lane: '_files' }), delivery('m', { lane: '_files', withdraws: 'MERGED' }))
  w.now += 60_000
  w.turn()
  expect(w.files.map(({ deliveries }) => deliveries.map(({ id }) => id))).toEqual([['a', 'm']])
})
