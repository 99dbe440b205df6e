/**
 * The catalogue of topics as a platform team needs it: a table, commands of Kafka's own tools, or Strimzi's resources;
 * and who may use which topic.
 */
import {
  allTopics,
  partitionsOf,
  topicName,
  type PartitionCounts,
  type TopicSpec,
} from '@tributary/contracts'
import { topicSettings } from '@tributary/kafka'
import { accessAsCommands, accessAsStrimzi } from './accessFormats.ts'
import { table } from './table.ts'

export interface TopicChoices {
  readonly topicPrefix: string
  readonly epoch: number
  readonly groupPrefix: string
  readonly replicationFactor: number
  readonly minIsr: number
  readonly counts: PartitionCounts
}

function nameOf({ topicPrefix: prefix, epoch }: TopicChoices, spec: TopicSpec): string {
  return topicName({ prefix, epoch }, spec)
}

export const topicFormats = ['table', 'kafka', 'kafka-acls', 'strimzi', 'strimzi-users'] as const
export type TopicFormat = (typeof topicFormats)[number]

export function topicsAs(format: TopicFormat, settings: TopicChoices): string {
  switch (format) {
    case 'table':
      return asTable(settings)
    case 'kafka':
      return allTopics.map((spec) => asCommand(spec, settings)).join('\n')
    case 'kafka-acls':
      return accessAsCommands(settings)
    case 'strimzi-users':
      return accessAsStrimzi(settings)
    case 'strimzi':
      return allTopics
        .map((spec) => asResource(spec, settings))
        .join('---\n')
        .trimEnd()
  }
}

function asTable(settings: TopicChoices): string {
  const rows = allTopics.map((spec) => [
    nameOf(settings, spec),
    String(partitionsOf(spec, settings.counts)),
    spec.key,
    spec.cleanUp === 'compact' ? 'compact' : keptFor(spec.retentionMs ?? -1),
    spec.value,
  ])
  return table([['TOPIC', 'PARTITIONS', 'KEY', 'KEPT', 'VALUE'], ...rows])
}

function keptFor(ms: number): string {
  return ms < 0 ? 'for ever' : `${ms / 86_400_000} days`
}

function asCommand(spec: TopicSpec, settings: TopicChoices): string {
  const configs = Object.entries(topicSettings(spec, settings.minIsr)).map(
    ([key, value]) => `--config ${key}=${value}`,
  )
  return [
    'kafka-topics.sh --bootstrap-server "$KAFKA_BROKERS" --create --if-not-exists',
    `--topic ${nameOf(settings, spec)}`,
    `--partitions ${partitionsOf(spec, settings.counts)}`,
    `--replication-factor ${settings.replicationFactor}`,
    ...configs,
  ].join(' ')
}

function asResource(spec: TopicSpec, settings: TopicChoices): string {
  const name = nameOf(settings, spec)
  const config = Object.entries(topicSettings(spec, settings.minIsr)).map(
    ([key, value]) => `    ${key}: '${value}'`,
  )
  return [
    'apiVersion: kafka.strimzi.io/v1',
    'kind: KafkaTopic',
    'metadata:',
    `  name: ${name}`,
    '  labels:',
    '    # The name of your Kafka resource.',
    '    strimzi.io/cluster: kafka',
    'spec:',
    `  topicName: ${name}`,
    `  partitions: ${partitionsOf(spec, settings.counts)}`,
    `  replicas: ${settings.replicationFactor}`,
    '  config:',
    ...config,
    '',
  ].join('\n')
}
