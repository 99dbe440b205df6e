import { allTopics, type TopicSpec } from '@tributary/contracts'
import {
  formatProblem,
  fromRevisionDocument,
  heldRevision,
  readRevisions,
  validateDocuments,
  type Document,
} from '@tributary/configuration'
import { topics } from '@tributary/contracts'
import { JobReader } from '../jobs.ts'
import type { KafkaDoor } from '../kafkaDoor.ts'
import { fine, remedied, wrong, type Check } from './finding.ts'

export interface KafkaExamination {
  readonly checks: readonly Check[]
  /** Documents in force, when there are any. */
  readonly documents: readonly Document[]
}

export async function examineKafka(door: KafkaDoor, replicationFactor: number): Promise<KafkaExamination> {
  const brokers = await door.ping()
  const checks: Check[] = [fine('Kafka', `${brokers} ${brokers === 1 ? 'broker answers' : 'brokers answer'}`)]
  if (brokers < replicationFactor)
    checks.push(
      wrong(
        'Kafka',
        `${brokers} brokers cannot hold ${replicationFactor} copies of a partition`,
        `set KAFKA_REPLICATION_FACTOR=${brokers} and KAFKA_MIN_ISR to at most that, or add brokers`,
      ),
    )
  const problems = await door.checkTopics()
  if (problems.length === 0)
    checks.push(fine('topics', `all ${allTopics.length} are there, with the right settings`))
  else if (problems.length === allTopics.length && problems.every((problem) => problem.kind === 'missing'))
    checks.push(wrong('topics', 'none of them exists', 'create them with `tributary topics create`'))
  else
    for (const { message } of problems)
      checks.push(wrong('topics', ...remedied(message, 'see `tributary topics check`')))
  if (problems.some((problem) => missing(door, problem, topics.config))) return { checks, documents: [] }
  checks.push(...(await examineRights(door, problems)))
  const configuration = await examineConfiguration(door)
  const { documents } = configuration
  const sources = await examineSources(door, documents)
  return { checks: [...checks, ...configuration.checks, ...sources], documents }
}

/** Whether each topic that is there may be read with the rights that are used here. */
async function examineRights(
  door: KafkaDoor,
  problems: readonly { readonly topic: string; readonly kind: string }[],
): Promise<Check[]> {
  const gone = new Set(problems.flatMap(({ topic, kind }) => (kind === 'missing' ? [topic] : [])))
  const refused: string[] = []
  for (const topic of allTopics.map((spec) => door.topicName(spec)).filter((name) => !gone.has(name))) {
    try {
      // oxlint-disable-next-line no-await-in-loop -- one after the other, as for the sources
      await door.canRead(topic)
    } catch (error) {
      refused.push(`${topic} (${(error as Error).message})`)
    }
  }
  return refused.length === 0
    ? [fine('rights', 'every topic can be read with the rights used here')]
    : refused.map((topic) =>
        wrong(
          'rights',
          `cannot be read: ${topic}`,
          'give the rights of `tributary topics --format kafka-acls`',
        ),
      )
}

/** Their topics belong to somebody else: nobody here creates them. */
async function examineSources(door: KafkaDoor, documents: readonly Document[]): Promise<Check[]> {
  const topicsOf = documents.flatMap((document) =>
    document.kind === 'Source' && document.kafka && !document.disabled
      ? [{ id: document.id, topic: document.kafka.topic }]
      : [],
  )
  const checks: Check[] = []
  // One after the other: a topic that is missing spoils what one connection asks about others meanwhile.
  for (const { id, topic } of topicsOf) {
    try {
      // oxlint-disable-next-line no-await-in-loop -- see above
      const there = await door.canRead(topic)
      checks.push(
        there
          ? fine('sources', `source ${id}: its topic ${topic} can be read`)
          : wrong(
              'sources',
              `source ${id}: its topic ${topic} does not exist`,
              'create it, or mend the document',
            ),
      )
    } catch (error) {
      const message = `source ${id}: its topic ${topic} cannot be read: ${(error as Error).message}`
      checks.push(wrong('sources', message, 'allow the collector, and whoever asks, to read it'))
    }
  }
  return checks
}

function missing(door: KafkaDoor, problem: { topic: string; kind: string }, topic: TopicSpec): boolean {
  return problem.kind === 'missing' && problem.topic === door.topicName(topic)
}

async function examineConfiguration(door: KafkaDoor): Promise<KafkaExamination> {
  const bounds = (await door.bounds(topics.config))?.[0]
  const records = []
  if (bounds)
    for await (const record of door.read(topics.config, 0, bounds.start, bounds.end)) records.push(record)
  const held = heldRevision(readRevisions(records), door.epoch)
  if (!held)
    return {
      checks: [
        wrong('configuration', 'there is no revision yet', 'apply a folder with `tributary apply DIR`'),
      ],
      documents: [],
    }
  const documents = held.revision.documents.map(fromRevisionDocument)
  const problems = validateDocuments(documents)
  const checks = problems.map((problem) =>
    wrong(
      'configuration',
      formatProblem(problem),
      'mend the document and apply it again, or use the version that took it',
    ),
  )
  if (problems.length === 0)
    checks.push(
      fine(
        'configuration',
        `revision ${held.revision.revision} with ${documents.length} documents is in force`,
      ),
    )
  const jobs = new JobReader(door)
  await jobs.read()
  const job = jobs.get(held.offset, 'documents')
  if (job?.state === 'failed')
    checks.push(
      wrong(
        'configuration',
        `its adoption failed: ${job.message}`,
        'see `tributary status` and the log of the profile-store',
      ),
    )
  return { checks, documents }
}
