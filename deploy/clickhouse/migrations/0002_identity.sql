-- What was seen together, what operators said, and what the resolver made of it.

CREATE TABLE IF NOT EXISTS {{database}}.evidence {{on_cluster}}
(
  topic LowCardinality(String) COMMENT 'Name of the topic without prefix; from layout epoch 2 on, what is derived anew has the epoch in it: internal.events.v1.e2',
  partition UInt32 COMMENT 'Partition of the topic',
  `offset` UInt64 COMMENT 'Offset in the partition' CODEC(Delta, ZSTD(1)),
  gap UInt32 COMMENT 'Offsets just before this one that hold no record: markers of transactions' CODEC(ZSTD(1)),
  appended DateTime64(3, 'UTC') COMMENT 'Time of the Kafka record' CODEC(Delta, ZSTD(1)),
  epoch UInt32 COMMENT 'Stamp: layout epoch of the writer' CODEC(ZSTD(1)),
  writer LowCardinality(String) COMMENT 'Stamp: task that wrote it; empty for what an operator appended',
  seq UInt64 COMMENT 'Stamp: number of the record, per (epoch, writer, topic, partition) without a gap' CODEC(Delta, ZSTD(1)),
  record LowCardinality(String) COMMENT 'evidence, fact, rules',
  id String COMMENT 'Evidence id or fact id' CODEC(ZSTD(1)),
  class LowCardinality(String) COMMENT 'Evidence: co_occurrence, identify, alias, join',
  source LowCardinality(String) COMMENT 'Evidence: id of the source',
  member_types Array(LowCardinality(String)) COMMENT 'Types of the members; of the blocked ones, for rules',
  member_ids Array(String) COMMENT 'Identifier ids of the members; of the blocked ones, for rules' CODEC(ZSTD(1)),
  first_time Nullable(DateTime64(3, 'UTC')) COMMENT 'Evidence: earliest event time' CODEC(ZSTD(1)),
  message_id String COMMENT 'Evidence: message that had it' CODEC(ZSTD(1)),
  received Nullable(DateTime64(3, 'UTC')) COMMENT 'Evidence: when the collector last received it' CODEC(ZSTD(1)),
  fact LowCardinality(String) COMMENT 'Fact: join, separate, block, unblock, shared, not_shared, retract, erase',
  retracts String COMMENT 'Fact: evidence or fact it takes back' CODEC(ZSTD(1)),
  actor String COMMENT 'Fact: who said it' CODEC(ZSTD(1)),
  reason String COMMENT 'Fact: why' CODEC(ZSTD(1)),
  fact_time Nullable(DateTime64(3, 'UTC')) COMMENT 'Fact: when' CODEC(ZSTD(1)),
  rules String COMMENT 'Rules: the record as JSON' CODEC(ZSTD(1)),
  rules_hash LowCardinality(String) COMMENT 'Rules: hash of the Identity document',
  stored DateTime64(3, 'UTC') DEFAULT now64(3, 'UTC') COMMENT 'When this row was written' CODEC(Delta, ZSTD(1)),
  INDEX members member_ids TYPE bloom_filter(0.01) GRANULARITY 1
)
ENGINE = {{engine}}
PARTITION BY toYYYYMM(appended)
ORDER BY (topic, partition, `offset`)
SETTINGS {{deduplication}};

CREATE TABLE IF NOT EXISTS {{database}}.identity_changes {{on_cluster}}
(
  topic LowCardinality(String) COMMENT 'Name of the topic without prefix; from layout epoch 2 on, what is derived anew has the epoch in it: internal.events.v1.e2',
  partition UInt32 COMMENT 'Partition of the topic',
  `offset` UInt64 COMMENT 'Offset in the partition' CODEC(Delta, ZSTD(1)),
  gap UInt32 COMMENT 'Offsets just before this one that hold no record: markers of transactions' CODEC(ZSTD(1)),
  appended DateTime64(3, 'UTC') COMMENT 'Time of the Kafka record' CODEC(Delta, ZSTD(1)),
  epoch UInt32 COMMENT 'From ce_id: layout epoch of the writer' CODEC(ZSTD(1)),
  seq UInt64 COMMENT 'From ce_id: number of the record, per (epoch, topic, partition) without a gap' CODEC(Delta, ZSTD(1)),
  ce_id String COMMENT 'CloudEvents id' CODEC(ZSTD(1)),
  ce_type LowCardinality(String) COMMENT 'CloudEvents type',
  change_id String COMMENT 'The same for everything one resolution changed' CODEC(ZSTD(1)),
  kind LowCardinality(String) COMMENT 'merge, split, rename, erase',
  chunk UInt32 COMMENT 'Number of the chunk, from 0' CODEC(ZSTD(1)),
  chunks UInt32 COMMENT 'How many chunks there are' CODEC(ZSTD(1)),
  time DateTime64(3, 'UTC') COMMENT 'When it was resolved' CODEC(Delta, ZSTD(1)),
  move_types Array(LowCardinality(String)) COMMENT 'Moved identifiers: types',
  move_ids Array(String) COMMENT 'Moved identifiers: identifier ids' CODEC(ZSTD(1)),
  move_from Array(String) COMMENT 'Moved identifiers: profile id before' CODEC(ZSTD(1)),
  move_to Array(String) COMMENT 'Moved identifiers: profile id after' CODEC(ZSTD(1)),
  evidence_id String COMMENT 'Evidence or fact that caused it' CODEC(ZSTD(1)),
  message_id String COMMENT 'Message that carried the evidence' CODEC(ZSTD(1)),
  source LowCardinality(String) COMMENT 'Source of the evidence',
  value String COMMENT 'The public record, its own bytes' CODEC(ZSTD(3)),
  stored DateTime64(3, 'UTC') DEFAULT now64(3, 'UTC') COMMENT 'When this row was written' CODEC(Delta, ZSTD(1)),
  INDEX moves move_ids TYPE bloom_filter(0.01) GRANULARITY 1
)
ENGINE = {{engine}}
PARTITION BY toYYYYMM(appended)
ORDER BY (topic, partition, `offset`)
SETTINGS {{deduplication}};
