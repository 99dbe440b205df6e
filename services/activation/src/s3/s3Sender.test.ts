import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { gunzipSync } from 'node:zlib'
import { afterAll, expect, test } from '@jest/globals'
import { classify } from '../delivery/classify.ts'
import { delivery } from '../testing/deliveries.ts'
import { fileByFile, linesOf } from '../testing/fileByFile.ts'
import { createMemoryObjects } from '../testing/memoryObjects.ts'
import { senderContract } from '../testing/senderContract.ts'
import { destination } from '../testing/workspace.ts'
import { createS3Secrets, createS3Sender } from './s3Sender.ts'

const dir = mkdtempSync(join(tmpdir(), 's3-secrets-'))
writeFileSync(join(dir, 'lake-id'), 'AKIA')
writeFileSync(join(dir, 'lake-key'), 'correct horse\n')
afterAll(() => rmSync(dir, { recursive: true }))

const s3 = {
  bucket: 'people',
  prefix: 'tributary/changes',
  accessKeyId: { file: 'lake-id' },
  secretAccessKey: { file: 'lake-key' },
}
const lake = destination({ id: 'lake', webhook: undefined, s3 } as never)
const { signal } = new AbortController()

function world() {
  const objects = createMemoryObjects()
  return { objects, sender: createS3Sender({ secrets: createS3Secrets(dir, Date.now), objects }) }
}

const contract = world()
const contracted = fileByFile(contract.sender)
senderContract('a bucket in memory', () => ({
  sender: contracted,
  destination: lake,
  arrived: async (wanted) =>
    linesOf(contract.objects.held)
      .filter(({ profileId }) => profileId === wanted)
      .map(({ profileId, data }) => JSON.stringify({ profileId, data })),
  breakOff: async () =>
    void (contract.objects.fault = Object.assign(new Error('refused'), { code: 'ECONNREFUSED' })),
  mend: async () => void (contract.objects.fault = undefined),
}))

const file = {
  partition: 3,
  first: 17,
  last: 42,
  sinceMs: Date.UTC(2026, 0, 31, 23, 59),
  leftOut: [],
  deliveries: ['a', 'b'].map((id) =>
    delivery(id, { createdTimeMs: Date.UTC(2026, 0, 31, 23, 59), lane: '_files' }),
  ),
}

test('an object is named by its first and last delivery and the day of the first; a line says what it is about', async () => {
  const { objects, sender } = world()
  expect(classify(await sender.files!.send(lake, file, signal)).verdict).toBe('delivered')
  const name = 'people/tributary/changes/lake/date=2026-01-31/3-000000000017-000000000042.ndjson.gz'
  expect([...objects.held.keys()]).toEqual([name])
  expect(gunzipSync(objects.held.get(name)!).toString().split('\n')[0]).toBe(
    '{"id":"a","sync":"vips-to-crm","profileId":"p1","version":"0001-000000000000000001","type":"dev.tributary.audience.entered.v1","data":{"id":"a"}}',
  )
})

test('the same file again is the same object, byte for byte', async () => {
  const { objects, sender } = world()
  await sender.files!.send(lake, file, signal)
  const [first] = [...objects.held]
  await sender.files!.send(lake, file, signal)
  expect([...objects.held]).toEqual([first])
})

const answered = (httpStatusCode: number) =>
  Object.assign(new Error('NoSuchKey'), { $metadata: { httpStatusCode } })
const named = (name: string) => Object.assign(new Error('x'), { name })

test.each<[string, Error, string, string]>([
  ['no bucket', answered(404), 'pause', 'HTTP_404'],
  ['a wrong key', answered(403), 'pause', 'HTTP_403'],
  ['a name that is none', answered(400), 'pause', 'HTTP_400'],
  ['another region', answered(301), 'pause', 'HTTP_301'],
  ['too much at once', answered(503), 'wait', 'HTTP_503'],
  ['their fault', answered(500), 'retry', 'HTTP_500'],
  ['nobody listens', Object.assign(new Error('x'), { code: 'ECONNREFUSED' }), 'retry', 'CONNECTION_FAILED'],
  ['silence', named('AbortError'), 'retry', 'TIMEOUT'],
  [
    'an address that may not be called',
    Object.assign(new Error('x'), { code: 'ADDRESS_REFUSED' }),
    'pause',
    'ADDRESS_REFUSED',
  ],
])('%s: nothing in the file is to blame', async (_, fault, verdict, code) => {
  const { objects, sender } = world()
  objects.fault = fault
  expect(classify(await sender.files!.send(lake, file, signal))).toMatchObject({ verdict, code })
})

test('a test writes one object, over the one of the last test', async () => {
  const { objects, sender } = world()
  for (const id of ['t1', 't2']) await sender.send(lake, delivery(id, { profileId: '' }), signal)
  expect([...objects.held.keys()]).toEqual(['people/tributary/changes/lake/test.ndjson.gz'])
})

test('without its keys nothing is sent', () => {
  const without = destination({
    webhook: undefined,
    s3: { ...s3, accessKeyId: { file: 'nobody-mounted' } },
  } as never)
  expect(world().sender.blocked(without)).toMatchObject({ code: 'SECRET_MISSING' })
})
