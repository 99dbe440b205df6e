/**
 * A change of identity rules on the real stack: `plan` says what it will do, `apply` does it while events flow, and a
 * stitcher that is killed in the middle of it goes on where it was. What comes out is what the oracle says.
 */
import { afterAll, beforeAll, expect, test } from '@jest/globals'
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { topicName, topics, textDigest } from '@tributary/contracts'
import { Event, EventRecord, EventType } from '@tributary/contracts/generated/tributary/event/v1/event'
import { Assignment } from '@tributary/contracts/generated/tributary/identity/v1/assignment'
import { JobRecord, JobState } from '@tributary/contracts/generated/tributary/job/v1/control'
import type { RulesPlan } from '@tributary/contracts/generated/tributary/identity/v1/identity_service'
import { type Evidence, type ResolverRules, evidenceId } from '@tributary/domain'
import { resolveAll } from '@tributary/domain/testing'
import { type Kafka, type PlainProducer, createKafka, createPlainProducer, readTopic } from '@tributary/kafka'
import { type IdentifierHasher, createIdentifierHasher } from '@tributary/service-kit'
import { type Installation, startServices } from '../../deploy/local/src/launcher.ts'
import { runTributary } from '../../deploy/local/src/runTributary.ts'
import { sharedStack, testStack } from '../support/testStack.ts'
import { uniquePrefix } from '../support/uniquePrefix.ts'
import { waitForValue, waitUntil } from '../support/waitUntil.ts'

const PARTITIONS = 4
/** Families of five users with two devices each and one address: 16 identifiers, so that the walk takes seconds. */
const FAMILIES = 700
const USERS = 5
/** Families somebody of whom is seen with a new device while the change is carried out. */
const ACTIVE = 150
const RECORDS_PER_SEND = 500
const CAUGHT_UP = { timeoutMs: 90_000, pollMs: 500 }

const prefix = uniquePrefix('rules')
let folder: string
let documents: string
let installation: Installation
let kafka: Kafka
let producer: PlainProducer
let hash: IdentifierHasher

interface Limits {
  readonly devices: number
  readonly sharedAfter: number
  readonly owner: ResolverRules['owner']
  readonly blocked: readonly string[]
}
const before: Limits = { devices: 50, sharedAfter: 9, owner: 'first', blocked: [] }
/** Limits, sharedAfter, owner policy and a blocked value at once. */
const after: Limits = { devices: 1, sharedAfter: 3, owner: 'nobody', blocked: ['u7-0', 'u8-0', 'u9-1'] }

function identityYaml({ devices, sharedAfter, owner, blocked }: Limits): string {
  return `kind: Identity
id: default
types:
  - { type: user_id, strength: strong, maxPerProfile: 1 }
  - { type: email, maxPerProfile: 5, sharedAfter: ${sharedAfter} }
  - { type: anonymous_id, maxPerProfile: ${devices}, sharedAfter: 3 }
owner: ${owner}
blocked: [${blocked.map((value) => `{ type: user_id, value: ${value} }`).join(', ')}]
`
}

function rulesOf({ devices, sharedAfter, owner, blocked }: Limits): ResolverRules {
  return {
    types: [
      { type: 'user_id', strong: true, maxPerProfile: 1, sharedAfter: 0 },
      { type: 'email', strong: false, maxPerProfile: 5, sharedAfter },
      { type: 'anonymous_id', strong: false, maxPerProfile: devices, sharedAfter: 3 },
    ],
    owner,
    blocked: blocked.map((value) => ({ type: 'user_id', id: hash('user_id', 1, value) })),
    hash: '',
  }
}

type Named = readonly [type: string, value: string]
interface Seen {
  readonly family: number
  readonly members: readonly [Named, Named]
  readonly timeMs: number
}

const user = (family: number, n: number): Named => ['user_id', `u${family}-${n}`]

