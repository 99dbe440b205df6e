import {
  choice,
  clickhouseSettings,
  defineSettings,
  eventSettings,
  integer,
  kafkaSettings,
  serviceSettings,
  type SettingsOf,
} from '@tributary/service-kit'

const MIB = 1024 * 1024

export const collectorSettings = defineSettings({
  ...serviceSettings,
  ...kafkaSettings,
  ...clickhouseSettings,
  // Copying an event into ClickHouse costs about what taking it does. Where that is too much beside each other, some
  // instances take events and others copy them.
  ROLE: choice(['all', 'ingest', 'event-log'], {
    about:
      'what this instance does: take events (ingest), copy what was taken into ClickHouse (event-log), or both (all)',
    default: 'all',
  }),
  // Twelve times what the SDKs send at most (500 KB a batch); one body is held, decoded and produced as a whole.
  MAX_BODY_BYTES: integer({
    about: 'largest body after decompression; above it the answer is 413',
    unit: 'bytes',
    default: 4 * MIB,
    min: 1024,
    max: 64 * MIB,
  }),
  // What Segment documents, and more than any SDK sends.
  MAX_BATCH_EVENTS: integer({
    about: 'events of one batch that are taken; those beyond are rejected',
    unit: 'events',
    default: 2500,
    min: 1,
    max: 100_000,
  }),
  ...eventSettings,
  // Four of the largest bodies, a hundred and fifty batches of a hundred events, or ten thousand single ones: more than is
  // under way at once while Kafka keeps up. What waits longer is old to the garbage collector and costs more than a refusal.
  // A body counts with its whole length from its head on: where many send large ones over slow lines, it has to be higher.
  MAX_IN_FLIGHT_BYTES: integer({
    about: 'bytes received and not yet answered; above it the answer is 503 at once',
    unit: 'bytes',
    default: 16 * MIB,
    min: MIB,
  }),
  // Between the SDKs' own time-outs (10 s and more) and a broker's change of leader (a few seconds).
  PRODUCE_TIMEOUT_MS: integer({
    about: 'how long an event may wait for Kafka’s acknowledgement; then the answer is 503',
    unit: 'ms',
    default: 10_000,
    min: 100,
    max: 300_000,
  }),
  // Two: one on the wire while the next is put together. More would only make the groups smaller.
  PRODUCE_IN_FLIGHT: integer({
    about: 'produce requests under way at once',
    unit: 'requests',
    default: 2,
    min: 1,
    max: 64,
  }),
  // Mounted secrets change in place when they are rotated.
  SECRETS_REREAD_MS: integer({
    about: 'how often mounted keys of sources are read again',
    unit: 'ms',
    default: 30_000,
    min: 100,
    max: 3_600_000,
  }),
  // A body of 4 MiB over a slow mobile line takes about that long.
  REQUEST_TIMEOUT_MS: integer({
    about: 'how long a client may take to send a request',
    unit: 'ms',
    default: 30_000,
    min: 1000,
    max: 600_000,
  }),
})

export type CollectorSettings = SettingsOf<typeof collectorSettings>
