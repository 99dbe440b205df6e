import { globSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from '@jest/globals'
import fc from 'fast-check'
import { commandLine } from '../testing/commandLine.ts'
import { MemoryDoor } from '../testing/memoryDoor.ts'
import { FIGURES } from './figures.ts'
import { type Load, sizeInstallation } from './sizeInstallation.ts'

const load: Load = {
  eventsPerSecond: 1_000,
  people: 1_000_000,
  retentionDays: 365,
  kafkaCopies: 3,
  clickhouseCopies: 2,
}

test('Z1: what an event costs by the figures is at most half of what the pods have', () => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 100_000 }), (eventsPerSecond) => {
      const { services } = sizeInstallation({ ...load, eventsPerSecond })
      const needed = { collector: 'collectorCpu', 'profile-store': 'profileCpu' } as const
      for (const [service, figure] of Object.entries(needed)) {
        const { pods } = services.find((each) => each.service === service)!
        expect((eventsPerSecond * FIGURES[figure].value) / 1e6).toBeLessThanOrEqual(pods * 0.5)
      }
    }),
  )
})

test('Z2 and Z3: two pods at least, and four partitions a pod, in dozens', () => {
  const small = sizeInstallation({ ...load, eventsPerSecond: 1 })
  expect(small.services.map(({ pods }) => pods)).toEqual([2, 2, 2, 2])
  expect(small.partitions).toBe(12)
  const large = sizeInstallation({ ...load, eventsPerSecond: 50_000 })
  const most = Math.max(...large.services.map(({ pods }) => pods))
  expect(large.partitions).toBeGreaterThanOrEqual(4 * most)
  expect(large.partitions % 12).toBe(0)
})

test('more of anything never needs less', () => {
  const sum = (of: Load) => {
    const { partitions, services, kafka, clickhouse } = sizeInstallation(of)
    return [
      partitions,
      kafka.diskGiB,
      kafka.cores,
      clickhouse.diskGiB,
      clickhouse.cores,
      ...services.map(({ pods }) => pods),
    ]
  }
  fc.assert(
    fc.property(
      fc.integer({ min: 1, max: 50_000 }),
      fc.integer({ min: 1, max: 5 }),
      fc.constantFrom('eventsPerSecond', 'retentionDays', 'kafkaCopies', 'clickhouseCopies'),
      (eventsPerSecond, factor, what) => {
        const less = { ...load, eventsPerSecond }
        const more = sum({ ...less, [what]: less[what] * factor })
        for (const [i, value] of sum(less).entries()) expect(more[i]).toBeGreaterThanOrEqual(value * 0.99)
      },
    ),
  )
})

test('every figure names where it comes from, and says when nobody has measured it', () => {
  const root = join(import.meta.dirname, '../../../..')
  for (const { source } of Object.values(FIGURES)) {
    expect(source).toMatch(/^(measured: |assumed|packages\/)/)
    for (const [path] of source.matchAll(/\b(?:docs|packages|services)\/[\w./-]+/g))
      expect([path, globSync(`${path}*`, { cwd: root }).length > 0]).toEqual([path, true])
  }

  for (const { source, about, unit, value } of Object.values(FIGURES)) {
    expect(value).toBeGreaterThan(0)
    expect([source.length > 5, about.length > 5, unit.length > 0]).toEqual([true, true, true])
  }
})

const run = commandLine({ door: new MemoryDoor(), env: {} })

test('the command prints the size and the figures, for people and for programs', async () => {
  const { code, out } = await run('sizing', '--events', '2_000', '--people', '1_000_000')
  expect(code).toBe(0)
  expect(out).toMatch(/^partitions by identifier, by profile and of deliveries: \d+ each$/m)
  expect(out).toMatch(/^profile-store +\d+ pods +1.5 cores each +\d+ MiB each +\d+ GiB each$/m)
  const json = await run('sizing', '--events', '2_000', '--people', '1_000_000', '--json')
  expect(JSON.parse(json.out)).toMatchObject({
    partitions: expect.any(Number),
    figures: { kafkaDays: { value: 14 } },
  })
})

test('a load that is no number is refused', async () => {
  const { code } = await run('sizing', '--events', 'many', '--people', '1')
  expect(code).toBe(1)
})
