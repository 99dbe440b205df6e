/** What `tributary apply` writes is what a process that follows the config topic sees. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from '@jest/globals'
import { run } from '@tributary/cli'
import { createConfigurationFeed } from '@tributary/configuration'
import { allTopics, topicName, topics } from '@tributary/contracts'
import { createKafka, createTopics, followTopic } from '@tributary/kafka'
import { testStack } from '../../support/testStack.ts'
import { uniquePrefix } from '../../support/uniquePrefix.ts'
import { waitUntil } from '../../support/waitUntil.ts'

test('a follower starts with the newest revision, sees each new one, and knows what held at any offset', async () => {
  const stack = testStack()
  const prefix = uniquePrefix('follow')
  const folder = mkdtempSync(join(tmpdir(), 'tributary-follow-'))
  const kafka = createKafka({ brokers: stack.brokers.split(','), clientId: 'test' })
  await createTopics(kafka, {
    topics: allTopics.filter((topic) => topic === topics.config),
    counts: { identifier: 1, profile: 1, delivery: 1 },
    prefix,
    replicationFactor: 1,
    minInSyncReplicas: 1,
  })

  async function apply(timeZone: string) {
    writeFileSync(
      join(folder, 'w.yaml'),
      `kind: Workspace\nschema: tributary/v1\nid: maison\ntimeZone: ${timeZone}\n`,
    )
    const said: string[] = []
    const code = await run(['apply', 'w.yaml'], {
      env: {
        KAFKA_BROKERS: stack.brokers,
        TOPIC_PREFIX: prefix,
        KAFKA_REPLICATION_FACTOR: '1',
        KAFKA_MIN_ISR: '1',
      },
      cwd: folder,
      out: (text) => said.push(text),
      err: (text) => said.push(text),
      colour: false,
      now: () => Date.now(),
      user: 'test',
      interrupted: new AbortController().signal,
    })
    expect({ code, said: code === 0 ? [] : said }).toEqual({ code: 0, said: [] })
  }

  const fatal: Error[] = []
  await apply('UTC')
  await apply('Europe/Paris')
  const feed = await createConfigurationFeed({
    follow: (onRecord) =>
      followTopic(kafka, {
        topic: topicName(prefix, topics.config),
        onRecord,
        onFatal: (error) => fatal.push(error),
      }),
    build: (workspace) => workspace.workspace.timeZone,
  })
  try {
    expect(feed.current()).toEqual({ offset: 1, revision: 2, value: 'Europe/Paris' })
    const seen: string[] = []
    feed.onChange((configuration) => seen.push(configuration.value))
    await apply('Asia/Tokyo')
    await waitUntil('the third revision', () => seen.length === 1)
    expect(seen).toEqual(['Asia/Tokyo'])
    expect([0, 1, 2, 9].map((offset) => feed.at(offset)?.value)).toEqual([
      'UTC',
      'Europe/Paris',
      'Asia/Tokyo',
      'Asia/Tokyo',
    ])
    expect(fatal).toEqual([])
  } finally {
    await feed.stop()
    rmSync(folder, { recursive: true })
  }
})
