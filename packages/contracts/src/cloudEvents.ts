import type { TopicSpec } from './topics.ts'

/** What the headers of one record of a public topic say. */
export interface CloudEventFacts {
  readonly topic: TopicSpec
  /** Where the record goes; with the layout epoch and seq it makes the id. */
  readonly epoch: number
  readonly partition: number
  /** Number of the record among those its writer sends to that partition (StepContext.nextSeq). */
  readonly seq: number
  readonly type: string
  /** The service that says it, for example "identity-stitcher". */
  readonly source: string
  /** What it is about: a profile id, a change id. */
  readonly subject: string
  readonly timeMs: number
}

/** Headers of CloudEvents 1.0 in Kafka's binary mode. The same input gives the same headers, so a replay repeats them. */
export function cloudEventHeaders(facts: CloudEventFacts): Readonly<Record<string, string>> {
  return {
    ce_specversion: '1.0',
    ce_id: cloudEventId(facts),
    ce_type: facts.type,
    ce_source: `/tributary/${facts.source}`,
    ce_subject: facts.subject,
    ce_time: new Date(facts.timeMs).toISOString(),
    'content-type': 'application/json',
  }
}

/** "0001-profile-changes-3-77": layout epoch, topic without its version, partition, number. */
export function cloudEventId(facts: Pick<CloudEventFacts, 'epoch' | 'topic' | 'partition' | 'seq'>): string {
  const short = facts.topic.name.replace(/\.v\d+$/, '')
  return `${String(facts.epoch).padStart(4, '0')}-${short}-${facts.partition}-${facts.seq}`
}
