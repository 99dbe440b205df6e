import { once } from 'node:events'
import { type IncomingMessage, request as httpRequest } from 'node:http'
import { expect, test } from '@jest/globals'
import { type RecordSender } from '../produce/outgoing.ts'
import { startTestCollector, workspaceOf } from '../testing/index.ts'

const source = { kind: 'Source', id: 'web', http: { keys: [{ kind: 'client', value: 'wk_web_1' }] } }

/** Of the file, bytes. */
const FILE_BYTES = 208 * 1024 * 1024
/** What process memory may grow by meanwhile, client and collector together: less than half of the file. */
const BOUND_BYTES = 96 * 1024 * 1024

test('U2: a file of 208 MiB costs no memory that grows with it, at either end', async () => {
  const offsets = new Map<string, number>()
  const discarding: RecordSender = {
    send(lanes) {
      const ranges = lanes.map(({ topic, partition, records }) => {
        const key = `${topic}/${partition}`
        const baseOffset = offsets.get(key) ?? 0
        offsets.set(key, baseOffset + records.length)
        return { topic, partition, baseOffset }
      })
      return Promise.resolve(ranges)
    },
  }
  const collector = await startTestCollector(discarding)
  collector.adopt(workspaceOf([source]))
  const line = `{"type":"track","event":"x","userId":"u1","messageId":"m1","properties":{"text":"${'é'.repeat(900)}"}}\n`
  const chunk = Buffer.from(line.repeat(32))
  const chunks = Math.ceil(FILE_BYTES / chunk.length)
  const request = httpRequest(`${collector.url}/v1/upload`, {
    method: 'POST',
    headers: { 'x-write-key': 'wk_web_1', 'content-type': 'application/x-ndjson' },
  })
  let verdicts = 0
  let last = ''
  const read = async (): Promise<void> => {
    const [response] = (await once(request, 'response')) as [IncomingMessage]
    for await (const piece of response) {
      const lines = (last + String(piece)).split('\n')
      last = lines.pop()!
      verdicts += lines.length
      if (last === '') last = `${lines.at(-1)}\n`
      if (last.endsWith('\n')) verdicts--
    }
  }
  const reading = read()
  let startBytes = 0
  let mostBytes = 0
  for (let n = 0; n < chunks; n++) {
    // oxlint-disable-next-line no-await-in-loop -- the socket's back-pressure
    if (!request.write(chunk)) await once(request, 'drain')
    // The first tenth warms up what is there for any file.
    if (n === Math.floor(chunks / 10)) startBytes = process.memoryUsage.rss()
    if (n % 32 === 0) mostBytes = Math.max(mostBytes, process.memoryUsage.rss())
  }
  request.end()
  await reading
  expect(verdicts).toBe(chunks * 32)
  expect(JSON.parse(last)).toMatchObject({ done: true, accepted: chunks * 32, rejected: 0, refused: 0 })
  expect(mostBytes - startBytes).toBeLessThan(BOUND_BYTES)
  await collector.stop()
}, 120_000)
