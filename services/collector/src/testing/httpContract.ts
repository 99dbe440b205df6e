import { gzipSync } from 'node:zlib'
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import { type Event } from '@tributary/contracts/generated/tributary/event/v1/event'
import { PositionToken } from '@tributary/contracts/generated/tributary/ingest/v1/position'
import { type RejectedRecord } from '@tributary/contracts'
import { type RecordSender } from '../produce/outgoing.ts'
import { TEST_EPOCH, type TestCollector, freshId, startTestCollector } from './testCollector.ts'
import { exampleSources, workspaceOf } from './workspace.ts'

/** Where the records go, with a way to see them. */
export interface OpenLog {
  readonly sender: RecordSender
  readonly partitions: number
  /** Everything in the events topic of the message ids given, whatever else is there. */
  events(messageIds: readonly string[]): Promise<(Event & { partition: number; offset: number })[]>
  /** Everything in the rejected topic whose origin is of this request. */
  rejected(isOurs: (record: RejectedRecord) => boolean): Promise<RejectedRecord[]>
  close(): Promise<void>
}

interface Answered {
  readonly status: number
  readonly headers: Headers
  readonly body: {
    success: boolean
    accepted: number
    rejected: { index: number; messageId: string | null; code: string; message: string }[]
    position: string
    code: string
    message: string
  }
}

export async function post(
  url: string,
  body: string | Uint8Array<ArrayBuffer>,
  headers: Record<string, string> = {},
): Promise<Answered> {
  const response = await fetch(url, { method: 'POST', body, headers })
  return {
    status: response.status,
    headers: response.headers,
    body: (await response.json()) as Answered['body'],
  }
}

