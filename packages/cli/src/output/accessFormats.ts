/** Who may do what in Kafka, as Strimzi's users or as commands of Kafka's own tools. */
import {
  grantsOf,
  grantsOfCommand,
  serviceUsers,
  topicName,
  topics,
  type Grant,
  type ResourceType,
} from '@tributary/contracts'

export interface AccessChoices {
  readonly topicPrefix: string
  readonly epoch: number
  readonly groupPrefix: string
}

/** User of a service, and of the command in Jobs: `tributary-collector`, `tributary-command`. */
function users(choices: AccessChoices): { user: string; grants: Grant[] }[] {
  const { topicPrefix: prefix, epoch, groupPrefix } = choices
  const names = {
    groupPrefix,
    topicName: (key: keyof typeof topics) => topicName({ prefix, epoch }, topics[key]),
  }
  return [
    ...serviceUsers.map((service) => ({ user: `tributary-${service}`, grants: grantsOf(service, names) })),
    { user: 'tributary-command', grants: grantsOfCommand(choices) },
  ]
}

/** `kafka-acls.sh` for each user. */
export function accessAsCommands(choices: AccessChoices): string {
  const option: Record<ResourceType, string> = {
    topic: '--topic',
    group: '--group',
    transactionalId: '--transactional-id',
  }
  return users(choices)
    .flatMap(({ user, grants }) =>
      grants.map(({ type, name, pattern, operations }) =>
        [
          'kafka-acls.sh --bootstrap-server "$KAFKA_BROKERS" --command-config "$KAFKA_ADMIN_CONFIG" --add',
          `--allow-principal User:${user}`,
          ...operations.map((operation) => `--operation ${operation}`),
          `${option[type]} ${name}`,
          `--resource-pattern-type ${pattern === 'prefix' ? 'prefixed' : 'literal'}`,
        ].join(' '),
      ),
    )
    .join('\n')
}

/** One KafkaUser with mutual TLS each; Strimzi writes its certificate into a Secret of the same name. */
export function accessAsStrimzi(choices: AccessChoices): string {
  return users(choices)
    .map(({ user, grants }) =>
      [
        'apiVersion: kafka.strimzi.io/v1',
        'kind: KafkaUser',
        'metadata:',
        `  name: ${user}`,
        '  labels:',
        '    # The name of your Kafka resource.',
        '    strimzi.io/cluster: kafka',
        'spec:',
        '  authentication:',
        '    type: tls',
        '  authorization:',
        '    type: simple',
        '    acls:',
        ...grants.flatMap(({ type, name, pattern, operations }) => [
          '      - resource:',
          `          type: ${type}`,
          `          name: ${name}`,
          `          patternType: ${pattern}`,
          `        operations: [${operations.join(', ')}]`,
        ]),
        '',
      ].join('\n'),
    )
    .join('---\n')
    .trimEnd()
}
