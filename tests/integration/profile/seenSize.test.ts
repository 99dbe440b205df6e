/** What deduplication costs, as docs/reference/profiles.md says it. */
import { afterAll, beforeAll, expect, test } from '@jest/globals'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { topics } from '@tributary/contracts'
import { EventRecord } from '@tributary/contracts/generated/tributary/event/v1/event'
import { seenTable } from '../../../services/profile-store/src/fragment/deduplication.ts'
import { fragmentTopology } from '../../../services/profile-store/src/fragment/fragmentTopology.ts'
import { eventOf } from '../../../services/profile-store/src/testing/shopPeople.ts'
import { openTaskOnLmdb } from '../../support/taskOnLmdb.ts'

let directory: string
beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'seen-'))
})
afterAll(() => rm(directory, { recursive: true, force: true }))

const MESSAGES = 100_000

test('a message that is remembered takes 28 bytes of key, 8 of content, and at most 125 in the store', async () => {
  const task = await openTaskOnLmdb(fragmentTopology({ opened() {}, computed() {} }), directory)
  const feed = (from: number, to: number) =>
    task.feed(
      topics.events,
      Array.from({ length: to - from }, (_, i) =>
        EventRecord.encode({
          record: {
            $case: 'event',
            value: eventOf({ messageId: `m${from + i}`, identifiers: ['u1'], name: 'Viewed' }),
          },
        }).finish(),
      ),
    )
  feed(0, 1_000)
  const before = await task.size()
  feed(1_000, MESSAGES + 1_000)
  const perMessage = ((await task.size()) - before) / MESSAGES
  const [key, content] = [...task.view().table(seenTable).range('', '~', 1)][0]!
  await task.close()
  process.stdout.write(`deduplication: ${perMessage.toFixed(1)} bytes of a store for each message kept\n`)
  expect([key.length, content.length]).toEqual([28, 8])
  expect(perMessage).toBeLessThan(125)
})
