/** What `tributary sizing` reckons with. Each has a source; what nobody has measured says so. */
export interface Figure {
  readonly value: number
  readonly unit: string
  readonly about: string
  readonly source: string
}

export const FIGURES = {
  collectorCpu: {
    value: 50,
    unit: 'µs/event',
    about: 'processor of the collector, single events; a sixth of it in batches of 100',
    source: 'measured: bar collector-single; in batches: services/collector/README.md',
  },
  identityCpu: {
    value: 34,
    unit: 'µs/event',
    about: 'processor of the identity-stitcher: 18 an event, 160 for new evidence in one of ten',
    source: 'measured: docs/decisions/0022; one of ten is assumed',
  },
  profileCpu: {
    value: 313,
    unit: 'µs/event',
    about: 'processor of the profile-store: twice its tasks, for Kafka and the event log',
    source: 'measured: bar profiles-apply, 6,391 events/s of a core; twice is assumed',
  },
  activationCpu: {
    value: 313,
    unit: 'µs/event',
    about: 'processor of activation, one delivery for each event at most',
    source: 'assumed: as the profile-store',
  },
  kafkaCpu: { value: 200, unit: 'µs/event', about: 'processor of Kafka, per copy', source: 'assumed' },
  clickhouseCpu: {
    value: 200,
    unit: 'µs/event',
    about: 'processor of ClickHouse, per copy, without questions',
    source: 'assumed',
  },
  collectorMemory: {
    value: 768,
    unit: 'MiB',
    about: 'of a collector: 519 MB at the peak of an overload',
    source: 'measured: docs/decisions/0016',
  },
  taskMemory: {
    value: 1_024,
    unit: 'MiB',
    about: 'of the others: buffers bounded at 128 MiB, heap, and pages of the state',
    source: 'assumed; bounds: packages/clickhouse-log/README.md',
  },
  identityState: {
    value: 2_000,
    unit: 'bytes/person',
    about: 'local state of identity, all partitions',
    source: 'assumed',
  },
  profileState: {
    value: 6_000,
    unit: 'bytes/person',
    about: 'local state of profiles: fragment, part and profile, 750 bytes a row and pages half full',
    source: 'assumed; a row: bar profiles-apply',
  },
  activationState: {
    value: 3_000,
    unit: 'bytes/person',
    about: 'local state of syncs and deliveries',
    source: 'assumed',
  },
  kafkaBytes: {
    value: 6_000,
    unit: 'bytes/event',
    about: 'in all topics, one copy, events of 1 KB',
    source: 'assumed',
  },
  kafkaDays: {
    value: 14,
    unit: 'days',
    about: 'that events and parts stay in Kafka',
    source: 'packages/contracts/src/topics.ts',
  },
  clickhouseBytes: {
    value: 1_500,
    unit: 'bytes/event',
    about: 'in all tables of the event log, compressed, one copy',
    source: 'assumed',
  },
} as const satisfies Record<string, Figure>

export type FigureName = keyof typeof FIGURES
