/**
 * The one catalogue of topics: everything that creates, checks, prints, reads or writes a topic starts here.
 *
 * A catalogue name has no prefix ("internal.events.v1"); `topicName(prefix, name)` gives the name in Kafka. One
 * prefix with one ACL, `<prefix>.internal.`, protects what is internal.
 */

/** Which number of partitions a topic has; topics of one group are co-partitioned. */
export type PartitionGroup =
  /** By identifier id: events, assignments, fragments, seen. Changing it is a rebuild. */
  | 'identifier'
  /** By profile id: parts, profile state, everything public about profiles. Never changed. */
  | 'profile'
  /** By destination and profile. */
  | 'delivery'
  /** One partition: one order of decisions. */
  | 'one'

/** How the partition of a record is chosen. */
export type PartitionRule =
  /** murmur2 of the whole key (Kafka's default partitioner). */
  | 'key'
  /** murmur2 of the profile id, which is the part of the key named in `key`. */
  | 'profile-id'
  /** The writer names the partition: the one its task owns. */
  | 'explicit'

export type CleanUp = 'delete' | 'compact'

export interface TopicSpec {
  readonly name: string
  readonly visibility: 'public' | 'internal'
  readonly key: string
  readonly partitionBy: PartitionRule
  readonly value: string
  readonly partitions: PartitionGroup
  readonly cleanUp: CleanUp
  /** Milliseconds; -1 = for ever. Only for `delete`. */
  readonly retentionMs?: number
  /** At most so long may an overwritten value stay, ms. Only for `compact`; erasure depends on it. */
  readonly maxCompactionLagMs?: number
  /** How long a null stays after compaction, ms: longer than any local store may be behind. Only for `compact`. */
  readonly tombstoneRetentionMs?: number
  /** Broker's append time instead of the producer's: deduplication windows depend on it. */
  readonly logAppendTime?: true
  /** Derived anew by a rebuild: the names of later epochs' topics carry the epoch. */
  readonly perEpoch?: true
  /** Internal values in protobuf get a Stamp in field 15 (see ledger/v1/stamp.proto). */
  readonly stamped?: true
  /** Larger than the broker's default because whole inputs are kept, bytes. */
  readonly maxMessageBytes?: number
}

const HOUR = 3_600_000
const DAY = 24 * HOUR

/** 1.9 MiB: an event of up to 900 KiB with its derived payload beside it, and the envelope. */
const LARGE = 1_992_294

const compacted = { cleanUp: 'compact', maxCompactionLagMs: 3 * DAY, tombstoneRetentionMs: 7 * DAY } as const

