/**
 * Which topics, groups and transactional ids each service needs, and no more: what ACLs are made of. A test holds it to
 * what the services' sources name.
 *
 *  T1. Only the command creates topics, and only by the prefix of the installation.
 *  T2. A service writes to a topic of others only for destinations of kind kafka, which an operator grants one by one.
 */
import type { TopicKey } from './topics.ts'

export type ServiceUser = 'collector' | 'identity-stitcher' | 'profile-store' | 'activation'

export interface TopicAccess {
  readonly reads: readonly TopicKey[]
  readonly writes: readonly TopicKey[]
  /** Names of task groups: `<GROUP_PREFIX>.<name>.<epoch>`, and transactional ids that begin so. */
  readonly tasks: readonly string[]
  /** Other groups, by what they begin with after `<GROUP_PREFIX>.`. */
  readonly groups: readonly string[]
  /** Other transactional ids, by what they begin with after `<GROUP_PREFIX>.`. */
  readonly transactionalIds: readonly string[]
}

export const topicAccess: Readonly<Record<ServiceUser, TopicAccess>> = {
  collector: {
    reads: ['events', 'rejected', 'config'],
    writes: ['events', 'rejected'],
    tasks: [],
    groups: ['event-log.', 'source.'],
    transactionalIds: [],
  },
  'identity-stitcher': {
    reads: [
      'events',
      'evidence',
      'evidenceState',
      'extractorState',
      'assignments',
      'identityChanges',
      'facts',
      'jobs',
      'config',
      'layout',
    ],
    writes: [
      'evidence',
      'evidenceState',
      'extractorState',
      'assignments',
      'identityChanges',
      'facts',
      'jobs',
    ],
    tasks: ['extractor', 'resolver'],
    groups: ['event-log.'],
    transactionalIds: [],
  },
  'profile-store': {
    reads: [
      'events',
      'evidence',
      'assignments',
      'fragments',
      'seen',
      'skipped',
      'profileParts',
      'profileState',
      'profiles',
      'profileChanges',
      'audienceMemberships',
      'audienceChanges',
      'jobs',
      'jobState',
      'config',
      'layout',
    ],
    writes: [
      // Control records of jobs go to the tasks through their own inputs.
      'events',
      'evidence',
      'fragments',
      'seen',
      'skipped',
      'profileParts',
      'profileState',
      'profiles',
      'profileChanges',
      'audienceMemberships',
      'audienceChanges',
      'jobs',
      'jobState',
    ],
    tasks: ['fragment', 'profile', 'job'],
    groups: ['event-log.'],
    transactionalIds: [],
  },
  activation: {
    reads: [
      'profileChanges',
      'audienceChanges',
      'syncState',
      'deliveries',
      'deliveryState',
      'deliveryOutcomes',
      'deadLetters',
      'config',
      'layout',
    ],
    writes: ['syncState', 'deliveries', 'deliveryState', 'deliveryOutcomes', 'deadLetters'],
    tasks: ['sync', 'delivery'],
    groups: ['event-log.'],
    transactionalIds: ['projection.'],
  },
}

export const serviceUsers = Object.keys(topicAccess) as readonly ServiceUser[]

export type ResourceType = 'topic' | 'group' | 'transactionalId'

export type Operation = 'Read' | 'Write' | 'Describe' | 'DescribeConfigs' | 'Create'

/** One grant to one user. */
export interface Grant {
  readonly type: ResourceType
  readonly name: string
  readonly pattern: 'literal' | 'prefix'
  readonly operations: readonly Operation[]
}

export interface AccessNames {
  readonly groupPrefix: string
  /** Name in Kafka of a topic of the catalogue, with prefix and epoch. */
  readonly topicName: (key: TopicKey) => string
}

/** What a service may do, topics first, each resource once. */
export function grantsOf(user: ServiceUser, names: AccessNames): Grant[] {
  const access = topicAccess[user]
  const keys = [...new Set([...access.reads, ...access.writes])]
  const topicGrants = keys.map((key): Grant => {
    const operations: Operation[] = ['Describe', 'DescribeConfigs']
    if (access.reads.includes(key)) operations.push('Read')
    if (access.writes.includes(key)) operations.push('Write')
    return { type: 'topic', name: names.topicName(key), pattern: 'literal', operations }
  })
  const prefixed = (type: ResourceType, begin: string, operations: readonly Operation[]): Grant => ({
    type,
    name: `${names.groupPrefix}.${begin}`,
    pattern: 'prefix',
    operations,
  })
  return [
    ...topicGrants,
    ...access.tasks.map((task) => prefixed('group', `${task}.`, ['Describe', 'Read'])),
    ...access.groups.map((group) => prefixed('group', group, ['Describe', 'Read'])),
    ...[...access.tasks.map((task) => `${task}.`), ...access.transactionalIds].map((id) =>
      prefixed('transactionalId', id, ['Describe', 'Write']),
    ),
  ]
}

/** What the command may do (T1): `topics create`, `apply`, `audit`, `doctor`, `rebuild`, `rejects redrive`. */
export function grantsOfCommand(prefixes: { topicPrefix: string; groupPrefix: string }): Grant[] {
  return [
    {
      type: 'topic',
      name: `${prefixes.topicPrefix}.`,
      pattern: 'prefix',
      operations: ['Create', 'Describe', 'DescribeConfigs', 'Read', 'Write'],
    },
    {
      type: 'group',
      name: `${prefixes.groupPrefix}.`,
      pattern: 'prefix',
      operations: ['Describe', 'Read'],
    },
    {
      type: 'transactionalId',
      name: `${prefixes.groupPrefix}.`,
      pattern: 'prefix',
      operations: ['Describe', 'Write'],
    },
  ]
}
