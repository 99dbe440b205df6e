/**
 * The job task: carries out what a revision of the configuration sets in motion.
 *
 *       ┌────────────────── nothing to do ◀────────────────────────────┐
 *       ▼                                                              │ all answered
 *   (revision) ─▶ adopt ─▶ file ─▶ fill ─▶ close ─▶ switch ─▶ retire ──┘
 *
 *   adopt    to every events partition: keep the aggregates of the new documents from here on
 *   file     what was filed under other anchors is filed anew, and counted (fileAnchors.ts)
 *   fill     the log's events before that are counted and sent to their partitions (backFiller.ts)
 *   close    to every events partition: all of them were sent before this
 *   switch   to every parts partition: judge and show the new documents from here on
 *   retire   to both: forget what is gone or was replaced
 *
 *  J1. One job at a time, the lowest revision first seen; a newer one waits and then finds its own differences.
 *  J2. A phase begins when every partition has answered the one before, so nothing is judged before all fragments
 *      keep it, with all that came before, and nothing is forgotten while it is judged.
 *  J3. Restartable at every step: what is running, answered and still to be sent is in the state.
 *  J4. New identity rules go to the resolver as a record of its input, with the revision's offset as their version.
 *  J5. Anchors that are blocked, or open again, are filed between jobs, before the next begins.
 */
import { type PartitionCounts, topics } from '@tributary/contracts'
import { EventRecord } from '@tributary/contracts/generated/tributary/event/v1/event'
import { EvidenceRecord } from '@tributary/contracts/generated/tributary/identity/v1/evidence'
import {
  type Answered,
  type Control,
  ControlStep,
  JobRecord,
  JobState,
} from '@tributary/contracts/generated/tributary/job/v1/control'
import { PartRecord } from '@tributary/contracts/generated/tributary/profile/v1/part'
import { type AdoptedConfiguration, type Processor, type StepContext } from '@tributary/stream-runtime'
import {
  type Filed,
  beginFiling,
  fileAllAgain,
  isFiling,
  sayByFact,
  sayByRules,
  takeDropped,
  takeFiled,
  takeFollowed,
  takeRelated,
} from './fileAnchors.ts'
import { type JobConfiguration } from './jobConfiguration.ts'
import {
  type Applied,
  type DocumentForm,
  type Phase,
  type RunningJob,
  appliedRows,
  outboxRows,
  rulesRows,
  runningRows,
} from './jobRows.ts'

/** What the edge has done. */
export interface Sent extends Filed {
  /** Outbox rows that have been sent. */
  readonly sent?: readonly string[]
  /** How far the back-fill of a partition is: what it says has been sent. */
  readonly filled?: {
    readonly job: number
    readonly partition: number
    readonly after: string
    readonly done: boolean
  }
}

interface Send {
  readonly to: 'events' | 'parts'
  readonly step: ControlStep
  readonly documents: readonly DocumentForm[]
}

