/**
 * Closed schemas of the custom resources that have no typed model in npm: the fields that k8s/ uses, and no others. A
 * field with a typing mistake is thus found, and a new one is added here after a look at the operator's reference.
 */
type Schema = Record<string, unknown>

const text: Schema = { type: 'string', minLength: 1 }
const count: Schema = { type: 'integer', minimum: 0 }
const list = (items: Schema): Schema => ({ type: 'array', items, minItems: 1 })
const map = (values: Schema): Schema => ({ type: 'object', additionalProperties: values, minProperties: 1 })
const either = (...values: string[]): Schema => ({ enum: values })
const quantity: Schema = { type: 'string', pattern: '^[0-9]+(\\.[0-9]+)?(m|Ki|Mi|Gi|Ti)?$' }

/** All fields are required unless their name ends in "?". */
function closed(fields: Record<string, Schema>): Schema {
  const names = Object.keys(fields)
  return {
    type: 'object',
    additionalProperties: false,
    required: names.filter((name) => !name.endsWith('?')),
    properties: Object.fromEntries(names.map((name) => [name.replace(/\?$/, ''), fields[name]!])),
  }
}

const metadata = closed({ name: text, 'namespace?': text, 'labels?': map(text), 'annotations?': map(text) })
const resources = closed({
  requests: closed({ cpu: quantity, memory: quantity }),
  limits: closed({ memory: quantity }),
})

function resource(apiVersion: string, kind: string, spec: Schema): Schema {
  return closed({ apiVersion: either(apiVersion), kind: either(kind), metadata, spec })
}

const spread = closed({
  maxSkew: count,
  topologyKey: text,
  whenUnsatisfiable: either('DoNotSchedule', 'ScheduleAnyway'),
  labelSelector: closed({ matchLabels: map(text) }),
})

const kafka = 'kafka.strimzi.io/v1'
const strimzi = [
  resource(
    kafka,
    'KafkaTopic',
    closed({
      topicName: text,
      partitions: { type: 'integer', minimum: 1 },
      replicas: { type: 'integer', minimum: 1 },
      config: map(text),
    }),
  ),
  resource(
    kafka,
    'KafkaUser',
    closed({
      authentication: closed({ type: either('tls', 'scram-sha-512') }),
      authorization: closed({
        type: either('simple'),
        acls: list(
          closed({
            resource: closed({
              type: either('topic', 'group', 'transactionalId'),
              name: text,
              patternType: either('literal', 'prefix'),
            }),
            operations: list(either('Read', 'Write', 'Describe', 'DescribeConfigs', 'Create')),
          }),
        ),
      }),
    }),
  ),
  resource(
    kafka,
    'KafkaNodePool',
    closed({
      replicas: count,
      roles: list(either('controller', 'broker')),
      storage: closed({
        type: either('jbod'),
        volumes: list(
          closed({
            id: count,
            type: either('persistent-claim'),
            size: quantity,
            kraftMetadata: either('shared'),
          }),
        ),
      }),
      resources,
    }),
  ),
  resource(
    kafka,
    'Kafka',
    closed({
      kafka: closed({
        version: text,
        metadataVersion: text,
        rack: closed({ topologyKey: text }),
        listeners: list(
          closed({
            name: text,
            port: count,
            type: either('internal'),
            tls: { type: 'boolean' },
            authentication: closed({ type: either('tls', 'scram-sha-512') }),
          }),
        ),
        authorization: closed({ type: either('simple') }),
        config: map({ type: ['string', 'integer', 'boolean'] }),
        template: closed({ pod: closed({ topologySpreadConstraints: list(spread) }) }),
      }),
      entityOperator: closed({ topicOperator: closed({}), userOperator: closed({}) }),
    }),
  ),
]

const server = closed({
  name: text,
  'podDistribution?': list(closed({ type: either('ReplicaAntiAffinity'), topologyKey: text })),
  spec: closed({
    securityContext: closed({
      runAsNonRoot: { const: true },
      runAsUser: count,
      runAsGroup: count,
      fsGroup: count,
      seccompProfile: closed({ type: either('RuntimeDefault') }),
    }),
    containers: list(
      closed({
        name: text,
        image: text,
        resources,
        securityContext: closed({
          allowPrivilegeEscalation: { const: false },
          capabilities: closed({ drop: { const: ['ALL'] } }),
        }),
      }),
    ),
  }),
})
const templates = closed({
  podTemplates: list(server),
  volumeClaimTemplates: list(
    closed({
      name: text,
      spec: closed({
        accessModes: { const: ['ReadWriteOnce'] },
        resources: closed({ requests: closed({ storage: quantity }) }),
      }),
    }),
  ),
})
const defaults = closed({
  templates: closed({ podTemplate: text, dataVolumeClaimTemplate: text }),
})

const altinity = [
  resource(
    'clickhouse-keeper.altinity.com/v1',
    'ClickHouseKeeperInstallation',
    closed({
      configuration: closed({
        clusters: list(closed({ name: text, layout: closed({ replicasCount: count }) })),
      }),
      defaults,
      templates,
    }),
  ),
  resource(
    'clickhouse.altinity.com/v1',
    'ClickHouseInstallation',
    closed({
      configuration: closed({
        zookeeper: closed({ nodes: list(closed({ host: text })) }),
        users: map({ type: ['string', 'array'] }),
        clusters: list(
          closed({
            name: text,
            pdbMaxUnavailable: count,
            layout: closed({ shardsCount: count, replicasCount: count }),
          }),
        ),
      }),
      defaults,
      templates,
    }),
  ),
]

/** `apiVersion/kind` → schema. */
export const customSchemas: ReadonlyMap<string, Schema> = new Map(
  [...strimzi, ...altinity].map((schema) => {
    const { apiVersion, kind } = schema['properties'] as Record<string, { enum: [string] }>
    return [`${apiVersion!.enum[0]}/${kind!.enum[0]}`, schema]
  }),
)
