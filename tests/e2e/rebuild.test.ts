/** Everything derived is lost and rebuilt from the event log, by the command, on real processes, with facts, blocked values and erasures. */
import { afterAll, beforeAll, expect, test } from '@jest/globals'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { checkRebuild } from '../rebuild/checkRebuild.ts'
import { sharedStack } from '../support/testStack.ts'
import { uniquePrefix } from '../support/uniquePrefix.ts'

let folder: string
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'tributary-rebuild-'))
})
afterAll(() => rm(folder, { recursive: true, force: true }))

test('derived topics and local state gone, the command killed once: the rebuilt state is that of a run that lost nothing, with what operators said and who was erased', async () => {
  const { kafka, clickhouse } = sharedStack('unused')
  const check = await checkRebuild({
    stack: { kafka, clickhouseUrl: clickhouse.url },
    dataDir: folder,
    name: uniquePrefix('rebuild'),
    seed: 11,
    people: 40,
    events: 900,
    rate: 2_000,
    liveRate: 100,
    killAfterMs: 6_000,
    say: () => undefined,
  })
  expect(check.rebuilt.lines).toEqual(check.kept.lines)
  expect(check.rebuilt.profiles).toBeGreaterThan(40)
  expect(check.output).toContain('layout epoch 2 has taken over')
  // 40 messages were sent again over the switch; two people were erased.
  expect(check.ledger).toMatch(/skipped \d+ \(.*erased \d+.*\) · gaps 0 · doubled 0 · balances$/)
}, 600_000) // Two installations, one of them twice, and three runs of the command: on a busy machine minutes.