/** What the HTTP side promises, over a log in memory and over Kafka. */
export function httpContract(open: () => Promise<OpenLog>): void {
  let log: OpenLog
  let collector: TestCollector
  const key = { 'x-write-key': 'wk_web_1' }

  beforeAll(async () => {
    log = await open()
    collector = await startTestCollector(log.sender, { partitions: log.partitions })
    collector.adopt(workspaceOf(exampleSources))
  })
  afterAll(async () => {
    await collector.stop()
    await log.close()
  })

  test('200 means that every event is there, with its own bytes, and the position says where', async () => {
    const [first, second] = [freshId(), freshId()]
    const events = [
      `{"type":"track","event":"Order Completed","messageId":"${first}","userId":"u1","properties":{"id":9007199254740993,"id":18446744073709551616,"t":"\\u0000\\ud800"}}`,
      `{ "messageId" : "${second}", "type":"identify","userId":"u1","traits":{"email":"Ada@Shop.example"} }`,
    ]
    const answer = await post(`${collector.url}/v1/batch`, `{"batch":[${events.join(' , ')}]}`, key)
    expect(answer).toMatchObject({ status: 200, body: { success: true, accepted: 2, rejected: [] } })

    const found = await log.events([first, second])
    expect(found.map((event) => event.raw.toString())).toEqual(events)
    expect(found.map((event) => event.identifiers.map((each) => each.value))).toEqual([
      ['u1'],
      ['u1', 'ada@shop.example'],
    ])
    expect(found[0]).toMatchObject({
      sourceId: 'web',
      trusted: false,
      epoch: TEST_EPOCH,
      name: 'Order Completed',
    })

    const position = PositionToken.decode(Buffer.from(answer.body.position, 'base64url'))
    const last = found.at(-1)!
    expect(position).toEqual({
      epoch: TEST_EPOCH,
      positions: [{ partition: last.partition, offset: last.offset }],
    })
  })

  test('one bad event never costs the others: it is answered, and kept whole, with the reason', async () => {
    const [good, mark] = [freshId(), freshId()]
    const bad = `{"type":"track","messageId":"${mark}","properties":{"big":18446744073709551616}}`
    const answer = await post(
      `${collector.url}/v1/batch`,
      `{"batch":[${bad},{"type":"page","messageId":"${good}"},7]}`,
      key,
    )
    expect(answer.status).toBe(200)
    expect(answer.body.accepted).toBe(1)
    expect(answer.body.rejected).toEqual([
      { index: 0, messageId: mark, code: 'missing_event_name', message: expect.any(String) },
      { index: 2, messageId: null, code: 'not_an_object', message: expect.any(String) },
    ])
    expect(await log.events([good])).toHaveLength(1)
    const [kept] = await log.rejected((record) => record.messageId === mark)
    expect(kept).toMatchObject({ source: 'web', code: 'missing_event_name', messageId: mark })
    expect(Buffer.from(kept!.input, 'base64').toString()).toBe(bad)
    expect(kept!.origin).toMatch(/^http:[0-9a-f-]{36}:0$/)
  })

  test('an event of four megabytes is rejected alone and still kept to the byte', async () => {
    const [good, mark] = [freshId(), freshId()]
    const huge = `{"type":"page","messageId":"${mark}","properties":{"x":"${'é'.repeat(1_500_000)}"}}`
    const answer = await post(
      `${collector.url}/v1/batch`,
      `{"batch":[${huge},{"type":"page","messageId":"${good}"}]}`,
      key,
    )
    expect(answer.body).toMatchObject({
      accepted: 1,
      rejected: [{ index: 0, messageId: mark, code: 'event_too_large' }],
    })
    // Pieces that went in several produce requests lie in any order; their numbers put them together.
    const found = await log.rejected((record) => record.messageId === mark)
    const pieces = found.toSorted((a, b) => (a.chunk ?? 0) - (b.chunk ?? 0))
    const input = Buffer.concat(pieces.map((piece) => Buffer.from(piece.input, 'base64')))
    expect(input.equals(Buffer.from(huge))).toBe(true)
    expect(pieces.map((piece) => piece.chunk)).toEqual([0, 1, 2, 3])
    expect(new Set(pieces.map((piece) => piece.origin)).size).toBe(1)
  })

  test('an event without any identifier is accepted and kept', async () => {
    const id = freshId()
    const answer = await post(
      `${collector.url}/v1/track`,
      `{"event":"Door Opened","messageId":"${id}","userId":"undefined"}`,
      key,
    )
    expect(answer.body).toMatchObject({ success: true, accepted: 1, rejected: [] })
    expect(await log.events([id])).toMatchObject([{ identifiers: [], type: 1, name: 'Door Opened' }])
  })

  test('a gzipped batch with a context beside it keeps its bytes and gains a payload', async () => {
    const id = freshId()
    const event = `{"type":"page","messageId":"${id}","anonymousId":null}`
    const body = gzipSync(
      `{"batch":[${event}],"context":{"traits":{"email":"a@x.example"}},"writeKey":"wk_crm_1"}`,
    )
    const answer = await post(`${collector.url}/v1/batch`, new Uint8Array(body))
    expect(answer.body).toMatchObject({ success: true, accepted: 1 })
    const [found] = await log.events([id])
    expect(found!.raw.toString()).toBe(event)
    expect(JSON.parse(found!.payload!.toString())).toEqual({
      type: 'page',
      messageId: id,
      anonymousId: null,
      context: { traits: { email: 'a@x.example' } },
    })
    expect(found!.sourceId).toBe('crm')
  })

  describe('many requests at once', () => {
    test('are all durable, each once', async () => {
      const ids = Array.from({ length: 200 }, freshId)
      const answers = await Promise.all(
        ids.map((id, i) =>
          post(`${collector.url}/v1/track`, `{"event":"e","messageId":"${id}","userId":"u${i}"}`, key),
        ),
      )
      expect(answers.every((answer) => answer.status === 200 && answer.body.accepted === 1)).toBe(true)
      const found = await log.events(ids)
      expect(found.map((event) => event.messageId).sort()).toEqual([...ids].sort())
    })
  })
}
