import { describe, expect, test } from '@jest/globals'
import { topics } from '@tributary/contracts'
import { EventRecord } from '@tributary/contracts/generated/tributary/event/v1/event'
import { EvidenceRecord } from '@tributary/contracts/generated/tributary/identity/v1/evidence'
import {
  type Control,
  ControlStep,
  JobRecord,
  JobState,
} from '@tributary/contracts/generated/tributary/job/v1/control'
import { PartRecord } from '@tributary/contracts/generated/tributary/profile/v1/part'
import { type OutputRecord } from '@tributary/stream-runtime'
import { createProcessorDriver } from '@tributary/stream-runtime/testing'
import { type JobConfiguration } from './jobConfiguration.ts'
import { outboxRows, runningRows } from './jobRows.ts'
import { jobTopology } from './jobTopology.ts'

const counts = { identifier: 2, profile: 1, delivery: 1 }
const create = () => createProcessorDriver(jobTopology(counts), { counts })
type Driver = ReturnType<typeof create>

const configuration = (documents: Record<string, string>, identity = 'i1'): JobConfiguration => ({
  documents: Object.entries(documents).map(([document, hash]) => ({ document, hash, definition: '{}' })),
  refused: [],
  rules: { types: [], owner: 1, hash: identity, blocked: [] },
})

const steps = {
  [ControlStep.CONTROL_STEP_ADOPT]: 'adopt',
  [ControlStep.CONTROL_STEP_SWITCH]: 'switch',
  [ControlStep.CONTROL_STEP_RETIRE]: 'retire',
  [ControlStep.CONTROL_STEP_FILLED]: 'filled',
  [ControlStep.CONTROL_STEP_REFILE]: 'refile',
  [ControlStep.CONTROL_STEP_UNSPECIFIED]: '',
  [ControlStep.CONTROL_STEP_TAKE_OVER]: 'take over',
  [ControlStep.CONTROL_STEP_ERASED]: 'erased',
}

interface Said extends Control {
  readonly topic: string
  readonly partition: number
}

/** Every control record the task wants sent, out of the outbox and of the batch; the outbox is emptied. */
function said(driver: Driver, sent: readonly OutputRecord[]): Said[] {
  const rows = [...driver.table(outboxRows).range('', '~')]
  driver.inject({ sent: rows.map(([key]) => key) })
  driver.endBatch()
  return [
    ...sent
      .filter(({ topic }) => topic.name === topics.profileParts.name)
      .map(({ value, partition }) => ({
        ...(PartRecord.decode(value!).record!.value as Control),
        topic: topics.profileParts.name,
        partition: partition!,
      })),
    ...rows.map(([key, value]) => ({
      ...(EventRecord.decode(value).record!.value as Control),
      topic: topics.events.name,
      partition: Number(key.split('|')[2]),
    })),
  ]
}

const shown = (records: readonly Said[]) =>
  records.map(({ step, document, hash, partition }) => `${steps[step]} ${document}@${hash} ${partition}`)

function answer(driver: Driver, controls: readonly Said[]): Said[] {
  for (const { job, document, hash, step, topic, partition } of controls)
    driver.record(topics.jobs, {
      value: JobRecord.encode({
        record: {
          $case: 'answered',
          value: { job, document, hash, step, topic, partition, offset: 0, skipped: 0, erased: [] },
        },
      }).finish(),
    })
  return said(driver, driver.endBatch())
}

/** The log has been counted for every partition; answers what is told then. */
function fill(driver: Driver, job: number): Said[] {
  for (let partition = 0; partition < counts.identifier; partition++)
    driver.inject({ filled: { job, partition, after: '', done: true } })
  return said(driver, driver.endBatch())
}

/** Answers the adoption, fills, and answers that; what is told then. */
function adopted(driver: Driver, adopts: readonly Said[]): Said[] {
  answer(driver, adopts)
  return answer(driver, fill(driver, adopts[0]!.job))
}

const progress = (records: readonly OutputRecord[]) =>
  records
    .filter(({ topic }) => topic.name === topics.jobs.name)
    .map(({ value }) => JobRecord.decode(value!).record!.value)

