import { expect, test } from '@jest/globals'
import type { WorkspaceConfiguration } from '@tributary/configuration'
import { type Delivery, OutcomeKind } from '@tributary/contracts/generated/tributary/delivery/v1/delivery'
import { createMetrics } from '@tributary/service-kit'
import { createRecordingLogger } from '@tributary/service-kit/testing'
import fc from 'fast-check'
import { delivery } from '../testing/deliveries.ts'
import { type FakeTasks, createFakeTasks } from '../testing/fakeTasks.ts'
import { destination, workspaceOf } from '../testing/workspace.ts'
import type { Answer } from './classify.ts'
import { createDispatchObserver } from './dispatchObserver.ts'
import { type Dispatcher, type Sender, createDispatcher } from './dispatcher.ts'

interface World {
  readonly tasks: FakeTasks
  readonly dispatcher: Dispatcher
  readonly lines: Record<string, unknown>[]
  /** Calls without an answer, in the order they were made. */
  readonly open: { delivery: Delivery; answer: (answer: Answer) => void }[]
  /** Ids in the order they were sent. */
  readonly sent: string[]
  workspace: WorkspaceConfiguration
  blocked: ReturnType<Sender['blocked']>
  now: number
  metrics(): Promise<string>
}

const ok: Answer = { kind: 'status', status: 200 }
const status = (code: number): Answer => ({ kind: 'status', status: code })

function world(partitions = 1, workspace = workspaceOf(destination())): World {
  const tasks = createFakeTasks(partitions)
  const { logger, lines } = createRecordingLogger()
  const metrics = createMetrics('activation')
  const self: Omit<World, 'dispatcher'> = {
    tasks,
    lines,
    open: [],
    sent: [],
    workspace,
    blocked: undefined,
    now: 1_000_000,
    metrics: () => metrics.text(),
  }
  const dispatcher = createDispatcher({
    tasks,
    partitionCount: partitions,
    configuration: () => self.workspace,
    sender: {
      blocked: () => self.blocked,
      send: (_destination, one, signal) =>
        new Promise((resolve) => {
          self.sent.push(one.id)
          self.open.push({ delivery: one, answer: resolve })
          signal.addEventListener('abort', () => {
            resolve({ kind: 'failure', code: 'CONNECTION_FAILED', message: 'cut off' })
          })
        }),
    },
    clock: () => self.now,
    random: () => 0,
    observer: createDispatchObserver(metrics, logger),
    onFatal: (error) => {
      throw error
    },
  })
  return Object.assign(self, { dispatcher })
}

/** Lets promises that are settled run on. */
const settle = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))

async function answerNext(w: World, answer: Answer): Promise<void> {
  w.open.shift()?.answer(answer)
  await settle()
}

/** All partitions go to another process and come back: what was not committed is lost. */
function move(w: World): void {
  w.dispatcher.assigned([])
  w.tasks.crash()
  w.dispatcher.assigned(w.tasks.tasks().map(({ partition }) => partition))
}

function arrive(w: World, ...deliveries: Delivery[]): void {
  for (const one of deliveries) w.tasks.arrive(one, w.now)
  w.tasks.commit()
  w.dispatcher.pump()
}

test('deliveries of one profile go one after another, each after the answer to the last is committed', async () => {
  const w = world()
  arrive(w, delivery('a'), delivery('b'))
  expect(w.sent).toEqual(['a'])
  await answerNext(w, ok)
  w.dispatcher.pump()
  expect(w.sent).toEqual(['a'])
  w.tasks.commit()
  w.dispatcher.pump()
  expect(w.sent).toEqual(['a', 'b'])
})

test('no more calls are under way than the destination takes at once', async () => {
  const w = world(1, workspaceOf(destination({ maxConcurrent: 3 })))
  arrive(w, ...Array.from({ length: 10 }, (_, i) => delivery(`d${i}`, { profileId: `p${i}` })))
  expect(w.open).toHaveLength(3)
  await answerNext(w, ok)
  expect(w.sent).toHaveLength(4)
  expect(w.open).toHaveLength(3)
})

test('no more calls are made than maxPerSecond', async () => {
  const w = world(1, workspaceOf(destination({ maxConcurrent: 1000, maxPerSecond: 5 })))
  arrive(w, ...Array.from({ length: 50 }, (_, i) => delivery(`d${i}`, { profileId: `p${i}` })))
  for (let i = 0; i < 10; i++) {
    w.now += 250
    w.dispatcher.pump()
  }
  expect(w.sent.length).toBeGreaterThanOrEqual(15)
  expect(w.sent.length).toBeLessThanOrEqual(5 + 13)
})