const catalogue = {
  profiles: {
    name: 'profiles.v1',
    visibility: 'public',
    key: 'profile id',
    partitionBy: 'profile-id',
    value: 'JSON Profile; {mergedInto} when merged; null only when erased',
    partitions: 'profile',
    ...compacted,
    maxMessageBytes: LARGE,
  },
  profileChanges: {
    name: 'profile-changes.v1',
    visibility: 'public',
    key: 'profile id',
    partitionBy: 'profile-id',
    value: 'JSON ProfileChange',
    partitions: 'profile',
    cleanUp: 'delete',
    retentionMs: 30 * DAY,
    maxMessageBytes: LARGE,
  },
  identityChanges: {
    name: 'identity-changes.v1',
    visibility: 'public',
    key: 'none',
    partitionBy: 'explicit',
    value: 'JSON IdentityChange, in chunks',
    partitions: 'one',
    cleanUp: 'delete',
    retentionMs: 30 * DAY,
  },
  audienceMemberships: {
    name: 'audience-memberships.v1',
    visibility: 'public',
    key: 'audience ‖ profile id',
    partitionBy: 'profile-id',
    value: 'JSON AudienceMembership',
    partitions: 'profile',
    ...compacted,
  },
  audienceChanges: {
    name: 'audience-changes.v1',
    visibility: 'public',
    key: 'profile id',
    partitionBy: 'profile-id',
    value: 'JSON AudienceChange',
    partitions: 'profile',
    cleanUp: 'delete',
    retentionMs: 30 * DAY,
  },
  rejected: {
    name: 'rejected.v1',
    visibility: 'public',
    key: 'source id',
    partitionBy: 'key',
    value: 'JSON Rejected: the whole input with code, message and position',
    partitions: 'identifier',
    cleanUp: 'delete',
    retentionMs: 30 * DAY,
    maxMessageBytes: LARGE,
  },
  events: {
    name: 'internal.events.v1',
    perEpoch: true,
    visibility: 'internal',
    key: 'anchor',
    partitionBy: 'key',
    value: 'event.v1.EventRecord',
    partitions: 'identifier',
    cleanUp: 'delete',
    retentionMs: 14 * DAY,
    logAppendTime: true,
    maxMessageBytes: LARGE,
  },
  evidence: {
    name: 'internal.evidence.v1',
    perEpoch: true,
    visibility: 'internal',
    key: 'evidence or fact id',
    partitionBy: 'explicit',
    value: 'identity.v1.EvidenceRecord',
    partitions: 'one',
    cleanUp: 'delete',
    retentionMs: 30 * DAY,
    stamped: true,
  },
  evidenceState: {
    name: 'internal.evidence-state.v1',
    perEpoch: true,
    visibility: 'internal',
    key: 'row of the resolver',
    partitionBy: 'explicit',
    value: 'change log of the resolver',
    partitions: 'one',
    ...compacted,
  },
  extractorState: {
    name: 'internal.extractor-state.v1',
    perEpoch: true,
    visibility: 'internal',
    key: 'row of the extractor',
    partitionBy: 'explicit',
    value: 'change log of the extractor',
    partitions: 'identifier',
    ...compacted,
  },
  assignments: {
    name: 'internal.assignments.v1',
    perEpoch: true,
    visibility: 'internal',
    key: 'identifier id',
    partitionBy: 'key',
    value: 'identity.v1.Assignment',
    partitions: 'identifier',
    ...compacted,
    stamped: true,
  },
  fragments: {
    name: 'internal.fragments.v1',
    perEpoch: true,
    visibility: 'internal',
    key: 'row of the fragment task',
    partitionBy: 'explicit',
    value: 'change log of the fragment task',
    partitions: 'identifier',
    ...compacted,
    maxMessageBytes: LARGE,
  },
  seen: {
    name: 'internal.seen.v1',
    perEpoch: true,
    visibility: 'internal',
    key: 'hash of source, message id and anchor',
    partitionBy: 'explicit',
    value: 'change log of deduplication',
    partitions: 'identifier',
    cleanUp: 'delete',
    retentionMs: 9 * DAY,
  },
  skipped: {
    name: 'internal.skipped.v1',
    perEpoch: true,
    visibility: 'internal',
    key: 'none',
    partitionBy: 'explicit',
    value: 'event.v1.Skipped',
    partitions: 'identifier',
    cleanUp: 'delete',
    retentionMs: 14 * DAY,
    stamped: true,
  },
  profileParts: {
    name: 'internal.profile-parts.v1',
    perEpoch: true,
    visibility: 'internal',
    key: 'profile id ‖ identifier id',
    partitionBy: 'profile-id',
    value: 'profile.v1.PartRecord',
    partitions: 'profile',
    cleanUp: 'delete',
    retentionMs: 14 * DAY,
    stamped: true,
    maxMessageBytes: LARGE,
  },
  profileState: {
    name: 'internal.profile-state.v1',
    perEpoch: true,
    visibility: 'internal',
    key: 'row of the profile task',
    partitionBy: 'explicit',
    value: 'change log of the profile task',
    partitions: 'profile',
    ...compacted,
    maxMessageBytes: LARGE,
  },
  syncState: {
    name: 'internal.sync-state.v1',
    visibility: 'internal',
    key: 'row of the sync task',
    partitionBy: 'explicit',
    value: 'change log of the sync task',
    partitions: 'profile',
    ...compacted,
  },
  deliveries: {
    name: 'internal.deliveries.v1',
    visibility: 'internal',
    key: 'destination ‖ profile id',
    partitionBy: 'key',
    value: 'delivery.v1.DeliveryRecord',
    partitions: 'delivery',
    cleanUp: 'delete',
    retentionMs: 14 * DAY,
    stamped: true,
    maxMessageBytes: LARGE,
  },
  deliveryState: {
    name: 'internal.delivery-state.v1',
    visibility: 'internal',
    key: 'row of the delivery task',
    partitionBy: 'explicit',
    value: 'change log of the delivery task',
    partitions: 'delivery',
    ...compacted,
    maxMessageBytes: LARGE,
  },
  deliveryOutcomes: {
    name: 'internal.delivery-outcomes.v1',
    visibility: 'internal',
    key: 'delivery id',
    partitionBy: 'explicit',
    value: 'delivery.v1.DeliveryOutcome',
    partitions: 'delivery',
    cleanUp: 'delete',
    retentionMs: 14 * DAY,
    stamped: true,
  },
  deadLetters: {
    name: 'internal.dead-letters.v1',
    visibility: 'internal',
    key: 'destination ‖ profile id',
    partitionBy: 'explicit',
    value: 'delivery.v1.DeadLetter',
    partitions: 'delivery',
    cleanUp: 'delete',
    retentionMs: 30 * DAY,
    stamped: true,
    maxMessageBytes: LARGE,
  },
  facts: {
    name: 'internal.facts.v1',
    visibility: 'internal',
    key: 'fact id',
    partitionBy: 'explicit',
    value: 'identity.v1.FactRecord: operators’ facts with type and value',
    partitions: 'one',
    cleanUp: 'delete',
    retentionMs: -1,
  },
  jobs: {
    name: 'internal.jobs.v1',
    perEpoch: true,
    visibility: 'internal',
    key: 'job',
    partitionBy: 'explicit',
    value: 'job.v1.JobRecord',
    partitions: 'one',
    cleanUp: 'delete',
    retentionMs: -1,
    stamped: true,
  },
  jobState: {
    name: 'internal.job-state.v1',
    perEpoch: true,
    visibility: 'internal',
    key: 'row of the job task',
    partitionBy: 'explicit',
    value: 'change log of the job task',
    partitions: 'one',
    ...compacted,
  },
  config: {
    name: 'internal.config.v1',
    visibility: 'internal',
    key: 'revision',
    partitionBy: 'explicit',
    value: 'config.v1.Revision',
    partitions: 'one',
    cleanUp: 'delete',
    retentionMs: -1,
  },
  layout: {
    name: 'internal.layout.v1',
    visibility: 'internal',
    key: '"active"',
    partitionBy: 'explicit',
    value: 'config.v1.Layout',
    partitions: 'one',
    ...compacted,
  },
} as const satisfies Record<string, TopicSpec>

