/** A collector on a Kafka as real clusters are: TLS, every kind of login, and rights per topic. */
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import kafkajs from 'kafkajs'
import { selfSignedCertificate } from '@tributary/service-kit/testing'
import { kafkaJars } from '../../../deploy/local/src/kafkaJars.ts'
import { type KafkaProcess, startKafkaProcess } from '../../../deploy/local/src/kafkaProcess.ts'
import { waitForValue, waitUntil } from '../../support/waitUntil.ts'
import { type Installation, openInstallation } from './collectorInstallation.ts'

const USER = 'collector'
const PASSWORD = 'correct-horse-battery'
const TOPIC = 'receipts'

let folder: string
let kafka: KafkaProcess
let installation: Installation
let readable: string
let forbidden: string

/** As a token is mounted; unsigned, which the broker of this test takes. */
function token(subject: string): string {
  const now = Math.floor(Date.now() / 1000)
  const part = (value: object): string => Buffer.from(JSON.stringify(value)).toString('base64url')
  return `${part({ alg: 'none' })}.${part({ sub: subject, iat: now, exp: now + 3600 })}.`
}

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'secured-'))
  const { cert, key } = selfSignedCertificate('127.0.0.1', Date.now())
  const files = {
    'key-store.pem': Buffer.concat([key, cert]),
    'ca.pem': cert,
    password: PASSWORD,
    wrong: 'guess',
  }
  for (const [name, content] of Object.entries({ ...files, token: token(USER) }))
    // oxlint-disable-next-line no-await-in-loop -- a handful of files
    await writeFile(join(folder, name), content)
  kafka = await startKafkaProcess({
    jars: await kafkaJars(() => {}),
    dataDir: folder,
    logFile: join(folder, 'kafka.log'),
    secured: { keyStore: join(folder, 'key-store.pem'), users: { [USER]: PASSWORD } },
  })
  installation = await openInstallation(kafka.brokers)
  readable = await installation.createSourceTopic(TOPIC, 1)
  forbidden = await installation.createSourceTopic('forbidden', 1)
  // Whoever is named may, so nobody else.
  const admin = installation.kafka.client({ retries: 2 }).admin()
  await admin.connect()
  await admin.createAcls({
    acl: [
      {
        resourceType: kafkajs.AclResourceTypes.TOPIC,
        resourceName: forbidden,
        resourcePatternType: kafkajs.ResourcePatternTypes.LITERAL,
        principal: 'User:somebody-else',
        host: '*',
        operation: kafkajs.AclOperationTypes.ALL,
        permissionType: kafkajs.AclPermissionTypes.ALLOW,
      },
    ],
  })
  await admin.disconnect()
  await installation.apply([
    { kind: 'Source', id: 'web', http: { keys: [{ kind: 'client', value: 'wk_web_1' }] } } as never,
    { kind: 'Source', id: 'pos', kafka: { topic: readable, format: 'segment' } } as never,
    { kind: 'Source', id: 'secret', kafka: { topic: forbidden, format: 'segment' } } as never,
  ])
}, 90_000)

afterAll(async () => {
  await installation?.close()
  await kafka?.kill()
  await rm(folder, { recursive: true, force: true })
}, 30_000)

const tls = () => ({
  KAFKA_BROKERS: kafka.secured!,
  KAFKA_TLS: 'true',
  KAFKA_TLS_CA_FILE: join(folder, 'ca.pem'),
})
const login = (mechanism: string, passwordFile = 'password'): Record<string, string> =>
  mechanism === 'oauthbearer'
    ? { KAFKA_SASL_MECHANISM: mechanism, KAFKA_OAUTH_TOKEN_FILE: join(folder, 'token') }
    : {
        KAFKA_SASL_MECHANISM: mechanism,
        KAFKA_SASL_USERNAME: USER,
        KAFKA_SASL_PASSWORD_FILE: join(folder, passwordFile),
      }

describe.each(['plain', 'scram-sha-256', 'scram-sha-512', 'oauthbearer'])('with %s', (mechanism) => {
  test('events over HTTP and from a topic are taken, and a topic that may not be read is named in the log', async () => {
    const collector = await installation.start({ ...tls(), ...login(mechanism) })
    const response = await fetch(`http://127.0.0.1:${collector.ports().http}/v1/page`, {
      method: 'POST',
      headers: { 'x-write-key': 'wk_web_1' },
      body: JSON.stringify({ type: 'page', messageId: `http-${mechanism}` }),
    })
    expect(response.status).toBe(200)
    await installation.producer.send([
      {
        topic: readable,
        partition: 0,
        key: null,
        value: JSON.stringify({ type: 'page', messageId: `kafka-${mechanism}` }),
      },
    ])
    await waitForValue(
      'both events',
      async () => (await installation.events()).map(({ messageId }) => messageId),
      (ids) => ids.includes(`http-${mechanism}`) && ids.includes(`kafka-${mechanism}`),
      { timeoutMs: 40_000 },
    )
    await waitUntil('the line about the forbidden topic', async () =>
      (await installation.log(collector))
        .split('\n')
        .some((line) => line.includes(forbidden) && line.includes('"level":"error"')),
    )
    const log = await installation.log(collector)
    expect(log).not.toContain(PASSWORD)
    expect(log).not.toContain(token(USER).split('.')[0])
    await collector.stop()
  }, 60_000)
})

test('a wrong password: it refuses to start, says so, and the password stands nowhere', async () => {
  const collector = await installation.spawn({ ...tls(), ...login('scram-sha-512', 'wrong') })
  expect(await collector.exited).toEqual({ code: 1, signal: null })
  const log = await installation.log(collector)
  expect(log).toMatch(/"level":"(?:error|fatal)".*[Aa]uthenticat/)
  expect(log).not.toContain('guess')
}, 60_000)

test('a broker with a certificate of a stranger is not believed', async () => {
  const stranger = join(folder, 'stranger.pem')
  await writeFile(stranger, selfSignedCertificate('127.0.0.1', Date.now()).cert)
  const collector = await installation.spawn({ ...tls(), ...login('plain'), KAFKA_TLS_CA_FILE: stranger })
  const log = await waitForValue(
    'the line that says so',
    () => installation.log(collector),
    (text) => text.includes('Kafka cannot be used yet'),
  )
  expect(log).toContain('self-signed certificate')
  await collector.stop(10_000)
}, 60_000)
