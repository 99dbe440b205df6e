/** The world of awaitWrite.ts as a model: every stage moves one record when chance says so. */
import { expect, test } from '@jest/globals'
import { type TopicSpec, topics } from '@tributary/contracts'
import { PositionToken } from '@tributary/contracts/generated/tributary/ingest/v1/position'
import fc from 'fast-check'
import { type Goal, type WritePorts, awaitEvents, awaitProfile, readPositionToken } from './awaitWrite.ts'

const counts = { identifier: 2, profile: 2, delivery: 1 }
const EVENTS = 12

/** One record that says which event it comes from. */
interface Made {
  readonly event: number
}

/**
 * Events of two partitions become evidence, assignments and parts, one record each; every stage reads one record a step.
 * An assignment makes one more part. `shown` is what the profile tasks have read.
 */
class World {
  readonly logs = new Map<string, Made[]>()
  readonly at = new Map<string, number>()
  readonly shown = new Set<string>()
  readonly #choose: (below: number) => number

  constructor(choose: (below: number) => number) {
    this.#choose = choose
  }

  log(topic: TopicSpec, partition: number): Made[] {
    const key = `${topic.name}/${partition}`
    const found = this.logs.get(key) ?? []
    this.logs.set(key, found)
    return found
  }

  position({ task, partition, topic }: Omit<Goal, 'offset'>): number {
    return this.at.get(`${task}/${partition}/${topic.name}`) ?? 0
  }

  /** One stage of chance's choice reads one record. */
  step(): void {
    const stages: [Goal['task'], number, TopicSpec][] = [
      ...[0, 1].flatMap((partition): [Goal['task'], number, TopicSpec][] => [
        ['fragment', partition, topics.events],
        ['fragment', partition, topics.assignments],
        ['extractor', partition, topics.events],
        ['profile', partition, topics.profileParts],
      ]),
      ['resolver', 0, topics.evidence],
    ]
    const [task, partition, topic] = stages[this.#choose(stages.length)]!
    const position = this.position({ task, partition, topic })
    const record = this.log(topic, partition)[position]
    if (!record) return
    this.at.set(`${task}/${partition}/${topic.name}`, position + 1)
    const target = record.event % 2
    if (task === 'extractor') this.log(topics.evidence, 0).push(record)
    if (task === 'resolver') this.log(topics.assignments, 1 - target).push(record)
    if (task === 'fragment') this.log(topics.profileParts, target).push(record)
    if (task === 'profile') {
      const kind = this.shown.has(`event ${record.event}`) ? 'identity' : 'event'
      this.shown.add(`${kind} ${record.event}`)
    }
  }

  ports(): WritePorts {
    return {
      reach: async (goal) => {
        while (this.position(goal) < goal.offset) {
          this.step()
          // oxlint-disable-next-line no-await-in-loop -- the other questions move on meanwhile
          await Promise.resolve()
        }
        return this.position(goal)
      },
      end: async (topic, partition) => this.log(topic, partition).length,
    }
  }
}

const choices = fc.array(fc.nat({ max: 1_000 }), { minLength: 50, maxLength: 200 })

function worldOf(numbers: readonly number[]): World {
  let n = 0
  const world = new World((below) => (numbers[n++ % numbers.length]! + n) % below)
  for (let event = 0; event < EVENTS; event++) world.log(topics.events, (event >> 1) % 2).push({ event })
  return world
}

test('W1: whatever the order in which the stages move, an awaited event is in the profile that is read', async () => {
  await fc.assert(
    fc.asyncProperty(choices, fc.nat({ max: EVENTS - 1 }), async (numbers, event) => {
      const world = worldOf(numbers)
      const partition = (event >> 1) % 2
      const offset = world.log(topics.events, partition).findIndex((each) => each.event === event)
      const asked = { positions: new Map([[partition, offset + 1]]), withIdentity: false, counts }
      expect(await awaitEvents(world.ports(), asked)).toEqual([])
      expect(await awaitProfile(world.ports(), event % 2)).toEqual([])
      expect(world.shown).toContain(`event ${event}`)
    }),
  )
})

test('W1: with identity, what the event says of who is who is in the profile too', async () => {
  await fc.assert(
    fc.asyncProperty(choices, fc.nat({ max: EVENTS - 1 }), async (numbers, event) => {
      const world = worldOf(numbers)
      const partition = (event >> 1) % 2
      const offset = world.log(topics.events, partition).findIndex((each) => each.event === event)
      const asked = { positions: new Map([[partition, offset + 1]]), withIdentity: true, counts }
      expect(await awaitEvents(world.ports(), asked)).toEqual([])
      expect(await awaitProfile(world.ports(), event % 2)).toEqual([])
      expect(world.shown).toContain(`identity ${event}`)
    }),
  )
})

test('W3: each task that has not read far enough is named with what is missing, and later stages are not asked', async () => {
  const asked: string[] = []
  const ports: WritePorts = {
    async reach({ task, partition, offset }) {
      asked.push(`${task}-${partition}`)
      return task === 'extractor' ? undefined : partition === 0 ? offset : offset - 3
    },
    end: () => Promise.reject(new Error('not asked')),
  }
  const positions = new Map([
    [0, 10],
    [1, 20],
  ])
  expect(await awaitEvents(ports, { positions, withIdentity: true, counts })).toEqual([
    { task: 'fragment', partition: 1, topic: 'internal.events.v1', offsets: 3 },
    { task: 'extractor', partition: 0, topic: 'internal.events.v1', offsets: -1 },
    { task: 'extractor', partition: 1, topic: 'internal.events.v1', offsets: -1 },
  ])
  expect(asked.sort()).toEqual(['extractor-0', 'extractor-1', 'fragment-0', 'fragment-1'])
})

function tokenOf(epoch: number, positions: { partition: number; offset: number }[]): string {
  return Buffer.from(PositionToken.encode({ epoch, positions }).finish()).toString('base64url')
}

test('a token of the collector is read as the offsets that come next', () => {
  const token = tokenOf(1, [
    { partition: 0, offset: 7 },
    { partition: 1, offset: 0 },
  ])
  expect(readPositionToken(token, 1, 2)).toEqual(
    new Map([
      [0, 8],
      [1, 1],
    ]),
  )
})

test.each([
  ['nothing', ''],
  ['no base64url', 'a b'],
  ['no token', 'zzzzzzz'],
  ['another layout', tokenOf(2, [{ partition: 0, offset: 7 }])],
  ['a partition that is not there', tokenOf(1, [{ partition: 2, offset: 7 }])],
  ['a text without end', 'A'.repeat(10_000)],
])('no token: %s', (_, token) => {
  expect(readPositionToken(token, 1, 2)).toBeUndefined()
})