export function createJobProcessor(counts: PartitionCounts): Processor<JobConfiguration, Sent> {
  let latest: AdoptedConfiguration<JobConfiguration> | undefined

  function takeConfiguration(
    context: StepContext,
    configuration: AdoptedConfiguration<JobConfiguration>,
  ): void {
    latest = configuration
    sendRules(context, configuration)
    sayByRules(context, configuration.value.rules.blocked)
    beginNext(context)
  }

  /** J5. */
  function beginNext(context: StepContext): void {
    const running = context.table(runningRows).get('running')
    if (isFiling(context) || (running && running.phase !== 'file')) return
    if (beginFiling(context, counts)) return
    if (running) leave(context, running)
    else beginJob(context)
  }

  /** J1. */
  function beginJob(context: StepContext): void {
    if (!latest) return
    const applied = context.table(appliedRows).get('applied') ?? {}
    const { documents, refused, revision } = latest.value
    const adopt = documents.filter(({ document, hash }) => applied[document] !== hash)
    const kept = new Set(documents.map(({ document, hash }) => `${document}@${hash}`))
    const retire = Object.entries(applied)
      .filter(([document, hash]) => !kept.has(`${document}@${hash}`))
      .map(([document, hash]) => ({ document, hash }))
    if (adopt.length === 0 && retire.length === 0) return
    for (const reason of refused) progress(context, latest.offset, JobState.JOB_STATE_FAILED, [0, 0], reason)
    enter(context, {
      job: latest.offset,
      ...(revision !== undefined && { revision }),
      phase: 'adopt',
      adopt,
      retire,
      answered: [],
      fills: {},
    })
  }

  /** Begins a phase; one with nothing to do is passed over. */
  function enter(context: StepContext, job: RunningJob): void {
    if (job.phase === 'file') {
      if (job.adopt.length > 0) fileAllAgain(context)
      context.table(runningRows).put('running', job)
      beginNext(context)
      return
    }
    if (job.phase === 'fill' && job.adopt.length > 0) {
      context.table(runningRows).put('running', job)
      progress(context, job.job, JobState.JOB_STATE_RUNNING, [0, counts.identifier], sentences.fill)
      return
    }
    if (sendsOf(job).length === 0) {
      leave(context, job)
      return
    }
    context.table(runningRows).put('running', job)
    const total = expected(job, counts).size
    const names = [...new Set(sendsOf(job).flatMap((send) => send.documents.map((each) => each.document)))]
    progress(
      context,
      job.job,
      JobState.JOB_STATE_RUNNING,
      [0, total],
      `${sentences[job.phase]}: ${names.join(', ')}`,
    )
    for (const send of sendsOf(job)) sendControls(context, job, send, counts)
  }

  function leave(context: StepContext, job: RunningJob): void {
    const next = nextPhase[job.phase]
    if (next) {
      enter(context, { ...job, phase: next, answered: [] })
      return
    }
    context.table(runningRows).delete('running')
    context
      .table(appliedRows)
      .put('applied', appliedAfter(context.table(appliedRows).get('applied') ?? {}, job))
    progress(context, job.job, JobState.JOB_STATE_DONE, [1, 1], 'every partition has followed')
    beginNext(context)
  }

  /** J2. */
  function takeAnswer(context: StepContext, answer: Answered): void {
    if (answer.step === ControlStep.CONTROL_STEP_REFILE) {
      takeDropped(context, answer, counts)
      return
    }
    const running = context.table(runningRows).get('running')
    if (!running || answer.job !== running.job) return
    const wanted = expected(running, counts)
    const key = answerKey(answer)
    if (!wanted.has(key) || running.answered.includes(key)) return
    const job = {
      ...running,
      answered: [...running.answered, key],
      fills: running.phase === 'adopt' ? fillsFrom(running.fills, answer) : running.fills,
    }
    if (job.answered.length === wanted.size) leave(context, job)
    else context.table(runningRows).put('running', job)
  }

  /** J3. */
  function takeFilled(context: StepContext, filled: NonNullable<Sent['filled']>): void {
    const running = context.table(runningRows).get('running')
    const fill = running?.fills[filled.partition]
    if (running?.phase !== 'fill' || running.job !== filled.job || !fill || fill.done) return
    const { after, done } = filled
    const job: RunningJob = {
      ...running,
      fills: { ...running.fills, [filled.partition]: { ...fill, after, done } },
    }
    const finished = Object.values(job.fills).filter((each) => each.done).length
    if (finished === counts.identifier) {
      leave(context, job)
      return
    }
    context.table(runningRows).put('running', job)
    if (done)
      progress(context, job.job, JobState.JOB_STATE_RUNNING, [finished, counts.identifier], sentences.fill)
  }

  /** J5. */
  function takeFilings(context: StepContext, { related, filed, followed }: Filed): void {
    if (related) takeRelated(context, related, counts)
    if (followed) takeFollowed(context, followed)
    if (filed && takeFiled(context, filed)) beginNext(context)
  }

  return {
    step(context, input) {
      switch (input.kind) {
        case 'configuration':
          takeConfiguration(context, input.configuration)
          break
        case 'record': {
          if (input.record.value === null) break
          const read = JobRecord.decode(input.record.value).record
          if (read?.$case === 'answered') takeAnswer(context, read.value)
          else if (read?.$case === 'anchorSaid') {
            sayByFact(context, read.value)
            beginNext(context)
          }
          break
        }
        case 'injected':
          for (const key of input.value.sent ?? []) context.table(outboxRows).delete(key)
          if (input.value.filled) takeFilled(context, input.value.filled)
          takeFilings(context, input.value)
          break
        case 'tick':
          break
      }
    },
  }
}

/** The first answer of a partition and document says from where on the task counts: the control record may come twice. */
function fillsFrom(fills: RunningJob['fills'], answer: Answered): RunningJob['fills'] {
  const { partition, document, hash, offset, skipped } = answer
  const known = fills[partition] ?? { below: {}, skipped: 0, after: '', done: false }
  const below = { ...known.below, [`${document}@${hash}`]: offset }
  return { ...fills, [partition]: { ...known, below, skipped: Math.max(known.skipped, skipped) } }
}

const nextPhase: Record<Phase, Phase | undefined> = {
  adopt: 'file',
  file: 'fill',
  fill: 'close',
  close: 'switch',
  switch: 'retire',
  retire: undefined,
}