describe('a job', () => {
  test('adopts everywhere, fills from the log, switches everywhere, and is done', () => {
    const driver = create()
    driver.configuration(configuration({ 'trait/a': '1' }), 4)
    const adopts = said(driver, driver.endBatch())
    expect(shown(adopts)).toEqual(['adopt trait/a@1 0', 'adopt trait/a@1 1'])
    expect(shown(answer(driver, adopts.slice(0, 1)))).toEqual([])
    expect(shown(answer(driver, adopts.slice(1)))).toEqual([])
    const closes = fill(driver, 4)
    expect(shown(closes)).toEqual(['filled trait/a@1 0', 'filled trait/a@1 1'])
    expect(shown(answer(driver, closes.slice(1)))).toEqual([])
    const switches = answer(driver, closes.slice(0, 1))
    expect(shown(switches)).toEqual(['switch trait/a@1 0'])
    answer(driver, switches)
    driver.configuration(configuration({ 'trait/a': '1' }), 5)
    expect(said(driver, driver.endBatch())).toEqual([])
  })

  test('replaces a document: the new form everywhere before the old one is forgotten', () => {
    const driver = create()
    driver.configuration(configuration({ 'trait/a': '1' }), 4)
    answer(driver, adopted(driver, said(driver, driver.endBatch())))
    driver.configuration(configuration({ 'trait/a': '2' }), 5)
    const adopts = said(driver, driver.endBatch())
    expect(shown(adopts)).toEqual(['adopt trait/a@2 0', 'adopt trait/a@2 1'])
    const switches = adopted(driver, adopts)
    expect(shown(switches)).toEqual(['switch trait/a@2 0'])
    const retires = answer(driver, switches)
    expect(shown(retires)).toEqual(['retire trait/a@1 0', 'retire trait/a@1 0', 'retire trait/a@1 1'])
    expect(answer(driver, retires)).toEqual([])
  })

  test('waits for the one under way, and then does what is still to be done', () => {
    const driver = create()
    driver.configuration(configuration({ 'trait/a': '1' }), 4)
    const first = said(driver, driver.endBatch())
    driver.configuration(configuration({ 'trait/b': '1' }), 5)
    expect(said(driver, driver.endBatch())).toEqual([])
    const next = answer(driver, adopted(driver, first))
    expect(shown(next)).toEqual(['adopt trait/b@1 0', 'adopt trait/b@1 1'])
    expect(next[0]!.job).toBe(5)
  })

  test('goes on after a restart where it was, and does not mind answers that come twice', () => {
    const driver = create()
    driver.configuration(configuration({ 'trait/a': '1' }), 4)
    const adopts = said(driver, driver.endBatch())
    answer(driver, adopts.slice(0, 1))
    driver.restart()
    expect(shown(answer(driver, adopts.slice(0, 1)))).toEqual([])
    answer(driver, adopts.slice(1))
    driver.inject({ filled: { job: 4, partition: 0, after: 'u7', done: false } })
    driver.inject({ filled: { job: 3, partition: 1, after: '', done: true } })
    driver.endBatch()
    driver.restart()
    expect(driver.table(runningRows).get('running')!.fills).toMatchObject({
      0: { after: 'u7', done: false },
      1: { after: '', done: false },
    })
    expect(shown(answer(driver, fill(driver, 4)))).toEqual(['switch trait/a@1 0'])
  })

  test('fills below the offset the first of two control records stood at, after all skips before it', () => {
    const driver = create()
    driver.configuration(configuration({ 'trait/a': '1' }), 4)
    const [first] = said(driver, driver.endBatch())
    for (const [offset, skipped] of [
      [7, 2],
      [9, 3],
    ] as const)
      driver.record(topics.jobs, {
        value: JobRecord.encode({
          record: { $case: 'answered', value: { ...first!, offset, skipped, erased: [] } },
        }).finish(),
      })
    driver.endBatch()
    expect(driver.table(runningRows).get('running')!.fills).toEqual({
      0: { below: { 'trait/a@1': 7 }, skipped: 2, after: '', done: false },
    })
  })

  test('keeps what is to be sent until it is said to have been sent', () => {
    const driver = create()
    driver.configuration(configuration({ 'trait/a': '1' }), 4)
    driver.endBatch()
    driver.restart()
    driver.endBatch()
    expect([...driver.table(outboxRows).range('', '~')]).toHaveLength(2)
    said(driver, [])
    expect([...driver.table(outboxRows).range('', '~')]).toHaveLength(0)
  })

  test('says how far it is', () => {
    const driver = create()
    driver.configuration(configuration({ 'trait/a': '1' }), 4)
    expect(progress(driver.endBatch())).toMatchObject([
      { job: 4, state: JobState.JOB_STATE_RUNNING, total: 2, message: 'fragments begin to keep: trait/a' },
    ])
  })
})

test('identity rules go to the resolver when they change, with the offset of their revision, and only then', () => {
  const driver = create()
  const rules = () =>
    driver
      .endBatch()
      .filter(({ topic }) => topic.name === topics.evidence.name)
      .map(({ value }) => EvidenceRecord.decode(value!).record)
  driver.configuration(configuration({}, 'i1'), 4)
  expect(rules()).toMatchObject([{ $case: 'rules', value: { configOffset: 4, hash: 'i1' } }])
  driver.configuration(configuration({}, 'i1'), 5)
  expect(rules()).toEqual([])
  driver.restart()
  expect(rules()).toEqual([])
  driver.configuration(configuration({}, 'i2'), 6)
  expect(rules()).toMatchObject([{ value: { configOffset: 6, hash: 'i2' } }])
})
