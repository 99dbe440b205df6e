import { expect, test } from '@jest/globals'
import { type SourceDocument } from '@tributary/configuration'
import { defaultIdentifierRules, prepareRules } from '@tributary/domain'
import { digest, sourceReading } from '@tributary/sources'
import { judgeSample } from './judgeSample.ts'

/** Of the file, bytes. */
const FILE_BYTES = 128 * 1024 * 1024
/** What process memory may grow by meanwhile: less than half of the file. */
const BOUND_BYTES = 56 * 1024 * 1024

test('S2: a file of 128 MiB costs no memory that grows with it', async () => {
  const document = { kind: 'Source', id: 'app', kafka: { topic: 'app', format: 'segment' } } as SourceDocument
  const rules = prepareRules(
    { types: defaultIdentifierRules, placeholders: { values: [], patterns: [] }, blocked: [], hash: '' },
    { hashIdentifier: (type, _version, value) => `${type}:${value}`, phone: (value) => value },
  )
  const reading = sourceReading(document, rules, { digest, epoch: 1, maxEventBytes: 262_144 })
  const line = `{"type":"track","event":"x","userId":"u1","messageId":"m1","properties":{"text":"${'é'.repeat(900)}"}}\n`
  const chunk = Buffer.from(line.repeat(32))
  const chunks = Math.ceil(FILE_BYTES / chunk.length)
  let startBytes = 0
  let mostBytes = 0
  async function* file(): AsyncGenerator<Buffer> {
    for (let n = 0; n < chunks; n++) {
      // The first tenth warms up what is there for any file.
      if (n === Math.floor(chunks / 10)) startBytes = process.memoryUsage.rss()
      if (n % 32 === 0) mostBytes = Math.max(mostBytes, process.memoryUsage.rss())
      yield await Promise.resolve(chunk)
    }
  }
  let accepted = 0
  for await (const each of judgeSample(file(), { document, reading, format: 'ndjson', receivedMs: 0 }))
    if (each.verdict === 'accepted') accepted++
  expect(accepted).toBe(chunks * 32)
  expect(mostBytes - startBytes).toBeLessThan(BOUND_BYTES)
}, 60_000)
