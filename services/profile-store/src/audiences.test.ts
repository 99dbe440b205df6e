import { describe, expect, test } from '@jest/globals'
import { type AudienceChangeRecord, changeTypes, topics } from '@tributary/contracts'
import { type Condition, isoTime } from '@tributary/domain'
import { audience, jobs, trait } from './testing/adoptedDocuments.ts'
import { type Pipeline, START_MS, createPipeline } from './testing/pipeline.ts'
import { audienceChangesOf, membershipsOf } from './testing/readRecords.ts'
import { type EventGiven, assignmentOf, eventOf, home } from './testing/shopPeople.ts'

const HOUR = 3_600_000
const none = { traits: new Map(), hashOf: () => undefined }

function pipelineOf(...documents: Parameters<typeof jobs>[0]): Pipeline {
  const pipeline = createPipeline()
  pipeline.configure(0, jobs(documents), none)
  pipeline.settle()
  return pipeline
}

const at = (hours: number) => START_MS + hours * HOUR

/** The log says that it came when it happened. */
function happens(pipeline: Pipeline, given: Partial<EventGiven> & { readonly messageId: string }): void {
  const event = eventOf({
    identifiers: ['u1'],
    name: 'Order Completed',
    payload: { properties: { total: 60 } },
    ...given,
  })
  pipeline.event(event, { appendedMs: event.timeMs })
  pipeline.settle()
}

/** What was told of audiences, in order. */
const told = (pipeline: Pipeline) =>
  audienceChangesOf(pipeline).map(({ audience: id, change, reason, time, because }) => [
    `${id} ${change}`,
    reason,
    time.slice(5, 16),
    because.map(({ value }) => value),
  ])

describe('an audience over a window', () => {
  const traitOf2d = { sum: { event: 'Order Completed', path: 'properties.total', within: '2d' } }
  test.each<[string, ...Parameters<typeof jobs>[0]]>([
    ['of a trait', audience('rich', { trait: 'spend_2d', gte: 100 }), trait('spend_2d', traitOf2d)],
    [
      'of its own',
      audience('rich', {
        event: 'Order Completed',
        sum: { path: 'properties.total', gte: 100 },
        within: '2d',
      }),
    ],
  ])(
    '%s is left on time with nothing arriving, also after a restart, and entered again by a late event',
    (_, ...documents) => {
      const pipeline = pipelineOf(...documents)
      happens(pipeline, { messageId: 'm1', timeMs: at(0) })
      happens(pipeline, { messageId: 'm2', timeMs: at(24) })
      pipeline.tick(at(72) - 1)
      pipeline.restart()
      pipeline.tick(at(72))
      happens(pipeline, { messageId: 'm3', timeMs: at(47) })
      pipeline.tick(at(96))
      expect(told(pipeline)).toEqual([
        ['rich entered', 'event', '01-02T00:00', [120]],
        ['rich left', 'time', '01-04T00:00', [60]],
        ['rich entered', 'event', '01-04T00:00', [120]],
        ['rich left', 'time', '01-05T00:00', [0]],
      ])
    },
  )

  test.each<[string, Condition, unknown[]]>([
    ['of any event', { inactive: { for: '2d' } }, [true, false]],
    ['of one event', { inactive: { for: '2d', event: 'Order Completed' } }, [0, 1]],
  ])('of silence is entered on time, and left by the next event: %s', (_, where, [silent, heard]) => {
    const pipeline = pipelineOf(audience('asleep', where))
    happens(pipeline, { messageId: 'm1', timeMs: at(5) })
    pipeline.tick(at(72) - 1)
    expect(told(pipeline)).toEqual([])
    pipeline.tick(at(72))
    happens(pipeline, { messageId: 'm2', timeMs: at(73) })
    expect(told(pipeline)).toEqual([
      ['asleep entered', 'time', '01-04T00:00', [silent]],
      ['asleep left', 'event', '01-04T01:00', [heard]],
    ])
  })
})

