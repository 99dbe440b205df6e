/**
 * The demo's week on a stack of its own, disturbed: services killed, ClickHouse away. Afterwards every number is the
 * one the undisturbed week has, because it is the one that is true.
 */
import { afterAll, beforeAll, expect, test } from '@jest/globals'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { allTopics, changeTypes, topicName } from '@tributary/contracts'
import { createAdmin, createKafka, readTopic } from '@tributary/kafka'
import { startLocalStack, type LocalStack } from '../../deploy/local/src/localStack.ts'
import { runWeek, type WeekResult } from '../demo/runWeek.ts'
import { openShop, type LocalShop } from '../demo/shop.ts'
import { makeShopWeek } from '../demo/shopWeek.ts'
import { publicRecordProblems } from '../support/publicRecordProblems.ts'

/** Enough for every kind of customer, few enough for a minute. */
const PEOPLE = 80
const SEED = 7

let folder: string
let stack: LocalStack
let shop: LocalShop

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'tributary-week-'))
  stack = await startLocalStack({ dataDir: join(folder, 'stack'), fresh: true })
  shop = await openShop(stack, {
    dataDir: join(folder, 'services'),
    logsDir: join(folder, 'logs'),
    log: () => undefined,
  })
}, 180_000)

afterAll(async () => {
  await shop?.stop()
  await stack?.stop()
  await rm(folder, { recursive: true, force: true })
}, 60_000)

test('kill -9 of each task service and ClickHouse away in mid-week: nothing lost, nothing counted twice', async () => {
  const service = (name: string) => shop.installation.service(name)
  const week = makeShopWeek(SEED, Date.now(), PEOPLE)
  /** Share of the week → what happens then; each once. */
  const disturbances: [number, () => Promise<void>][] = [
    [0.2, () => stack.killClickHouse()],
    [0.3, () => service('profile-store').kill()],
    [0.45, () => service('identity-stitcher').kill()],
    [0.6, () => service('profile-store').start()],
    [0.7, () => service('activation').kill()],
    [0.8, () => service('identity-stitcher').start()],
    [0.9, () => service('activation').start()],
    [0.95, () => stack.startClickHouse()],
  ]
  let disturbing = Promise.resolve()
  const result: WeekResult = await runWeek(shop, week, {
    progress(what, done, of) {
      if (what !== 'playing the week') return
      while (disturbances[0] && done / of >= disturbances[0][0]) {
        const [, disturb] = disturbances.shift()!
        disturbing = disturbing.then(disturb)
      }
    },
    beforeAsking: () => disturbing,
  })
  expect(disturbances).toEqual([])
  expect(result.checks.filter((check) => !check.holds)).toEqual([])
}, 180_000)

test('every record of that week in the public topics is what the published documents say', async () => {
  const kafka = createKafka({ brokers: stack.kafka.brokers.split(','), clientId: 'public-records' })
  const admin = await createAdmin(kafka)
  const problems: string[] = []
  const seen = new Map<string, number>()
  for (const topic of allTopics.filter(({ visibility }) => visibility === 'public')) {
    const name = topicName('cdp', topic)
    const partitions = await admin.offsets(name).then(({ length }) => length)
    for (let partition = 0; partition < partitions; partition++)
      for await (const { records } of readTopic(kafka, { topic: name, partition }))
        for (const { key, value, headers } of records) {
          problems.push(...publicRecordProblems(topic, { key: key?.toString() ?? null, value, headers }))
          const type = String(headers['ce_type'])
          seen.set(type, (seen.get(type) ?? 0) + 1)
        }
  }
  await admin.close()
  expect(problems).toEqual([])
  // Nobody is erased in that week and nobody says what they consent to. What is joined for a moment and told apart when
  // more has arrived depends on what a killed service took late: a split may come, or not. How a membership ends as well:
  // by an event on time, by one that came late (a correction), or because its profile was merged first.
  const {
    profileErased,
    consentChanged,
    profileSplit: _split,
    audienceCorrected: _corrected,
    audienceLeft: _left,
    audienceMerged: _merged,
    ...usual
  } = changeTypes
  expect([profileErased, consentChanged].filter((type) => seen.has(type))).toEqual([])
  expect(Object.values(usual).filter((type) => !seen.has(type))).toEqual([])
}, 60_000)
