import { expect, test } from '@jest/globals'
import { allTopics, topics } from '@tributary/contracts'
import { parseAllDocuments } from 'yaml'
import { commandLine } from '../testing/commandLine.ts'
import { MemoryDoor } from '../testing/memoryDoor.ts'

const env = { IDENTIFIER_PARTITIONS: '6', PROFILE_PARTITIONS: '4', DELIVERY_PARTITIONS: '2' }
const offline = commandLine({ door: new MemoryDoor(), env })

test('topics are printed without a Kafka, with the partitions of this installation', async () => {
  const { out, code } = await offline('topics')
  expect(code).toBe(0)
  expect(out.split('\n')).toHaveLength(allTopics.length + 1)
  expect(out).toMatch(/^cdp\.internal\.events\.v1 +6 +anchor +14 days +event\.v1\.EventRecord$/m)
  expect(out).toMatch(/^cdp\.profiles\.v1 +4 +profile id +compact /m)
})

test('Strimzi resources are YAML with every topic and its settings', async () => {
  const { out } = await offline('topics', '--format', 'strimzi', '--prefix', 'shop')
  const parsed = parseAllDocuments(out).map(
    (each) =>
      each.toJS() as {
        metadata: { name: string }
        spec: { partitions: number; replicas: number; config: Record<string, string> }
      },
  )
  expect(parsed.map((each) => each.metadata.name)).toEqual(allTopics.map((topic) => `shop.${topic.name}`))
  const events = parsed.find((each) => each.metadata.name === 'shop.internal.events.v1')!
  expect(events.spec).toMatchObject({
    partitions: 6,
    replicas: 3,
    config: { 'cleanup.policy': 'delete', 'message.timestamp.type': 'LogAppendTime' },
  })
})

test("commands of Kafka's own tools create the same", async () => {
  const { out } = await offline('topics', '--format', 'kafka')
  expect(out.split('\n')).toHaveLength(allTopics.length)
  expect(out).toMatch(
    /--create --if-not-exists --topic cdp\.internal\.config\.v1 --partitions 1 --replication-factor 3 --config cleanup\.policy=delete/,
  )
})

test('create makes those that are missing, and check finds those that still are', async () => {
  const tributary = commandLine({ door: new MemoryDoor(allTopics.filter((topic) => topic !== topics.jobs)) })
  expect(await tributary('topics', 'check')).toMatchObject({
    code: 2,
    out: 'topic cdp.internal.jobs.v1 does not exist',
  })
  expect(await tributary('topics', 'create')).toMatchObject({
    code: 0,
    out: `created cdp.internal.jobs.v1\n1 topic created, ${allTopics.length - 1} were there`,
  })
  expect(await tributary('topics', 'check')).toMatchObject({ code: 0 })
  expect((await tributary('topics', 'delete')).err).toMatch('topics can create or check, not "delete"')
})

test('each service gets a user that may do what the service does with topics, groups and transactions, and no more', async () => {
  const { out } = await offline('topics', '--format', 'strimzi-users', '--prefix', 'shop')
  const users = parseAllDocuments(out).map(
    (each) =>
      each.toJS() as {
        metadata: { name: string }
        spec: {
          authorization: {
            acls: { resource: { type: string; name: string; patternType: string }; operations: string[] }[]
          }
        }
      },
  )
  expect(users.map(({ metadata }) => metadata.name)).toEqual([
    'tributary-collector',
    'tributary-identity-stitcher',
    'tributary-profile-store',
    'tributary-activation',
    'tributary-command',
  ])
  expect(
    users[0]!.spec.authorization.acls.map(({ resource, operations }) => [resource.name, operations]),
  ).toEqual([
    ['shop.internal.events.v1', ['Describe', 'DescribeConfigs', 'Read', 'Write']],
    ['shop.rejected.v1', ['Describe', 'DescribeConfigs', 'Read', 'Write']],
    ['shop.internal.config.v1', ['Describe', 'DescribeConfigs', 'Read']],
    ['cdp.event-log.', ['Describe', 'Read']],
    ['cdp.source.', ['Describe', 'Read']],
  ])
})

test("commands of Kafka's own tools grant the same", async () => {
  const commands = (await offline('topics', '--format', 'kafka-acls')).out.split('\n')
  const acls = parseAllDocuments((await offline('topics', '--format', 'strimzi-users')).out).flatMap(
    (each) => (each.toJS() as { spec: { authorization: { acls: unknown[] } } }).spec.authorization.acls,
  )
  expect(commands).toHaveLength(acls.length)
  expect(commands[0]).toMatch(
    /--allow-principal User:tributary-collector --operation Describe --operation DescribeConfigs --operation Read --operation Write --topic cdp\.internal\.events\.v1 --resource-pattern-type literal$/,
  )
})
