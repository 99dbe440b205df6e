-- What became known of people, change by change.

CREATE TABLE IF NOT EXISTS {{database}}.profile_changes {{on_cluster}}
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
  op LowCardinality(String) COMMENT 'c created, u updated, d gone',
  profile_id String COMMENT 'Profile it is about' CODEC(ZSTD(1)),
  version String COMMENT 'Version of the profile after the change; compares as text' CODEC(ZSTD(1)),
  n UInt64 COMMENT 'Number in the version: counts the changes of the partition without a gap' CODEC(Delta, ZSTD(1)),
  previous_version String COMMENT 'Version before; empty for the first' CODEC(ZSTD(1)),
  time DateTime64(3, 'UTC') COMMENT 'When it was changed' CODEC(Delta, ZSTD(1)),
  changed Array(String) COMMENT 'Changed paths' CODEC(ZSTD(1)),
  merged_from Array(String) COMMENT 'Profiles that were merged into this one' CODEC(ZSTD(1)),
  merged_into String COMMENT 'Profile this one was merged into; empty otherwise' CODEC(ZSTD(1)),
  reason LowCardinality(String) COMMENT 'event, identity, definition, time, erasure',
  message_ids Array(String) COMMENT 'Messages that caused it' CODEC(ZSTD(1)),
  sources Array(LowCardinality(String)) COMMENT 'Sources that caused it',
  change_id String COMMENT 'Identity change that caused it; empty otherwise' CODEC(ZSTD(1)),
  rules Map(LowCardinality(String), String) COMMENT 'Document and hash it was computed under' CODEC(ZSTD(1)),
  value String COMMENT 'The public record, its own bytes: before, after and all else' CODEC(ZSTD(3)),
  stored DateTime64(3, 'UTC') DEFAULT now64(3, 'UTC') COMMENT 'When this row was written' CODEC(Delta, ZSTD(1)),
  INDEX profiles profile_id TYPE bloom_filter(0.01) GRANULARITY 1
)
ENGINE = {{engine}}
PARTITION BY toYYYYMM(appended)
ORDER BY (topic, partition, `offset`)
SETTINGS {{deduplication}};

CREATE TABLE IF NOT EXISTS {{database}}.audience_changes {{on_cluster}}
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
  audience LowCardinality(String) COMMENT 'Id of the audience',
  profile_id String COMMENT 'Profile that entered or left' CODEC(ZSTD(1)),
  change LowCardinality(String) COMMENT 'entered, left, corrected',
  version String COMMENT 'Version of the profile' CODEC(ZSTD(1)),
  n UInt64 COMMENT 'Number in the version' CODEC(Delta, ZSTD(1)),
  time DateTime64(3, 'UTC') COMMENT 'When it was judged' CODEC(Delta, ZSTD(1)),
  reason LowCardinality(String) COMMENT 'event, identity, definition, time, erasure, merged',
  message_ids Array(String) COMMENT 'Messages that caused it' CODEC(ZSTD(1)),
  sources Array(LowCardinality(String)) COMMENT 'Sources that caused it',
  rules Map(LowCardinality(String), String) COMMENT 'Document and hash it was judged under' CODEC(ZSTD(1)),
  value String COMMENT 'The public record, its own bytes' CODEC(ZSTD(3)),
  stored DateTime64(3, 'UTC') DEFAULT now64(3, 'UTC') COMMENT 'When this row was written' CODEC(Delta, ZSTD(1)),
  INDEX profiles profile_id TYPE bloom_filter(0.01) GRANULARITY 1
)
ENGINE = {{engine}}
PARTITION BY toYYYYMM(appended)
ORDER BY (topic, partition, `offset`)
SETTINGS {{deduplication}};
