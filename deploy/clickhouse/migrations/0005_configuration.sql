-- Every revision of the workspace.

CREATE TABLE IF NOT EXISTS {{database}}.configuration {{on_cluster}}
(
  topic LowCardinality(String) COMMENT 'Name of the topic without prefix; from layout epoch 2 on, what is derived anew has the epoch in it: internal.events.v1.e2',
  partition UInt32 COMMENT 'Partition of the topic',
  `offset` UInt64 COMMENT 'Offset in the partition' CODEC(Delta, ZSTD(1)),
  gap UInt32 COMMENT 'Offsets just before this one that hold no record: markers of transactions' CODEC(ZSTD(1)),
  appended DateTime64(3, 'UTC') COMMENT 'Time of the Kafka record' CODEC(Delta, ZSTD(1)),
  revision UInt64 COMMENT 'Number of the revision' CODEC(ZSTD(1)),
  parent UInt64 COMMENT 'Revision it was made from; one whose parent was not in force lost and counts for nothing' CODEC(ZSTD(1)),
  author String COMMENT 'Who' CODEC(ZSTD(1)),
  message String COMMENT 'Why' CODEC(ZSTD(1)),
  created Nullable(DateTime64(3, 'UTC')) COMMENT 'When' CODEC(ZSTD(1)),
  document_kinds Array(LowCardinality(String)) COMMENT 'Documents: kinds',
  document_ids Array(String) COMMENT 'Documents: ids' CODEC(ZSTD(1)),
  document_hashes Array(String) COMMENT 'Documents: hashes' CODEC(ZSTD(1)),
  document_owners Array(LowCardinality(String)) COMMENT 'Documents: managed by files or console',
  document_jsons Array(String) COMMENT 'Documents: canonical JSON' CODEC(ZSTD(3)),
  stored DateTime64(3, 'UTC') DEFAULT now64(3, 'UTC') COMMENT 'When this row was written' CODEC(Delta, ZSTD(1))
)
ENGINE = {{engine}}
PARTITION BY toYYYYMM(appended)
ORDER BY (topic, partition, `offset`)
SETTINGS {{deduplication}};