/** Short name of a topic in code, for example `topics.events`. */
export type TopicKey = keyof typeof catalogue

export const topics: { readonly [K in TopicKey]: TopicSpec } = catalogue

/** All topics in the order they are printed. */
export const allTopics: readonly TopicSpec[] = Object.values(catalogue)

/** How many partitions each group has on this installation; fixed when the topics are created. */
export interface PartitionCounts {
  readonly identifier: number
  readonly profile: number
  readonly delivery: number
}

export function partitionsOf(spec: TopicSpec, counts: PartitionCounts): number {
  return spec.partitions === 'one' ? 1 : counts[spec.partitions]
}

/** TOPIC_PREFIX of an installation; with its layout epoch where topics that have one are named. */
export type TopicPrefix = string | { readonly prefix: string; readonly epoch: number }

/**
 * Name in Kafka: `topicName('cdp', topics.events)` = "cdp.internal.events.v1", which is epoch 1's;
 * `topicName({ prefix: 'cdp', epoch: 2 }, topics.events)` = "cdp.internal.events.v1.e2".
 */
export function topicName(prefix: TopicPrefix, spec: TopicSpec): string {
  if (typeof prefix === 'string') return `${prefix}.${spec.name}`
  return `${prefix.prefix}.${placeTopic(prefix.epoch, spec)}`
}

/**
 * Name without the prefix, as places in the event log have it: the catalogue's, with the epoch from the second on for
 * topics that are derived anew. Offsets of two epochs are thus never places of one topic.
 */
export function placeTopic(epoch: number, spec: TopicSpec): string {
  return spec.perEpoch && epoch > 1 ? `${spec.name}.e${epoch}` : spec.name
}
