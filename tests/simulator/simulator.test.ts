import { expect, test } from '@jest/globals'
import { LOG_CONTRACT_PARTITIONS, logContract, storeContract } from '@tributary/stream-runtime/testing'
import { createRandom } from '../demo/random.ts'
import { Coordinator } from './coordinator.ts'
import { guards } from './guards.ts'
import { createProcessPorts } from './processPorts.ts'
import { type WorldOutcome, runWorld } from './runWorld.ts'
import { SimulatedClock } from './simulatedClock.ts'
import { SimulatedDisk } from './simulatedDisk.ts'
import { SimulatedLog, allLogGuards } from './simulatedLog.ts'
import { SimulatedProcess } from './simulatedProcess.ts'

/** Worlds of each run of the tests: other ones every day, so that in time many are seen; the failing one is named. */
const WORLDS = 300
const WORLDS_PER_TEST = 25
const first = Math.floor(Date.now() / 86_400_000) * WORLDS

/** A machine with other work beside it. */
const PATIENCE_MS = 60_000

const ranges = Array.from({ length: WORLDS / WORLDS_PER_TEST }, (_, i) => first + i * WORLDS_PER_TEST)

function problem({ seed, failure }: WorldOutcome): string {
  return failure ? `${failure.invariant}: ${failure.detail}\nreplay it with: make simulate SEED=${seed}` : ''
}

test.each(ranges)(
  `whatever happens to its nodes, a world comes to what its events say: ${WORLDS_PER_TEST} worlds from seed %i`,
  async (from) => {
    for (let seed = from; seed < from + WORLDS_PER_TEST; seed++)
      expect(problem(await runWorld({ seed }))).toBe('')
  },
  PATIENCE_MS,
)

test('a world is the same each time', async () => {
  const trace = async (seed: number) => {
    const lines: string[] = []
    const outcome = await runWorld({ seed, trace: (line) => lines.push(line) })
    return { outcome, lines }
  }
  expect(await trace(7)).toEqual(await trace(7))
})

test('a failing world says which promise broke, under its own seed', async () => {
  const { off } = guards.find(({ name }) => name === 'deduplication')!
  const outcome = await runWorld({ seed: 0, switches: off })
  expect(outcome.seed).toBe(0)
  expect(outcome.failure?.invariant).toBe('counts and times are exact')
})

function calmPorts() {
  const clock = new SimulatedClock(1_000_000)
  const random = createRandom(1)
  const log = new SimulatedLog({ now: () => clock.now(), guards: allLogGuards, onCommitted: () => {} })
  const coordinator = new Coordinator({
    clock,
    random,
    counts: { identifier: LOG_CONTRACT_PARTITIONS, profile: 1, delivery: 1 },
  })
  const ports = createProcessPorts({
    process: new SimulatedProcess('p', clock),
    log,
    coordinator,
    disk: new SimulatedDisk(random, () => {}),
    weather: {
      random,
      mishap: () => 'none',
      latencyMs: () => 1,
      fetchedBelow: () => 0,
      later: (ms, run) => void clock.at(ms, run),
    },
  })
  return { log, ports }
}

// What it does not do: a log that expires, and a group that shares fairly.
const notSimulated = ['start', 'expired', 'group gives each partition']
const simulated = logContract.filter(({ name }) => !notSimulated.some((each) => name.includes(each)))

test.each(simulated)('the simulated log: $name', async ({ run }) => {
  const { log, ports } = calmPorts()
  await expect(
    run({
      log: ports.log,
      name: 'sim',
      append: async (topic, partition, keys) => {
        for (const key of keys) log.append(topic, partition, { key, value: Buffer.from('v') })
      },
      expire: () => Promise.reject(new Error('a simulated log does not expire')),
    }),
  ).resolves.toBeUndefined()
})

test.each(storeContract)('the simulated disk: $name', async ({ run }) => {
  const { ports } = calmPorts()
  await expect(
    run({ open: (partition) => ports.stores.open({ group: 'g', partition }) }),
  ).resolves.toBeUndefined()
})
