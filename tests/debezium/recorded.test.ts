import { readFileSync } from 'node:fs'
import { describe, expect, test } from '@jest/globals'
import {
  type KafkaSource,
  type SourceBook,
  buildSourceBook,
} from '../../services/collector/src/sources/sourceBook.ts'
import { testPorts, workspaceOf } from '../../services/collector/src/testing/index.ts'
import { admitRecord } from '@tributary/domain'
import { sources, steps } from './changes.ts'
import { type CapturedEvent, type CapturedReject, captured, differences } from './compareChanges.ts'
import { type RecordedMessage, messageText } from './recordedMessages.ts'

const messages = readFileSync(new URL('fixtures/messages.ndjson', import.meta.url), 'utf8')
  .trimEnd()
  .split('\n')
  .map((line) => JSON.parse(line) as RecordedMessage)

const book: SourceBook = buildSourceBook(workspaceOf(sources), testPorts)
const sourceOf = (topic: string): KafkaSource => book.kafka.find((each) => each.topic === topic)!
const bytes = (text: string | null): Buffer | null => (text === null ? null : Buffer.from(text))

/** Each message through the mapping of its source, as the collector's consumer takes it. */
function replay(recorded: readonly RecordedMessage[]): ReturnType<typeof captured> {
  const events: CapturedEvent[] = []
  const rejects: CapturedReject[] = []
  const texts = new Map<CapturedReject, string>()
  for (const message of recorded) {
    const source = sourceOf(message.topic)
    const record = { ...message, key: bytes(message.key), value: bytes(message.value) }
    const verdict = admitRecord(record, source.circumstances)
    if ('accepted' in verdict) events.push(verdict.accepted)
    else {
      const reject = { source: source.id, code: verdict.rejected.code }
      rejects.push(reject)
      texts.set(reject, messageText(message))
    }
  }
  return captured(events, rejects, (reject) => texts.get(reject)!)
}

describe('what Debezium’s PostgreSQL connector wrote: snapshot, changes, a new column, a killed worker, with and without schemas', () => {
  test('every change is one event with its values to the last digit, whatever came twice', () => {
    const found = replay(messages)
    expect(found.problems).toEqual([])
    expect(
      differences(
        steps.flatMap(({ events }) => events),
        found.events,
      ),
    ).toEqual([])
    expect(found.leftOut).toBe(steps.reduce((sum, step) => sum + step.leftOut, 0))
    expect(found.repeated).toBeGreaterThan(0)
  })

  test('all of it again changes nothing', () => {
    const moved = messages.map((each) => ({ ...each, offset: each.offset + 1000 }))
    const twice = replay([...messages, ...moved])
    expect(twice.problems).toEqual([])
    expect(differences(replay(messages).events, twice.events)).toEqual([])
  })

  test('the fixture holds every kind: r, c, u, d, tombstones, with and without a schema', () => {
    const ops = new Set(messages.map((each) => messageText(each).split(' ')[0]))
    expect(ops).toEqual(new Set(['c', 'd', 'r', 'tombstone', 'u']))
    const withSchema = messages.filter(({ value }) => value?.startsWith('{"schema"'))
    expect(withSchema.length).toBeGreaterThan(0)
    expect(withSchema.length).toBeLessThan(messages.filter(({ value }) => value !== null).length)
  })
})