describe('a change of a membership', () => {
  const twice = audience('twice', { event: 'Order Completed', count: { gte: 2 } })
  const marks = (pipeline: Pipeline) =>
    pipeline
      .sent(topics.audienceChanges)
      .flat()
      .map(({ value, headers }) => {
        const { change, correction } = JSON.parse(Buffer.from(value!).toString()) as AudienceChangeRecord
        return [change, correction ?? false, headers['ce_type']]
      })

  test('says why and as of when: the leaf that flipped, the messages, the revision and the watermark', () => {
    const pipeline = createPipeline()
    const spring = audience('spring', {
      all: [
        { event: 'Order Completed', count: { gte: 2 }, within: '2d' },
        { not: { trait: 'plan', eq: 'gold' } },
      ],
    })
    pipeline.configure(7, { ...jobs([spring]), revision: 3 }, none)
    pipeline.settle()
    happens(pipeline, { messageId: 'm1', timeMs: at(1) })
    happens(pipeline, { messageId: 'm2', timeMs: at(2) })
    pipeline.tick(at(90))
    const condition = 'count of Order Completed within 2d is at least 2'
    const why = [
      { reason: 'event', because: [{ condition, value: 2, met: true }], watermark: isoTime(at(2)) },
      { reason: 'time', because: [{ condition, value: 0, met: false }], watermark: isoTime(at(90)) },
    ]
    expect(audienceChangesOf(pipeline)).toMatchObject([
      { change: 'entered', ...why[0], causedBy: { messageIds: ['m2'] }, revision: 3 },
      { change: 'left', ...why[1], causedBy: { messageIds: [] }, revision: 3 },
    ])
    expect([...membershipsOf(pipeline).values()]).toMatchObject([{ member: false, ...why[1], revision: 3 }])
  })

  test('is a correction when what was told before was told without an event that had happened', () => {
    const pipeline = pipelineOf(twice)
    happens(pipeline, { messageId: 'm1', timeMs: at(1) })
    happens(pipeline, { messageId: 'm2', timeMs: at(10), name: 'Viewed' })
    happens(pipeline, { messageId: 'm3', timeMs: at(9) })
    expect(marks(pipeline)).toEqual([['entered', true, changeTypes.audienceCorrected]])
  })

  test('is none by events that arrive within a minute in another order, nor of somebody who was not known', () => {
    const pipeline = pipelineOf(twice)
    happens(pipeline, { messageId: 'm1', timeMs: at(2) })
    happens(pipeline, { messageId: 'm2', timeMs: at(2) - 59_000 })
    happens(pipeline, { messageId: 'm3', timeMs: at(1), identifiers: ['u2'] })
    happens(pipeline, { messageId: 'm4', timeMs: at(1), identifiers: ['u2'] })
    expect(marks(pipeline)).toEqual([
      ['entered', false, changeTypes.audienceEntered],
      ['entered', false, changeTypes.audienceEntered],
    ])
  })

  test('is a correction when time had told too much, and a late event takes it back', () => {
    const lately = audience('lately', { event: 'Order Completed', within: '2d' })
    const pipeline = pipelineOf(lately)
    happens(pipeline, { messageId: 'm1', timeMs: at(0) })
    pipeline.tick(at(72))
    happens(pipeline, { messageId: 'm2', timeMs: at(47) })
    expect(marks(pipeline)).toEqual([
      ['entered', false, changeTypes.audienceEntered],
      ['left', false, changeTypes.audienceLeft],
      ['entered', true, changeTypes.audienceCorrected],
    ])
  })

  test('by a merge ends the memberships of the losing profile as merged, never as left', () => {
    const pipeline = pipelineOf(audience('seen', { event: 'Order Completed' }))
    happens(pipeline, { messageId: 'm1', identifiers: ['a1'] })
    happens(pipeline, { messageId: 'm2', identifiers: ['u1'] })
    pipeline.assign(assignmentOf('a1', home('u1')))
    pipeline.settle()
    expect(marks(pipeline).at(-1)).toEqual(['merged', false, changeTypes.audienceMerged])
    expect(audienceChangesOf(pipeline).filter(({ change }) => change === 'left')).toEqual([])
  })
})

describe('a sequence', () => {
  const bought = audience('bought', {
    sequence: { steps: [{ event: 'Viewed' }, { event: 'Order Completed' }], within: '2h' },
  })

  test('is complete whatever the order in which its events arrive', () => {
    const pipeline = pipelineOf(bought)
    happens(pipeline, { messageId: 'm1', timeMs: at(1) })
    happens(pipeline, { messageId: 'm2', name: 'Viewed', timeMs: at(2) })
    happens(pipeline, { messageId: 'm3', name: 'Viewed', timeMs: at(0) })
    expect(told(pipeline)).toEqual([['bought entered', 'event', '01-01T02:00', [true]]])
  })

  test('whose steps are of two identifiers is complete when they are found to be one person, and not when they are apart again', () => {
    const pipeline = pipelineOf(bought)
    happens(pipeline, { messageId: 'm1', identifiers: ['a1'], name: 'Viewed', timeMs: at(0) })
    happens(pipeline, { messageId: 'm2', timeMs: at(1) })
    pipeline.assign(assignmentOf('a1', home('u1')))
    pipeline.settle()
    pipeline.assign(assignmentOf('a1', home('a1'), { id: 'c2', from: home('u1') }))
    pipeline.settle()
    expect(told(pipeline)).toEqual([
      ['bought entered', 'identity', '01-01T01:00', [true]],
      ['bought left', 'identity', '01-01T01:00', [false]],
    ])
  })
})

describe('an audience that reads another', () => {
  const buyers = audience('buyers', { event: 'Order Completed' })
  const awake = audience('awake', { all: [{ audience: 'buyers' }, { not: { audience: 'asleep' } }] })
  const asleep = audience('asleep', { inactive: { for: '1d' } })

  test('changes with it, in one change of the profile', () => {
    const pipeline = pipelineOf(awake, buyers, asleep)
    happens(pipeline, { messageId: 'm1', timeMs: at(0) })
    pipeline.tick(at(48))
    expect(told(pipeline)).toEqual([
      ['buyers entered', 'event', '01-01T00:00', [1]],
      ['awake entered', 'event', '01-01T00:00', [true, false]],
      ['asleep entered', 'time', '01-03T00:00', [true]],
      ['awake left', 'time', '01-03T00:00', [true]],
    ])
    const versions = audienceChangesOf(pipeline).map(({ version }) => version)
    expect(new Set(versions).size).toBe(2)
  })

  test('that is disabled keeps its members, and takes none in, until it is enabled', () => {
    const pipeline = pipelineOf(buyers)
    happens(pipeline, { messageId: 'm1' })
    const still = audience('buyers', { event: 'Viewed' }, { hash: 'still', disabled: true })
    pipeline.configure(1, jobs([still]), none)
    pipeline.settle()
    happens(pipeline, { messageId: 'm2', identifiers: ['u2'], name: 'Viewed' })
    expect(told(pipeline)).toEqual([['buyers entered', 'event', '01-01T00:00', [1]]])
    pipeline.configure(2, jobs([audience('buyers', { event: 'Viewed' }, { hash: 'on' })]), none)
    pipeline.settle()
    expect(
      audienceChangesOf(pipeline)
        .map(({ change, reason }) => `${change}: ${reason}`)
        .sort(),
    ).toEqual(['entered: definition', 'entered: event', 'left: definition'])
  })
})
