-- What was to be sent to whom, and what became of it.

CREATE TABLE IF NOT EXISTS {{database}}.deliveries {{on_cluster}}
(
  topic LowCardinality(String) COMMENT 'Name of the topic without prefix; from layout epoch 2 on, what is derived anew has the epoch in it: internal.events.v1.e2',
  partition UInt32 COMMENT 'Partition of the topic',
  `offset` UInt64 COMMENT 'Offset in the partition' CODEC(Delta, ZSTD(1)),
  gap UInt32 COMMENT 'Offsets just before this one that hold no record: markers of transactions' CODEC(ZSTD(1)),
  appended DateTime64(3, 'UTC') COMMENT 'Time of the Kafka record' CODEC(Delta, ZSTD(1)),
  epoch UInt32 COMMENT 'Stamp: layout epoch of the writer' CODEC(ZSTD(1)),
  writer LowCardinality(String) COMMENT 'Stamp: task that wrote it, for example sync-3',
  seq UInt64 COMMENT 'Stamp: number of the record, per (epoch, writer, topic, partition) without a gap' CODEC(Delta, ZSTD(1)),
  id String COMMENT 'Delivery id: the idempotency key' CODEC(ZSTD(1)),
  destination LowCardinality(String) COMMENT 'Id of the destination',
  sync LowCardinality(String) COMMENT 'Id of the sync',
  profile_id String COMMENT 'Profile it is about' CODEC(ZSTD(1)),
  version String COMMENT 'Version of the profile' CODEC(ZSTD(1)),
  type LowCardinality(String) COMMENT 'CloudEvents type of the change',
  change_id String COMMENT 'ce_id of the change that caused it' CODEC(ZSTD(1)),
  body String COMMENT 'What is sent, as JSON text' CODEC(ZSTD(3)),
  created DateTime64(3, 'UTC') COMMENT 'When it was made' CODEC(Delta, ZSTD(1)),
  mapping LowCardinality(String) COMMENT 'Hash of the Sync document it was mapped under',
  filtered LowCardinality(String) COMMENT 'Why it must not be sent; empty when it may',
  stored DateTime64(3, 'UTC') DEFAULT now64(3, 'UTC') COMMENT 'When this row was written' CODEC(Delta, ZSTD(1)),
  INDEX ids id TYPE bloom_filter(0.01) GRANULARITY 1,
  INDEX profiles profile_id TYPE bloom_filter(0.01) GRANULARITY 1
)
ENGINE = {{engine}}
PARTITION BY toYYYYMM(appended)
ORDER BY (topic, partition, `offset`)
SETTINGS {{deduplication}};

CREATE TABLE IF NOT EXISTS {{database}}.delivery_outcomes {{on_cluster}}
(
  topic LowCardinality(String) COMMENT 'Name of the topic without prefix; from layout epoch 2 on, what is derived anew has the epoch in it: internal.events.v1.e2',
  partition UInt32 COMMENT 'Partition of the topic',
  `offset` UInt64 COMMENT 'Offset in the partition' CODEC(Delta, ZSTD(1)),
  gap UInt32 COMMENT 'Offsets just before this one that hold no record: markers of transactions' CODEC(ZSTD(1)),
  appended DateTime64(3, 'UTC') COMMENT 'Time of the Kafka record' CODEC(Delta, ZSTD(1)),
  epoch UInt32 COMMENT 'Stamp: layout epoch of the writer' CODEC(ZSTD(1)),
  writer LowCardinality(String) COMMENT 'Stamp: task that wrote it, for example delivery-3',
  seq UInt64 COMMENT 'Stamp: number of the record, per (epoch, writer, topic, partition) without a gap' CODEC(Delta, ZSTD(1)),
  delivery_id String COMMENT 'Delivery it is about' CODEC(ZSTD(1)),
  destination LowCardinality(String) COMMENT 'Id of the destination',
  sync LowCardinality(String) COMMENT 'Id of the sync',
  profile_id String COMMENT 'Profile it is about' CODEC(ZSTD(1)),
  change_id String COMMENT 'ce_id of the change that caused the delivery' CODEC(ZSTD(1)),
  kind LowCardinality(String) COMMENT 'delivered, retry, dead, filtered, redriven, discarded',
  attempt UInt32 COMMENT 'Number of the try, 1 at first; 0 when nothing was tried' CODEC(ZSTD(1)),
  status UInt32 COMMENT 'HTTP status of the answer; 0 without one' CODEC(ZSTD(1)),
  code LowCardinality(String) COMMENT 'Stable code',
  message String COMMENT 'A sentence; no personal value' CODEC(ZSTD(1)),
  time DateTime64(3, 'UTC') COMMENT 'When' CODEC(Delta, ZSTD(1)),
  stored DateTime64(3, 'UTC') DEFAULT now64(3, 'UTC') COMMENT 'When this row was written' CODEC(Delta, ZSTD(1)),
  INDEX ids delivery_id TYPE bloom_filter(0.01) GRANULARITY 1
)
ENGINE = {{engine}}
PARTITION BY toYYYYMM(appended)
ORDER BY (topic, partition, `offset`)
SETTINGS {{deduplication}};
