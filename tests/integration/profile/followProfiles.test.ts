/** The consumer examples on a real profile-store: a merge, a split and an erasure, and a consumer that was away. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, expect, test } from '@jest/globals'
import { profileIdOf, topics } from '@tributary/contracts'
import { type Event, EventType } from '@tributary/contracts/generated/tributary/event/v1/event'
import { ChangeKind } from '@tributary/contracts/generated/tributary/identity/v1/assignment'
import { Kafka, logLevel } from 'kafkajs'
import { followProfiles } from '../../../examples/consumers/followProfiles.ts'
import { type Held } from '../../../examples/consumers/profileView.ts'
import { javaCommand } from '../../../deploy/local/src/javaCommand.ts'
import { kafkaJars } from '../../../deploy/local/src/kafkaJars.ts'
import { testStack } from '../../support/testStack.ts'
import { waitForValue } from '../../support/waitUntil.ts'
import { type ProfileInstallation, openProfileInstallation } from './profileInstallation.ts'

const people = Array.from({ length: 12 }, (_, i) => `person-${i}`)
const JAVA_QUIET_S = 6

let installation: ProfileInstallation

beforeAll(async () => {
  installation = await openProfileInstallation()
  await installation.apply([])
  await installation.start()
}, 90_000)
afterAll(() => installation?.close(), 60_000)

const idOf = (name: string) => installation.hash('user_id', 1, name)
let made = 0

function visit(name: string, plan: string): Event {
  const now = Date.now()
  const messageId = `v${made++}`
  return {
    messageId,
    messageIdGenerated: false,
    sourceId: 'web',
    type: EventType.EVENT_TYPE_IDENTIFY,
    name: '',
    anchor: idOf(name),
    identifiers: [{ type: 'user_id', value: name, id: idOf(name) }],
    timeMs: now,
    receivedTimeMs: now,
    timeFlags: [],
    raw: Buffer.from(JSON.stringify({ traits: { plan } })),
    origin: `test:${messageId}`,
    identityRules: 'r',
    trusted: true,
    epoch: 1,
  }
}

async function move(name: string, into: string, kind: ChangeKind, generation = 0): Promise<void> {
  const from = profileIdOf(idOf(name), 0)
  const change = { id: `c${made++}`, kind, from, into, cause: 'e1' }
  await installation.assign([
    { identifierId: idOf(name), type: 'user_id', profileId: into, generation, change },
  ])
}

async function stateNow(): Promise<Map<string, Held>> {
  const state = new Map<string, Held>()
  for (const { key, value } of await installation.read(topics.profiles))
    if (value === null) state.delete(key!)
    else state.set(key!, JSON.parse(value.toString()) as Held)
  return state
}

function planOf(held: Held | undefined): unknown {
  return (held?.['traits'] as { plan?: unknown } | undefined)?.plan
}

/** The state topic once it says what was done. */
async function settled(isSo: (state: ReadonlyMap<string, Held>) => boolean): Promise<Map<string, Held>> {
  return waitForValue('the state topic', stateNow, isSo)
}

test('state, then changes: kafkajs and Java hold what the state topic holds, through merge, split, erasure and absence', async () => {
  const [first, second, third] = people.map((name) => profileIdOf(idOf(name), 0))
  await installation.send(people.map((name) => visit(name, 'free')))
  await settled((state) => state.size === people.length)

  const kafka = new Kafka({
    brokers: [testStack().brokers],
    clientId: 'follower',
    logLevel: logLevel.NOTHING,
  })
  const missed: string[] = []
  const options = {
    kafka,
    prefix: installation.prefix,
    group: `${installation.prefix}-follower`,
    onMissed: () => missed.push('missed'),
  }
  const following = await followProfiles(options)
  expect(following.view.profiles).toEqual(await stateNow())
  const java = await startJava()

  await installation.send(people.map((name) => visit(name, 'pro')))
  await move(people[1]!, first!, ChangeKind.CHANGE_KIND_MERGE)
  const merged = await settled((state) => state.get(second!)?.mergedInto === first)
  expect(merged.get(first!)).toMatchObject({ events: 4 })
  await waitForValue(
    'the merge in the copy',
    async () => following.view.profiles.get(second!),
    (held) => held?.mergedInto === first,
  )
  await following.stop()

  // Away: a split, an erasure, and news of everybody.
  await move(people[1]!, second!, ChangeKind.CHANGE_KIND_SPLIT)
  await settled((state) => state.get(second!)?.mergedInto === undefined)
  await move(people[2]!, profileIdOf(idOf(people[2]!), 1), ChangeKind.CHANGE_KIND_ERASE, 1)
  const others = people.filter((_, i) => i !== 2)
  await installation.send(others.map((name) => visit(name, 'gold')))
  const state = await settled(
    (now) =>
      !now.has(third!) && others.every((name) => planOf(now.get(profileIdOf(idOf(name), 0))) === 'gold'),
  )

  const again = await followProfiles({ ...options, view: following.view })
  await waitForValue(
    'the copy, after the absence',
    async () =>
      [...again.view.profiles.values()]
        .map(({ version }) => version)
        .sort()
        .join(),
    (versions) =>
      versions ===
      [...state.values()]
        .map(({ version }) => version)
        .sort()
        .join(),
  )
  expect(again.view.profiles).toEqual(state)
  expect(missed).toEqual([])
  await again.stop()

  const expected = [...state].map(([id, { version, mergedInto }]) => `${id} ${version} ${mergedInto ?? '-'}`)
  expect(await java.lines()).toEqual(expected.sort())
}, 120_000)

/** Resolves when it has read the state; `lines` is what it holds when nothing comes any more. */
async function startJava(): Promise<{ lines(): Promise<string[]> }> {
  const jars = await kafkaJars(() => {})
  const source = fileURLToPath(new URL('../../../examples/consumers/FollowProfiles.java', import.meta.url))
  const quiet = String(JAVA_QUIET_S)
  const child = spawn(
    javaCommand(),
    ['-cp', `${jars}/libs/*`, source, testStack().brokers, installation.prefix, quiet],
    { stdio: ['ignore', 'pipe', 'pipe'] },
  )
  let errors = ''
  child.stderr.on('data', (text: Buffer) => (errors += text.toString()))
  const told: string[] = []
  const ended = once(child, 'close')
  const output = createInterface({ input: child.stdout })
  await new Promise<void>((resolve, reject) => {
    output.on('line', (line) => {
      if (line === 'state read') resolve()
      else told.push(line)
    })
    child.once('close', () => reject(new Error(errors)))
  })
  return {
    async lines() {
      const [code] = (await ended) as [number]
      if (code !== 0) throw new Error(errors)
      return told.sort()
    },
  }
}
