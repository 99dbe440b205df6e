import { describe, expect, test } from '@jest/globals'
import { topics } from '@tributary/contracts'
import { EventRecord, EventType } from '@tributary/contracts/generated/tributary/event/v1/event'
import { commandLine } from '../testing/commandLine.ts'
import { MemoryDoor } from '../testing/memoryDoor.ts'

function put(door: MemoryDoor, partition: number, timestampMs: number, sourceId: string, name: string) {
  const record = EventRecord.fromPartial({
    record: {
      $case: 'event',
      value: {
        messageId: `m${timestampMs}`,
        sourceId,
        name,
        type: name === '' ? EventType.EVENT_TYPE_IDENTIFY : EventType.EVENT_TYPE_TRACK,
        identifiers: name === '' ? [] : [{ type: 'user_id', value: 'u1', id: 'a'.repeat(32) }],
        timeMs: 1_767_225_600_000,
        raw: Buffer.from(`{"event":"${name}","total":9007199254740993}`),
      },
    },
  })
  door.put(topics.events, partition, EventRecord.encode(record).finish(), timestampMs)
}

function rejected(door: MemoryDoor, code: string, source: string) {
  const record = {
    code,
    message: `it is ${code}`,
    source,
    receivedAt: '2026-01-01T00:00:00.000Z',
    input: Buffer.from('{"x":').toString('base64'),
    origin: 'http:1:0',
  }
  return door.put(topics.rejected, 0, Buffer.from(JSON.stringify(record)))
}

describe('tail', () => {
  test('shows the last events of all partitions in the order of their arrival', async () => {
    const door = new MemoryDoor()
    put(door, 0, 3, 'web', 'Third')
    put(door, 1, 1, 'web', 'First')
    put(door, 1, 2, 'crm', '')
    const { out } = await commandLine({ door })('tail', '--no-follow')
    expect(out).toBe(
      [
        '1:0  2026-01-01 00:00:00Z  web  track "First"  user_id:u1  {"event":"First","total":9007199254740993}',
        '1:2  2026-01-01 00:00:00Z  crm  identify  (nobody)  {"event":"","total":9007199254740993}',
        '0:0  2026-01-01 00:00:00Z  web  track "Third"  user_id:u1  {"event":"Third","total":9007199254740993}',
      ].join('\n'),
    )
  })

  test('--source and --limit choose, and --limit ends it', async () => {
    const door = new MemoryDoor()
    for (let i = 0; i < 5; i++) put(door, 0, i, i % 2 === 0 ? 'web' : 'crm', `e${i}`)
    const { out, code } = await commandLine({ door })('tail', '--source', 'web', '--limit', '2', '--json')
    expect(code).toBe(0)
    expect(out.split('\n').map((line) => (JSON.parse(line) as { name: string }).name)).toEqual(['e0', 'e2'])
  })
})

describe('rejects', () => {
  test('lists the newest first, by source and code, and shows the whole input of one', async () => {
    const door = new MemoryDoor()
    rejected(door, 'INVALID_JSON', 'web')
    rejected(door, 'UNKNOWN_TYPE', 'crm')
    const at = rejected(door, 'INVALID_JSON', 'crm')
    door.put(topics.rejected, 1, Buffer.from('not ours'))
    const tributary = commandLine({ door })
    expect((await tributary('rejects', 'list', '--source', 'crm')).out).toBe(
      `AT   RECEIVED                  SOURCE  CODE          WHY
0:4  2026-01-01T00:00:00.000Z  crm     INVALID_JSON  it is INVALID_JSON
0:2  2026-01-01T00:00:00.000Z  crm     UNKNOWN_TYPE  it is UNKNOWN_TYPE`,
    )
    expect((await tributary('rejects', 'show', `0:${at}`)).out).toMatch(/code {6}INVALID_JSON[^]*\{"x":$/)
    expect((await tributary('rejects', 'show', '0:99')).err).toMatch('nothing that was refused lies at 0:99')
    expect((await tributary('rejects', 'show', 'x')).err).toMatch('"x" is no position')
    expect((await tributary('rejects', 'list', '--code', 'NOTHING')).out).toBe('nothing was refused')
  })

  test('redrive wants to be told which, knows times, and tells nobody apart without the workspace key', async () => {
    const env = { KAFKA_BROKERS: 'memory:9092', CLICKHOUSE_URL: 'http://127.0.0.1:9' }
    const tributary = commandLine({ door: new MemoryDoor(), env })
    expect(await tributary('rejects', 'redrive')).toMatchObject({
      code: 1,
      err: 'error: say which: ids, --source, --code, --since, --until, or --all',
    })
    expect((await tributary('rejects', 'redrive', '--since', 'soon')).err).toMatch(/--since.*takes a time/)
    expect((await tributary('rejects', 'redrive', '--all')).err).toMatch('WORKSPACE_KEY_FILE is not set')
  })
})
