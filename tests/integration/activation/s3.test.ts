/** A bucket of a real server that speaks S3: the example of docs/reference/destinations.md, kills included. */
import { mkdtempSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from '@jest/globals'
import type { DestinationDocument } from '@tributary/configuration'
import { versionOf } from '@tributary/contracts'
import { classify } from '../../../services/activation/src/delivery/classify.ts'
import { createS3Objects } from '../../../services/activation/src/s3/objectStore.ts'
import { createS3Sender } from '../../../services/activation/src/s3/s3Sender.ts'
import { profileChange } from '../../../services/activation/src/testing/changes.ts'
import { delivery } from '../../../services/activation/src/testing/deliveries.ts'
import { fileByFile, linesOf } from '../../../services/activation/src/testing/fileByFile.ts'
import { senderContract } from '../../../services/activation/src/testing/senderContract.ts'
import { type S3Server, startS3 } from '../../support/s3Server.ts'
import { waitForValue, waitUntil } from '../../support/waitUntil.ts'
import { type ActivationInstallation, openActivationInstallation } from './activationInstallation.ts'
import { pageExample } from './pageExample.ts'

let server: S3Server
let installation: ActivationInstallation
const objects = createS3Objects()
const keys = { accessKeyId: '', secretAccessKey: '' }
const sender = createS3Sender({ secrets: () => keys, objects })

beforeAll(async () => {
  const logFile = join(mkdtempSync(join(tmpdir(), 's3-test-')), 's3.log')
  server = await startS3({ logFile, buckets: ['contract', 'people-changes'] })
  Object.assign(keys, { accessKeyId: server.accessKeyId, secretAccessKey: server.secretAccessKey })
}, 90_000)
afterAll(async () => {
  await installation?.close()
  objects.close()
  await server?.stop()
}, 60_000)

type S3 = NonNullable<DestinationDocument['s3']>
const to = (over: Partial<S3> = {}, id = 'contract'): DestinationDocument => ({
  kind: 'Destination',
  id,
  s3: {
    bucket: 'contract',
    endpoint: server.endpoint,
    accessKeyId: { file: 'x' },
    secretAccessKey: { file: 'y' },
    timeoutMs: 5_000,
    allowPrivateAddresses: true,
    ...over,
  },
})
const { signal } = new AbortController()

let contracted: DestinationDocument
const oneByOne = fileByFile(sender)
senderContract('a real server of S3', () => ({
  sender: oneByOne,
  destination: (contracted ??= to()),
  arrived: async (wanted) =>
    linesOf(await server.objects('contract'))
      .filter(({ profileId }) => profileId === wanted)
      .map(({ profileId, data }) => JSON.stringify({ profileId, data })),
  breakOff: () => server.kill(),
  mend: () => server.start(),
}))

test.each<[string, Partial<S3>, string, string]>([
  ['no bucket', { bucket: 'nowhere' }, 'pause', 'HTTP_404'],
  ['a wrong key', {}, 'pause', 'HTTP_403'],
  ['nobody listens', { endpoint: 'http://127.0.0.1:1' }, 'retry', 'CONNECTION_FAILED'],
  ['a private address', { allowPrivateAddresses: false }, 'pause', 'ADDRESS_REFUSED'],
  [
    'a name of one',
    { endpoint: 'http://localhost:1', allowPrivateAddresses: false },
    'pause',
    'ADDRESS_REFUSED',
  ],
])('%s', async (name, over, verdict, code) => {
  const { secretAccessKey } = keys
  if (name === 'a wrong key') keys.secretAccessKey = 'another'
  const answer = await sender.send(
    to(over, name.replaceAll(' ', '-')),
    delivery('t', { profileId: '' }),
    signal,
  )
  keys.secretAccessKey = secretAccessKey
  expect(classify(answer)).toMatchObject({ verdict, code })
})

const person = (n: number): string => `${String(n).padStart(32, '0')}-0`

test('the example of the page: every change is on one line of one object, also when activation and the server are killed', async () => {
  installation = await openActivationInstallation()
  await installation.mount('lake-id', server.accessKeyId)
  await installation.mount('lake-key', server.secretAccessKey)
  let activation = await installation.start()
  const documents = pageExample('destinations.md', 'S3')
    .documents()
    .map((document) =>
      document.kind === 'Destination'
        ? {
            ...document,
            s3: {
              ...(document as DestinationDocument).s3,
              endpoint: server.endpoint,
              everySeconds: 1,
              allowPrivateAddresses: true,
            },
          }
        : document,
    )
  await installation.apply(documents)
  await waitUntil('the revision to be adopted', async () =>
    (await installation.log(activation)).includes('adopted a revision'),
  )
  const PEOPLE = 40
  const VERSIONS = 6
  for (let n = 1; n <= VERSIONS; n++) {
    await installation.publish(
      ...Array.from({ length: PEOPLE }, (_, i) => {
        const profile = profileChange(n, { profileId: person(i), after: { 'traits.plan': `plan-${n}` } })
        return { profileId: person(i), version: versionOf(1, n), profile }
      }),
    )
    if (n === 2 || n === 5) {
      await activation.kill()
      activation = await installation.start()
    }
    if (n === 3) await server.kill()
    if (n === 4) await server.start()
  }
  const held = await waitForValue(
    'every change to be in a file',
    async () => linesOf(await server.objects('people-changes')),
    (lines) => new Set(lines.map(({ id }) => id)).size === PEOPLE * VERSIONS,
  )
  expect(held).toHaveLength(PEOPLE * VERSIONS)
  for (let i = 0; i < PEOPLE; i++)
    expect(held.filter(({ profileId }) => profileId === person(i)).map(({ data }) => data)).toEqual(
      Array.from({ length: VERSIONS }, (_, n) => ({ plan: `plan-${n + 1}` })),
    )
  for (const name of (await server.objects('people-changes')).keys())
    expect(name).toMatch(/^changes\/lake\/date=\d{4}-\d\d-\d\d\/\d-\d{12}-\d{12}\.ndjson\.gz$/)
}, 60_000)