function known(family: number): readonly Seen[] {
  return Array.from({ length: USERS }, (_, n): readonly Seen[] => [
    { family, members: [user(family, n), ['anonymous_id', `a${family}-${n}`]], timeMs: 10 * n + 1 },
    { family, members: [user(family, n), ['anonymous_id', `b${family}-${n}`]], timeMs: 10 * n + 2 },
    { family, members: [user(family, n), ['email', `home${family}@example.com`]], timeMs: 10 * n + 3 },
  ]).flat()
}

/** A new device of one, and one of another that both have used. */
function live(family: number): readonly Seen[] {
  const [one, two] = [user(family, family % USERS), user(family, (family + 1) % USERS)]
  return [
    { family, members: [one, ['anonymous_id', `c${family}`]], timeMs: 1_000 },
    { family, members: [two, ['anonymous_id', `a${family}-${family % USERS}`]], timeMs: 1_001 },
  ]
}

function identifiersOf({ members }: Seen) {
  return members.map(([type, value]) => ({ type, value, id: hash(type, 1, value) }))
}

async function send(seen: readonly Seen[]): Promise<void> {
  const records = seen.map((each) => {
    const identifiers = identifiersOf(each)
    const event = Event.fromPartial({
      messageId: `m-${each.timeMs}-${identifiers[1]!.value}-${identifiers[0]!.value}`,
      sourceId: 'web',
      type: EventType.EVENT_TYPE_TRACK,
      anchor: identifiers[0]!.id,
      identifiers,
      timeMs: each.timeMs,
      receivedTimeMs: each.timeMs,
    })
    const value = EventRecord.encode({ record: { $case: 'event', value: event } }).finish()
    return { topic: topicName(prefix, topics.events), key: identifiers[0]!.id, value }
  })
  for (let from = 0; from < records.length; from += RECORDS_PER_SEND)
    // oxlint-disable-next-line no-await-in-loop -- one request after the other
    await producer.send(records.slice(from, from + RECORDS_PER_SEND))
}

/** Families have nothing in common, so the oracle may look at one after the other. */
function oracle(seen: readonly Seen[], limits: Limits): ReadonlyMap<string, string> {
  const families = Map.groupBy(seen, (each) => each.family)
  const rules = { kind: 'rules' as const, rules: rulesOf(limits), configOffset: 0 }
  const found = new Map<string, string>()
  for (const own of families.values()) {
    const inputs = own.map((each) => ({ kind: 'evidence' as const, evidence: evidenceOf(each) }))
    for (const [id, profile] of resolveAll([rules, ...inputs]).profiles) found.set(id, profile)
  }
  return found
}

function evidenceOf(seen: Seen): Evidence {
  const members = identifiersOf(seen)
    .map(({ type, id }) => ({ type, id }))
    .sort((a, b) => (a.id < b.id ? -1 : 1))
  return {
    id: evidenceId(members, 'co-occurrence', 'web', textDigest),
    class: 'co-occurrence',
    sourceId: 'web',
    members,
    firstTimeMs: seen.timeMs,
    messageId: '',
    receivedTimeMs: seen.timeMs,
  }
}

/** How many identifiers are elsewhere than the oracle says. */
async function misplaced(expected: ReadonlyMap<string, string>): Promise<number> {
  const found = new Map<string, string>()
  for (let partition = 0; partition < PARTITIONS; partition++)
    for await (const { records } of readTopic(kafka, {
      topic: topicName(prefix, topics.assignments),
      partition,
    }))
      for (const { value } of records) {
        const { identifierId, profileId } = Assignment.decode(value!)
        found.set(identifierId, profileId)
      }
  return [...expected].filter(([id, profile]) => (found.get(id) ?? `${id}-0`) !== profile).length
}

async function walkProgress() {
  const found: { readonly state: JobState; readonly done: number }[] = []
  for await (const { records } of readTopic(kafka, { topic: topicName(prefix, topics.jobs), partition: 0 }))
    for (const { value } of records) {
      const { record } = JobRecord.decode(value!)
      if (record?.$case === 'progress' && record.value.work === 'identity') found.push(record.value)
    }
  return found
}