const sentences: Record<Phase, string> = {
  adopt: 'fragments begin to keep',
  file: 'events of blocked identifiers are filed again',
  fill: 'earlier events are counted from the log',
  close: 'fragments have what came before',
  switch: 'profiles begin to show',
  retire: 'old forms are forgotten',
}

function sendsOf({ phase, adopt, retire }: RunningJob): Send[] {
  const sends: Record<Phase, Send[]> = {
    adopt: [{ to: 'events', step: ControlStep.CONTROL_STEP_ADOPT, documents: adopt }],
    file: [],
    fill: [],
    close: [{ to: 'events', step: ControlStep.CONTROL_STEP_FILLED, documents: adopt.map(nameOnly) }],
    switch: [{ to: 'parts', step: ControlStep.CONTROL_STEP_SWITCH, documents: adopt }],
    retire: [
      { to: 'parts', step: ControlStep.CONTROL_STEP_RETIRE, documents: retire },
      { to: 'events', step: ControlStep.CONTROL_STEP_RETIRE, documents: retire },
    ],
  }
  return sends[phase].filter(({ documents }) => documents.length > 0)
}

/** Without the definition: who has adopted it knows it. */
function nameOnly({ document, hash }: DocumentForm): DocumentForm {
  return { document, hash }
}

function partitionsFor(to: Send['to'], counts: PartitionCounts): number {
  return to === 'events' ? counts.identifier : counts.profile
}

function topicFor(to: Send['to']) {
  return to === 'events' ? topics.events : topics.profileParts
}

/** The answers a phase waits for. */
function expected(job: RunningJob, counts: PartitionCounts): Set<string> {
  const keys = new Set<string>()
  for (const { to, documents } of sendsOf(job))
    for (const { document, hash } of documents)
      for (let partition = 0; partition < partitionsFor(to, counts); partition++)
        keys.add(answerKey({ topic: topicFor(to).name, partition, document, hash }))
  return keys
}

function answerKey({
  topic,
  partition,
  document,
  hash,
}: Pick<Answered, 'topic' | 'partition' | 'document' | 'hash'>): string {
  return `${topic}|${partition}|${document}|${hash}`
}

function sendControls(
  context: StepContext,
  { job, revision, phase }: RunningJob,
  { to, step, documents }: Send,
  counts: PartitionCounts,
): void {
  const partitions = partitionsFor(to, counts)
  for (let partition = 0; partition < partitions; partition++)
    for (const each of documents) {
      const control: Control = {
        job,
        document: each.document,
        hash: each.hash,
        configOffset: job,
        step,
        partitions,
        definition: 'definition' in each ? String(each.definition) : '',
        ...(revision !== undefined && { revision }),
      }
      if (to === 'events')
        context
          .table(outboxRows)
          .put(
            `${String(job).padStart(15, '0')}|${phase}|${partition}|${each.document}|${each.hash}`,
            EventRecord.encode({ record: { $case: 'control', value: control } }).finish(),
          )
      else
        context.send({
          topic: topics.profileParts,
          partition,
          key: null,
          value: PartRecord.encode({ record: { $case: 'control', value: control } }).finish(),
        })
    }
}

/** The partition of the events topic that an outbox row goes to. */
export function outboxPartition(key: string): number {
  return Number(key.split('|')[2])
}

function appliedAfter(applied: Applied, { adopt, retire }: RunningJob): Applied {
  const forgotten = new Set(retire.map(({ document, hash }) => `${document}@${hash}`))
  return Object.fromEntries([
    ...Object.entries(applied).filter(([document, hash]) => !forgotten.has(`${document}@${hash}`)),
    ...adopt.map(({ document, hash }) => [document, hash] as const),
  ])
}

function progress(
  context: StepContext,
  job: number,
  state: JobState,
  [done, total]: readonly [number, number],
  message: string,
): void {
  context.send({
    topic: topics.jobs,
    partition: 0,
    key: String(job),
    value: JobRecord.encode({
      record: { $case: 'progress', value: { job, state, done, total, message, work: '' } },
    }).finish(),
  })
}

/** J4. */
function sendRules(context: StepContext, { offset, value }: AdoptedConfiguration<JobConfiguration>): void {
  const rows = context.table(rulesRows)
  const hash = JSON.stringify(value.rules)
  if (rows.get('rules') === hash) return
  rows.put('rules', hash)
  context.send({
    topic: topics.evidence,
    partition: 0,
    key: 'rules',
    value: EvidenceRecord.encode({
      record: { $case: 'rules', value: { ...value.rules, configOffset: offset } },
    }).finish(),
  })
}
