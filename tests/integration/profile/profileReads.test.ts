/** The events of a profile out of the log, and the HTTP door, on a real profile-store. */
import { afterAll, beforeAll, expect, test } from '@jest/globals'
import { profileIdOf } from '@tributary/contracts'
import { type Event, EventType } from '@tributary/contracts/generated/tributary/event/v1/event'
import { ChangeKind } from '@tributary/contracts/generated/tributary/identity/v1/assignment'
import { callUnary } from '@tributary/service-kit'
import { type ServiceProcess } from '../../../deploy/local/src/serviceProcess.ts'
import { openApiProblems } from '../../support/openApiProblems.ts'
import { waitForValue } from '../../support/waitUntil.ts'
import { type ProfileInstallation, openProfileInstallation } from './profileInstallation.ts'

let installation: ProfileInstallation
let store: ServiceProcess

beforeAll(async () => {
  installation = await openProfileInstallation()
  await installation.apply([])
  store = await installation.start()
}, 90_000)
afterAll(() => installation?.close(), 60_000)

function event(messageId: string, user: string, timeMs: number): Event {
  const id = installation.hash('user_id', 1, user)
  return {
    messageId,
    messageIdGenerated: false,
    sourceId: 'web',
    type: EventType.EVENT_TYPE_TRACK,
    name: 'Viewed',
    anchor: id,
    identifiers: [{ type: 'user_id', value: user, id }],
    timeMs,
    receivedTimeMs: timeMs,
    timeFlags: [],
    raw: Buffer.from(`{"messageId":"${messageId}","card":12345678901234567890}`),
    origin: `test:${messageId}`,
    identityRules: 'r',
    trusted: true,
    epoch: 1,
  }
}

async function list(user: string, pageToken = '', pageSize = 2) {
  const client = installation.client(store)
  return callUnary(
    client.listEvents.bind(client),
    { ref: { ref: { $case: 'identifier', value: { type: 'user_id', value: user } } }, pageSize, pageToken },
    { deadlineMs: 10_000, metadata: installation.metadata },
  )
}

async function get(path: string) {
  const response = await fetch(`http://127.0.0.1:${store.ports().http}${path}`, {
    headers: { authorization: String(installation.metadata.get('authorization')[0]) },
  })
  const answer = { code: response.status, headers: response.headers, text: await response.text() }
  const template = /\/events(\?|$)/.test(path) ? '/v1/profiles/{ref}/events' : '/v1/profiles/{ref}'
  expect(openApiProblems(template, answer)).toEqual([])
  return answer
}

test('events are those of all identifiers of the profile now, newest first, each once, and follow a merge and a split', async () => {
  const now = Date.now()
  await installation.send([
    event('m1', 'ada', now - 3_000),
    event('m2', 'lovelace', now - 2_000),
    event('m3', 'ada', now - 1_000),
    event('m3', 'ada', now - 1_000),
  ])
  const ids = ['ada', 'lovelace'].map((name) => installation.hash('user_id', 1, name))
  const join = async (into: string | undefined) =>
    installation.assign(
      ids.map((identifierId) => ({
        identifierId,
        type: 'user_id',
        profileId: profileIdOf(into ?? identifierId, 0),
        generation: 0,
        change: {
          id: `c-${into}`,
          kind: into ? ChangeKind.CHANGE_KIND_MERGE : ChangeKind.CHANGE_KIND_SPLIT,
          from: profileIdOf(ids[1]!, 0),
          into: profileIdOf(ids[0]!, 0),
          cause: 'e1',
        },
      })),
    )
  const messages = async (user: string) => (await list(user, '', 10)).events.map(({ messageId }) => messageId)

  await waitForValue(
    'own events',
    () => messages('ada').catch(() => []),
    (found) => found.join() === 'm3,m1',
  )
  await join(ids[0])
  for (const user of ['ada', 'lovelace'])
    await waitForValue(
      'all events',
      () => messages(user),
      (found) => found.join() === 'm3,m2,m1',
    )
  const first = await list('lovelace')
  expect(first.events.map(({ messageId }) => messageId)).toEqual(['m3', 'm2'])
  const second = await list('lovelace', first.nextPageToken)
  expect(second.events.map(({ messageId }) => messageId)).toEqual(['m1'])
  expect(second.nextPageToken).toBe('')

  const told = await get('/v1/profiles/user_id:ada/events?page_size=1')
  expect(told.code).toBe(200)
  expect(told.text).toContain('"event":{"messageId":"m3","card":12345678901234567890}')

  await join(undefined)
  await waitForValue(
    'the split',
    () => messages('lovelace'),
    (found) => found.join() === 'm2',
  )
  expect(await messages('ada')).toEqual(['m3', 'm1'])
}, 60_000)

test('the HTTP door answers what gRPC answers, also for what was just written', async () => {
  const minPosition = await installation.send([event('m9', 'grace', Date.now())])
  const { code, text } = await get(`/v1/profiles/user_id:grace?min_position=${minPosition}&max_wait_ms=10000`)
  expect(code).toBe(200)
  const answer = JSON.parse(text) as { profile: unknown; now: object; behind: unknown[] }
  const profile = await installation.get(store, 'user_id', 'grace')
  expect(answer.behind).toEqual([])
  expect(answer.profile).toEqual(JSON.parse(profile!.json))
  expect(answer.now).toMatchObject({ events: 1 })
  expect((await get('/v1/profiles/user_id:nobody')).code).toBe(404)
}, 30_000)