async function readiness(): Promise<string> {
  const response = await fetch(
    `http://127.0.0.1:${installation.service('identity-stitcher').ports().admin}/readyz`,
  )
  return response.text()
}

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'tributary-rules-'))
  documents = join(folder, 'shop')
  await mkdir(documents)
  await writeFile(
    join(documents, 'workspace.yaml'),
    'kind: Workspace\nschema: tributary/v1\nid: shop\ntimeZone: UTC\nregion: FR\n',
  )
  await writeFile(join(documents, 'identity.yaml'), identityYaml(before))
  installation = await startServices(sharedStack(prefix), {
    dataDir: folder,
    settings: { TOPIC_PREFIX: prefix, GROUP_PREFIX: prefix, IDENTIFIER_PARTITIONS: String(PARTITIONS) },
    services: [{ service: 'identity-stitcher' }, { service: 'profile-store' }],
    documents,
  })
  kafka = createKafka({ brokers: testStack().brokers.split(','), clientId: 'rules-test' })
  producer = await createPlainProducer(kafka)
  hash = createIdentifierHasher((await readFile(installation.secrets.workspaceKey, 'utf8')).trim())
}, 120_000)

afterAll(async () => {
  await producer?.close()
  await installation?.stop()
  await rm(folder, { recursive: true, force: true })
}, 60_000)

test('planned, applied while events flow, killed in the middle: the assignments of the oracle', async () => {
  const families = Array.from({ length: FAMILIES }, (_, family) => family)
  const first = families.flatMap(known)
  await send(first)
  const was = oracle(first, before)
  await waitForValue(
    'everybody under the first rules',
    () => misplaced(was),
    (n) => n === 0,
    CAUGHT_UP,
  )

  await writeFile(join(documents, 'identity.yaml'), identityYaml(after))
  const planned = await runTributary(
    ['plan', documents, '--json', '--address', installation.addresses().identityStitcher!.grpc],
    installation.settings,
  )
  expect(planned.code).toBe(2)
  const { plan } = (JSON.parse(planned.stdout) as { identity: { plan: RulesPlan } }).identity
  const will = oracle(first, after)
  const movers = [...will].filter(([id, profile]) => was.get(id) !== profile).length
  const { merged, split, renamed, lookedAt } = plan
  expect(merged!.identifiers + split!.identifiers + renamed!.identifiers).toBe(movers)
  expect(lookedAt).toBe(will.size)
  expect(movers).toBeGreaterThan(FAMILIES * USERS)
  expect(await misplaced(was)).toBe(0)

  const waiting = runTributary(['apply', documents, '--wait', '--timeout', '120'], installation.settings)
  const ready = await waitUntil('the change to be half way', async () => {
    const text = await readiness()
    const so = Number(/being carried out: (\d+) of/.exec(text)?.[1] ?? 0)
    // What is computed is told before it is committed: at least one tick of it is.
    return so > 3_000 && text
  })
  await installation.service('identity-stitcher').kill()
  const told = await walkProgress()
  expect(told.at(-1)!.state).toBe(JobState.JOB_STATE_RUNNING)
  const flowing = families.slice(0, ACTIVE).flatMap(live)
  await send(flowing.slice(0, flowing.length / 2))
  await installation.service('identity-stitcher').start()
  await send(flowing.slice(flowing.length / 2))

  const applied = await waiting
  expect([ready, applied.code, applied.stderr]).toEqual([
    expect.stringMatching(/of about \d+/),
    0,
    expect.stringMatching(/job \d+: identity: done, \d+ identifiers/),
  ])
  const finalProfiles = oracle([...first, ...flowing], after)
  const wrong = await waitForValue(
    'the assignments of the oracle',
    () => misplaced(finalProfiles),
    (n) => n === 0,
    CAUGHT_UP,
  )
  expect(wrong).toBe(0)
  const ended = (await walkProgress()).at(-1)!
  expect(ended.state).toBe(JobState.JOB_STATE_DONE)
  expect(ended.done).toBeGreaterThanOrEqual(will.size)
}, 600_000)
