/** The small run of `make deliveries-check`: ten destinations with faults of their own, and kills. */
import { mkdtempSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from '@jest/globals'
import { runDeliveries } from '../../deliveries/runDeliveries.ts'
import { testStack } from '../../support/testStack.ts'

test('ten destinations with faults, activation killed: nothing is lost, order holds, no dead letter is left', async () => {
  const { brokers, clickhouseUrl } = testStack()
  const result = await runDeliveries({
    brokers,
    clickhouseUrl,
    logsDir: mkdtempSync(join(tmpdir(), 'deliveries-')),
    changes: 1_500,
    turns: { number: 1, seconds: 1, perSecond: 25 },
    perSecond: 50,
    killEverySeconds: 4,
    healSeconds: 90,
    random: Math.random,
    say: () => undefined,
  })
  expect(result.problems).toEqual([])
  expect(result.forged).toBe(0)
  expect(result.kills).toBeGreaterThan(0)
  expect(result.destinations).toHaveLength(10)
}, 120_000)
