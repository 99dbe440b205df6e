-- Accepted events, what was refused, and what was not folded.
--
-- Every table here is a log: one row per Kafka record, made from the record alone, so that a batch sent again is the
-- same batch. They are sorted by position and partitioned by the month of the record's own time, neither of which
-- changes on a retry. They are plain MergeTree on purpose: an engine that removes doubles would hide from the audit
-- what it is there to find. README.md explains the macros in double braces.

CREATE TABLE IF NOT EXISTS {{database}}.events {{on_cluster}}
(
  topic LowCardinality(String) COMMENT 'Name of the topic without prefix; from layout epoch 2 on, what is derived anew has the epoch in it: internal.events.v1.e2',
  partition UInt32 COMMENT 'Partition of the topic',
  `offset` UInt64 COMMENT 'Offset in the partition' CODEC(Delta, ZSTD(1)),
  gap UInt32 COMMENT 'Offsets just before this one that hold no record: markers of transactions' CODEC(ZSTD(1)),
  appended DateTime64(3, 'UTC') COMMENT 'Time of the Kafka record; the broker’s, for events' CODEC(Delta, ZSTD(1)),
  record LowCardinality(String) COMMENT 'event; copy: brought by a rebuild from an earlier layout epoch; control: a record from a job to a task, which is no event',
  epoch UInt32 COMMENT 'Layout epoch the event was anchored under' CODEC(ZSTD(1)),
  source LowCardinality(String) COMMENT 'Id of the source',
  type LowCardinality(String) COMMENT 'track, identify, page, screen, group, alias',
  name LowCardinality(String) COMMENT 'Event name of a track, name of a page or screen',
  message_id String COMMENT 'Message id as sent, or made by the collector' CODEC(ZSTD(1)),
  message_id_generated Bool COMMENT 'True when the collector made the message id' CODEC(ZSTD(1)),
  anchor String COMMENT 'Identifier id the event is filed under; a hash of the message id without any' CODEC(ZSTD(1)),
  identifier_types Array(LowCardinality(String)) COMMENT 'Valid identifiers, strongest first: types',
  identifier_ids Array(String) COMMENT 'Valid identifiers, strongest first: identifier ids' CODEC(ZSTD(1)),
  identifier_values Array(String) COMMENT 'Valid identifiers, strongest first: normalised values' CODEC(ZSTD(1)),
  previous_type LowCardinality(String) COMMENT 'Previous identifier of an alias: type',
  previous_id String COMMENT 'Previous identifier of an alias: identifier id' CODEC(ZSTD(1)),
  previous_value String COMMENT 'Previous identifier of an alias: normalised value' CODEC(ZSTD(1)),
  time DateTime64(3, 'UTC') COMMENT 'Event time, corrected for the sender’s clock' CODEC(Delta, ZSTD(1)),
  original_time Nullable(DateTime64(3, 'UTC')) COMMENT 'What the client said' CODEC(ZSTD(1)),
  sent_time Nullable(DateTime64(3, 'UTC')) COMMENT 'When the client says it sent it' CODEC(ZSTD(1)),
  received DateTime64(3, 'UTC') COMMENT 'When the collector took it' CODEC(Delta, ZSTD(1)),
  time_flags Array(LowCardinality(String)) COMMENT 'uncorrected, missing, unreadable, future, zone_assumed; clamped: a time outside 1900 to 2299 is stored as the nearest',
  raw String COMMENT 'The bytes of the event as received; may be no valid UTF-8' CODEC(ZSTD(3)),
  payload String COMMENT 'Canonical event as JSON where raw is not that itself; empty otherwise' CODEC(ZSTD(3)),
  origin String COMMENT 'http:<request id>:<index> or kafka:<topic>:<partition>:<offset>' CODEC(ZSTD(1)),
  trusted Bool COMMENT 'With a secret key or through Kafka' CODEC(ZSTD(1)),
  identity_rules LowCardinality(String) COMMENT 'Hash of the identity rules it was anchored under',
  erases Bool COMMENT 'It says that its person is to be forgotten: a deleted row of a source that erases' CODEC(ZSTD(1)),
  control String COMMENT 'The control record as JSON' CODEC(ZSTD(1)),
  copy_topic LowCardinality(String) COMMENT 'Where the event stands that a copy was made of: topic',
  copy_partition UInt32 COMMENT 'Where the event stands that a copy was made of: partition' CODEC(ZSTD(1)),
  copy_offset UInt64 COMMENT 'Where the event stands that a copy was made of: offset' CODEC(ZSTD(1)),
  stored DateTime64(3, 'UTC') DEFAULT now64(3, 'UTC') COMMENT 'When this row was written' CODEC(Delta, ZSTD(1)),
  INDEX anchors anchor TYPE bloom_filter(0.01) GRANULARITY 1,
  INDEX identifiers identifier_ids TYPE bloom_filter(0.01) GRANULARITY 1,
  INDEX messages message_id TYPE bloom_filter(0.01) GRANULARITY 1,
  INDEX names name TYPE set(100) GRANULARITY 1
)
ENGINE = {{engine}}
PARTITION BY toYYYYMM(appended)
ORDER BY (topic, partition, `offset`)
SETTINGS {{deduplication}};

