import { readFileSync, readdirSync } from 'node:fs'
import { gzipSync } from 'node:zlib'
import { describe, expect, test } from '@jest/globals'
import { type Event, EventRecord } from '@tributary/contracts/generated/tributary/event/v1/event'
import {
  createMemoryLog,
  exampleSources,
  post,
  startTestCollector,
  workspaceOf,
} from '../../services/collector/src/testing/index.ts'
import { clients } from './clients.ts'
import { fixtureName } from './fixtureName.ts'
import { judge } from './judge.ts'
import { type RecordedRequest } from './scriptedFront.ts'

const FOLDER = new URL('fixtures/', import.meta.url)

/** Sends what a client sent, twice, as after a lost answer; gives what the log then holds. */
async function replay(requests: readonly RecordedRequest[]): Promise<{ events: Event[]; rejected: number }> {
  const log = createMemoryLog()
  const collector = await startTestCollector(log)
  collector.adopt(workspaceOf(exampleSources))
  try {
    for (const { path, headers, gzip, body } of [...requests, ...requests]) {
      const sent = gzip ? new Uint8Array(gzipSync(body)) : body
      // oxlint-disable-next-line no-await-in-loop -- in the order they came
      expect(await post(collector.url + path, sent, headers)).toMatchObject({
        status: 200,
        body: { success: true, rejected: [] },
      })
    }
    const events = log.records('events').flatMap(({ value }) => {
      const { record } = EventRecord.decode(value)
      return record?.$case === 'event' ? [record.value] : []
    })
    return { events, rejected: log.records('rejected').length }
  } finally {
    await collector.stop()
  }
}

describe('what each client sent is every kind of event once, with its user, name, email and previous id', () => {
  test.each(clients.map((client) => [client.name, client] as const))('%s', async (name, client) => {
    const file = new URL(`${fixtureName(name)}.json`, FOLDER)
    const requests = JSON.parse(readFileSync(file, 'utf8')) as RecordedRequest[]
    const { events, rejected } = await replay(requests)
    expect(judge(client, '200', { attempts: [], events, rejected }).problems).toEqual([])
    expect(events).toHaveLength(2 * client.types.length)
  })
})

test('there is no recording without a client', () => {
  const names = clients.map(({ name }) => `${fixtureName(name)}.json`)
  expect(readdirSync(FOLDER).filter((file) => !names.includes(file))).toEqual([])
})
