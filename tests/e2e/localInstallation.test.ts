/** The four services as `make up` and the demo start them: real processes on the real stack. */
import { afterAll, beforeAll, expect, test } from '@jest/globals'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { startServices, type Installation } from '../../deploy/local/src/launcher.ts'
import { sharedStack } from '../support/testStack.ts'
import { uniquePrefix } from '../support/uniquePrefix.ts'
import { waitUntil } from '../support/waitUntil.ts'

const DOCUMENTS = fileURLToPath(new URL('../../examples/shop', import.meta.url))

let folder: string
let installation: Installation

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'tributary-e2e-'))
  const prefix = uniquePrefix('up')
  installation = await startServices(sharedStack(prefix), {
    dataDir: folder,
    settings: { TOPIC_PREFIX: prefix, GROUP_PREFIX: prefix },
    documents: DOCUMENTS,
  })
}, 180_000)

afterAll(async () => {
  await installation?.stop()
  await rm(folder, { recursive: true, force: true })
})

function ready(instance: string): Promise<boolean> {
  const { admin } = installation.service(instance).ports()
  return fetch(`http://127.0.0.1:${admin}/readyz`).then(({ ok }) => ok)
}

test('all four services become ready, each with its own addresses', async () => {
  for (const { instance } of installation.services) {
    await waitUntil(`${instance} to be ready`, () => ready(instance), { timeoutMs: 60_000 })
  }
  expect(installation.addresses()).toEqual({
    collector: { http: expect.stringMatching(/^http:\/\/127\.0\.0\.1:\d+$/) },
    identityStitcher: { grpc: expect.stringMatching(/^127\.0\.0\.1:\d+$/) },
    profileStore: { grpc: expect.stringMatching(/^127\.0\.0\.1:\d+$/) },
    activation: { grpc: expect.stringMatching(/^127\.0\.0\.1:\d+$/) },
  })
})

test('an event with a write key of the documents is accepted', async () => {
  const { collector } = installation.addresses()
  const key = installation.writeKeys['web'] as string
  const answer = await waitUntil('the collector to know the write key', async () => {
    const response = await fetch(`${collector?.http}/v1/track`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', authorization: `Basic ${btoa(`${key}:`)}` },
      body: JSON.stringify({ userId: 'u-1', event: 'Order Completed', messageId: uniquePrefix('m') }),
    })
    return response.ok ? response.status : undefined
  })
  expect(answer).toBe(200)
})

test('a killed service comes back on the addresses it had', async () => {
  const service = installation.service('profile-store')
  const before = service.ports()
  await service.kill()
  expect(service.running()).toBe(false)
  expect(await service.ended()).toEqual({ code: null, signal: 'SIGKILL' })
  await service.start()
  expect(service.ports()).toEqual(before)
  await waitUntil('profile-store to be ready again', () => ready('profile-store'), { timeoutMs: 60_000 })
})

test('a graceful stop of every service ends with exit code 0', async () => {
  for (const service of installation.services) {
    await service.stop()
    expect({ instance: service.instance, ...(await service.ended()) }).toEqual({
      instance: service.instance,
      code: 0,
      signal: null,
    })
  }
})