test('a process with a share of the partitions takes that share of the limits', () => {
  const w = world(2, workspaceOf(destination({ maxConcurrent: 8 })))
  const owned = { ...w.tasks, tasks: () => w.tasks.tasks().slice(0, 1) }
  let sent = 0
  const dispatcher = createDispatcher({
    tasks: owned,
    partitionCount: 2,
    configuration: () => w.workspace,
    sender: {
      blocked: () => undefined,
      send: () => {
        sent += 1
        return new Promise(() => undefined)
      },
    },
    clock: () => w.now,
    random: () => 0,
    observer: createDispatchObserver(createMetrics('x'), createRecordingLogger().logger),
    onFatal: () => undefined,
  })
  for (let i = 0; i < 40; i++) w.tasks.arrive(delivery(`d${i}`, { profileId: `p${i}` }), w.now)
  w.tasks.commit()
  dispatcher.pump()
  expect(sent).toBe(4)
})

test('a destination that never answers does not keep another one waiting', async () => {
  const w = world(1, workspaceOf(destination(), destination({ id: 'erp' })))
  arrive(w, ...Array.from({ length: 20 }, (_, i) => delivery(`dead${i}`, { profileId: `p${i}` })))
  expect(w.open).toHaveLength(8)
  arrive(w, delivery('live', { destinationId: 'erp' }))
  expect(w.sent.at(-1)).toBe('live')
})

test('a profile that fails waits, the others of the destination go on', async () => {
  const w = world()
  arrive(w, delivery('a1'), delivery('a2'), delivery('b', { profileId: 'p2' }))
  await answerNext(w, status(500))
  await answerNext(w, ok)
  w.tasks.commit()
  w.dispatcher.pump()
  expect(w.sent).toEqual(['a1', 'b'])
  w.now += 1_000
  w.dispatcher.pump()
  expect(w.sent).toEqual(['a1', 'b', 'a1'])
})

test('a destination that is down costs one call at a time once that is known', async () => {
  const w = world(1, workspaceOf(destination({ maxConcurrent: 5 })))
  arrive(w, ...Array.from({ length: 100 }, (_, i) => delivery(`d${i}`, { profileId: `p${i}` })))
  for (let i = 0; i < 60; i++) {
    for (const call of w.open.splice(0)) call.answer(status(503))
    await settle()
    w.tasks.commit()
    w.now += 1_000
    w.dispatcher.pump()
  }
  expect(w.sent.length).toBeLessThan(30)
  expect(w.lines).toContainEqual(
    expect.objectContaining({ level: 'warn', destination: 'crm', mode: 'failing' }),
  )
  w.now += 300_000
  for (let i = 0; i < 30; i++) {
    w.dispatcher.pump()
    for (const call of w.open.splice(0)) call.answer(ok)
    await settle()
    w.tasks.commit()
    w.now += 1_000
  }
  expect(w.tasks.outcomes.filter((one) => one.kind === OutcomeKind.OUTCOME_KIND_DELIVERED)).toHaveLength(100)
})

test('what is missing pauses that one destination, with a log line and a metric, and ends by itself', async () => {
  const w = world()
  w.blocked = {
    code: 'SECRET_MISSING',
    message: 'the secret file /secrets/crm cannot be read (ENOENT); mount it',
  }
  arrive(w, delivery('a'))
  w.dispatcher.pump()
  expect(w.sent).toEqual([])
  expect(w.lines.filter((line) => line['level'] === 'warn')).toEqual([
    expect.objectContaining({ code: 'SECRET_MISSING', msg: expect.stringContaining('mount it') }),
  ])
  expect(await w.metrics()).toContain(
    'tributary_activation_destination_held_state{destination="crm",mode="paused",code="SECRET_MISSING"} 1',
  )
  w.blocked = undefined
  w.dispatcher.pump()
  expect(w.sent).toEqual(['a'])
  expect(await w.metrics()).not.toContain('SECRET_MISSING')
})

test('a disabled destination keeps what is to be sent', () => {
  const w = world(1, workspaceOf(destination({ disabled: true })))
  arrive(w, delivery('a'))
  expect(w.sent).toEqual([])
  w.workspace = workspaceOf(destination())
  w.dispatcher.pump()
  expect(w.sent).toEqual(['a'])
})

test('after 410 nothing is sent until the document changes', async () => {
  const w = world()
  arrive(w, delivery('a'))
  await answerNext(w, status(410))
  w.tasks.commit()
  w.now += 1e9
  w.dispatcher.pump()
  expect(w.sent).toEqual(['a'])
  w.workspace = workspaceOf(destination({ maxPerSecond: 49 }))
  w.dispatcher.pump()
  expect(w.sent).toEqual(['a', 'a'])
})

test('an answer that went with its partition leads to the same call again when the partition comes back', async () => {
  const w = world()
  arrive(w, delivery('a'))
  await answerNext(w, ok)
  move(w)
  w.dispatcher.pump()
  expect(w.sent).toEqual(['a', 'a'])
})

test('an answer that comes while the partition is elsewhere is not waited for when it comes back', async () => {
  const w = world()
  arrive(w, delivery('a'))
  w.dispatcher.assigned([])
  w.tasks.away = true
  await answerNext(w, ok)
  w.tasks.away = false
  w.dispatcher.assigned([0])
  w.dispatcher.pump()
  expect(w.sent).toEqual(['a', 'a'])
})