CREATE TABLE IF NOT EXISTS {{database}}.rejected {{on_cluster}}
(
  topic LowCardinality(String) COMMENT 'Name of the topic without prefix; from layout epoch 2 on, what is derived anew has the epoch in it: internal.events.v1.e2',
  partition UInt32 COMMENT 'Partition of the topic',
  `offset` UInt64 COMMENT 'Offset in the partition' CODEC(Delta, ZSTD(1)),
  gap UInt32 COMMENT 'Offsets just before this one that hold no record: markers of transactions' CODEC(ZSTD(1)),
  appended DateTime64(3, 'UTC') COMMENT 'Time of the Kafka record' CODEC(Delta, ZSTD(1)),
  source LowCardinality(String) COMMENT 'Id of the source',
  code LowCardinality(String) COMMENT 'Stable code of the reason',
  message String COMMENT 'The reason as a sentence' CODEC(ZSTD(1)),
  message_id String COMMENT 'Message id, where one could be read' CODEC(ZSTD(1)),
  received DateTime64(3, 'UTC') COMMENT 'When the collector took it' CODEC(Delta, ZSTD(1)),
  origin String COMMENT 'http:<request id>:<index> or kafka:<topic>:<partition>:<offset>' CODEC(ZSTD(1)),
  input String COMMENT 'The whole input, its own bytes; one piece of it when it was too large for one record' CODEC(ZSTD(3)),
  chunk UInt32 COMMENT 'Number of the piece, from 0' CODEC(ZSTD(1)),
  chunks UInt32 COMMENT 'How many pieces the input has, 1 for most' CODEC(ZSTD(1)),
  position_topic LowCardinality(String) COMMENT 'Where a Kafka source’s record stood: topic; empty over HTTP',
  position_partition UInt32 COMMENT 'Where a Kafka source’s record stood: partition',
  position_offset UInt64 COMMENT 'Where a Kafka source’s record stood: offset' CODEC(ZSTD(1)),
  stored DateTime64(3, 'UTC') DEFAULT now64(3, 'UTC') COMMENT 'When this row was written' CODEC(Delta, ZSTD(1))
)
ENGINE = {{engine}}
PARTITION BY toYYYYMM(appended)
ORDER BY (topic, partition, `offset`)
SETTINGS {{deduplication}};

CREATE TABLE IF NOT EXISTS {{database}}.skipped {{on_cluster}}
(
  topic LowCardinality(String) COMMENT 'Name of the topic without prefix; from layout epoch 2 on, what is derived anew has the epoch in it: internal.events.v1.e2',
  partition UInt32 COMMENT 'Partition of the topic',
  `offset` UInt64 COMMENT 'Offset in the partition' CODEC(Delta, ZSTD(1)),
  gap UInt32 COMMENT 'Offsets just before this one that hold no record: markers of transactions' CODEC(ZSTD(1)),
  appended DateTime64(3, 'UTC') COMMENT 'Time of the Kafka record' CODEC(Delta, ZSTD(1)),
  epoch UInt32 COMMENT 'Stamp: layout epoch of the writer' CODEC(ZSTD(1)),
  writer LowCardinality(String) COMMENT 'Stamp: task that wrote it, for example fragment-3',
  seq UInt64 COMMENT 'Stamp: number of the record, per (epoch, writer, topic, partition) without a gap' CODEC(Delta, ZSTD(1)),
  event_topic LowCardinality(String) COMMENT 'Where the event stands: topic',
  event_partition UInt32 COMMENT 'Where the event stands: partition',
  event_offset UInt64 COMMENT 'Where the event stands: offset' CODEC(Delta, ZSTD(1)),
  reason LowCardinality(String) COMMENT 'duplicate, conflict, no_identifier, erased, blocked',
  source LowCardinality(String) COMMENT 'Id of the source',
  message_id String COMMENT 'Message id of the event' CODEC(ZSTD(1)),
  stored DateTime64(3, 'UTC') DEFAULT now64(3, 'UTC') COMMENT 'When this row was written' CODEC(Delta, ZSTD(1))
)
ENGINE = {{engine}}
PARTITION BY toYYYYMM(appended)
ORDER BY (topic, partition, `offset`)
SETTINGS {{deduplication}};

-- Records that no table above or below takes: undecodable, or refused by ClickHouse. The position stays accounted for.
CREATE TABLE IF NOT EXISTS {{database}}.quarantine {{on_cluster}}
(
  topic LowCardinality(String) COMMENT 'Name of the topic without prefix; from layout epoch 2 on, what is derived anew has the epoch in it: internal.events.v1.e2',
  partition UInt32 COMMENT 'Partition of the topic',
  `offset` UInt64 COMMENT 'Offset in the partition' CODEC(Delta, ZSTD(1)),
  gap UInt32 COMMENT 'Offsets just before this one that hold no record: markers of transactions' CODEC(ZSTD(1)),
  appended DateTime64(3, 'UTC') COMMENT 'Time of the Kafka record' CODEC(Delta, ZSTD(1)),
  reason String COMMENT 'undecodable or refused, and why' CODEC(ZSTD(1)),
  key String COMMENT 'Key of the record, its own bytes' CODEC(ZSTD(1)),
  value String COMMENT 'Value of the record, its own bytes' CODEC(ZSTD(3)),
  has_value Bool COMMENT 'False when the record had no value at all' CODEC(ZSTD(1)),
  headers Map(String, String) COMMENT 'Headers of the record' CODEC(ZSTD(1)),
  stored DateTime64(3, 'UTC') DEFAULT now64(3, 'UTC') COMMENT 'When this row was written' CODEC(Delta, ZSTD(1))
)
ENGINE = {{engine}}
PARTITION BY toYYYYMM(appended)
ORDER BY (topic, partition, `offset`)
SETTINGS {{deduplication}};