test('however long a commit takes, what was answered is not sent again', async () => {
  const w = world()
  arrive(w, delivery('a'), delivery('b'))
  await answerNext(w, ok)
  w.now += 3_600_000
  w.dispatcher.pump()
  expect(w.sent).toEqual(['a'])
  w.tasks.commit()
  w.dispatcher.pump()
  expect(w.sent).toEqual(['a', 'b'])
})

test('a task that is being opened again leads to no second call', async () => {
  const w = world()
  arrive(w, delivery('a'))
  await answerNext(w, ok)
  w.tasks.hidden = true
  w.dispatcher.pump()
  w.tasks.hidden = false
  w.dispatcher.pump()
  expect(w.sent).toEqual(['a'])
})

test('a stop waits for the answers under way and their commit, and sends nothing more', async () => {
  const w = world()
  arrive(w, delivery('a'), delivery('b'))
  let stopped = false
  const stop = w.dispatcher.stop(5_000).finally(() => {
    stopped = true
  })
  await answerNext(w, ok)
  await settle()
  expect(stopped).toBe(false)
  w.tasks.commit()
  await stop
  w.dispatcher.pump()
  expect(w.tasks.outcomes.map((one) => one.deliveryId)).toEqual(['a'])
  expect(w.sent).toEqual(['a'])
})

test('a stop gives up what takes too long, without blaming anybody', async () => {
  const w = world()
  arrive(w, delivery('a'))
  await w.dispatcher.stop(20)
  w.tasks.commit()
  expect(w.tasks.outcomes).toEqual([])
})

test('whatever destinations do and whenever tasks crash: nothing is lost, order holds, repeats have the same id', async () => {
  const fault = fc.oneof(
    { weight: 6, arbitrary: fc.constant(200) },
    { weight: 2, arbitrary: fc.constantFrom(500, 503, 0) },
    { weight: 1, arbitrary: fc.constantFrom(422, 429, 401, 302) },
  )
  const step = fc.oneof(
    {
      weight: 8,
      arbitrary: fc.record({ kind: fc.constant('answer' as const), which: fc.nat(), status: fault }),
    },
    { weight: 3, arbitrary: fc.record({ kind: fc.constant('commit' as const) }) },
    {
      weight: 3,
      arbitrary: fc.record({ kind: fc.constant('time' as const), ms: fc.integer({ min: 1, max: 400_000 }) }),
    },
    { weight: 1, arbitrary: fc.record({ kind: fc.constant('crash' as const) }) },
  )
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.record({ destination: fc.constantFrom('crm', 'erp'), profile: fc.nat({ max: 3 }) }), {
        minLength: 1,
        maxLength: 25,
      }),
      fc.array(step, { maxLength: 80 }),
      async (arrivals, steps) => {
        const w = world(2, workspaceOf(destination(), destination({ id: 'erp', maxConcurrent: 2 })))
        const all = arrivals.map((one, i) =>
          delivery(`d${String(i).padStart(3, '0')}`, {
            destinationId: one.destination,
            profileId: `p${one.profile}`,
          }),
        )
        arrive(w, ...all)
        const received: Delivery[] = []
        const reply = async (which: number, code: number): Promise<void> => {
          const [call] = w.open.splice(which % Math.max(1, w.open.length), 1)
          if (!call) return
          if (code >= 200 && code < 300) received.push(call.delivery)
          call.answer(code === 0 ? { kind: 'failure', code: 'TIMEOUT', message: 't' } : status(code))
          await settle()
        }
        for (const one of steps) {
          if (one.kind === 'answer') await reply(one.which, one.status)
          else if (one.kind === 'commit') w.tasks.commit()
          else if (one.kind === 'time') w.now += one.ms
          else move(w)
          w.dispatcher.pump()
        }
        // The world heals: everything must come to its end.
        for (let i = 0; i < 400 && w.tasks.outcomes.filter(isFinal).length < all.length; i++) {
          while (w.open.length > 0) await reply(0, 200)
          w.tasks.commit()
          w.now += 300_001
          w.dispatcher.pump()
        }
        const final = w.tasks.outcomes.filter(isFinal)
        expect(final.map((one) => one.deliveryId).sort()).toEqual(all.map((one) => one.id))
        const dead = new Set(
          final.filter((one) => one.kind === OutcomeKind.OUTCOME_KIND_DEAD).map((one) => one.deliveryId),
        )
        expect(w.tasks.deadLetters).toBe(dead.size)
        // What a receiver sees per profile: in order, and repeats only of the last.
        for (const key of new Set(all.map(keyOf))) {
          const seen = received.filter((one) => keyOf(one) === key).map((one) => one.id)
          expect(seen).toEqual([...seen].sort())
        }
      },
    ),
    { numRuns: 200 },
  )
}, 60_000)

function isFinal(outcome: { kind: OutcomeKind }): boolean {
  return outcome.kind !== OutcomeKind.OUTCOME_KIND_RETRY
}
function keyOf(one: Delivery): string {
  return `${one.destinationId}|${one.profileId}`
}
