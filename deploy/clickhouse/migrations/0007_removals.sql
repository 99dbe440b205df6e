-- What was taken out of the log on purpose, and who is to be forgotten. No row here is made from a Kafka record.

-- One row when a lot of rows is to be removed, one when it is gone. The ledger counts from the first on. It holds
-- nothing of a person: offsets, numbers and sums.
CREATE TABLE IF NOT EXISTS {{database}}.removals {{on_cluster}}
(
  id String COMMENT 'The same in all rows of one lot',
  step LowCardinality(String) COMMENT 'declared: its rows are to be removed, and the ledger counts them as such; withdrawn: somebody else declared some of them first; removed: its rows are gone from disk',
  at DateTime64(3, 'UTC') COMMENT 'When this step was taken' CODEC(ZSTD(1)),
  reason LowCardinality(String) COMMENT 'expired: older than the workspace keeps; erased: of a person who is forgotten',
  rule String COMMENT 'What says so: the retention of the workspace, or the erasures' CODEC(ZSTD(1)),
  until Nullable(DateTime64(3, 'UTC')) COMMENT 'Expired: what was received before' CODEC(ZSTD(1)),
  table_name LowCardinality(String) COMMENT 'Table of the rows',
  topic LowCardinality(String) COMMENT 'Topic of the rows, as in their table',
  partition UInt32 COMMENT 'Partition of the rows',
  rows UInt64 COMMENT 'How many rows' CODEC(ZSTD(1)),
  offsets UInt64 COMMENT 'How many offsets they had: fewer when one was there twice' CODEC(ZSTD(1)),
  first Array(UInt64) COMMENT 'Runs of offsets that the rows and the markers before them account for: first of each' CODEC(ZSTD(1)),
  last Array(UInt64) COMMENT 'Runs of offsets: last of each' CODEC(ZSTD(1)),
  stamp_epochs Array(UInt32) COMMENT 'Stamps of the rows, where their table has any: epoch' CODEC(ZSTD(1)),
  stamp_writers Array(LowCardinality(String)) COMMENT 'Stamps of the rows: writer' CODEC(ZSTD(1)),
  stamp_seqs Array(UInt64) COMMENT 'Stamps of the rows: number' CODEC(ZSTD(1)),
  versions Array(UInt64) COMMENT 'Profile changes: n of the versions' CODEC(ZSTD(1)),
  sources Array(LowCardinality(String)) COMMENT 'By source: ids',
  source_rows Array(UInt64) COMMENT 'By source: rows' CODEC(ZSTD(1)),
  source_events Array(UInt64) COMMENT 'By source: rows that were events as they came in, copies not counted' CODEC(ZSTD(1)),
  source_event_inputs Array(Int64) COMMENT 'By source: accepted inputs of which no row is left' CODEC(ZSTD(1)),
  source_rejected_inputs Array(Int64) COMMENT 'By source: rejected inputs of which no row is left' CODEC(ZSTD(1)),
  source_both_inputs Array(Int64) COMMENT 'By source: inputs that were accepted and rejected, and cannot be seen to be any more' CODEC(ZSTD(1)),
  source_redriven_inputs Array(Int64) COMMENT 'By source: inputs that were sent again, and cannot be seen to be any more' CODEC(ZSTD(1)),
  events UInt64 COMMENT 'Events and copies among the rows' CODEC(ZSTD(1)),
  copies UInt64 COMMENT 'Copies among the rows' CODEC(ZSTD(1)),
  foldable UInt64 COMMENT 'Distinct messages with an identifier of which no row is left' CODEC(ZSTD(1)),
  filed_nowhere UInt64 COMMENT 'Events of blocked anchors among the rows that counted under no identifier' CODEC(ZSTD(1)),
  filed_twice UInt64 COMMENT 'Events of blocked anchors among the rows that counted by another row of their message' CODEC(ZSTD(1))
)
ENGINE = {{engine}}
ORDER BY (table_name, topic, partition, id)
SETTINGS {{deduplication}};

-- What the facts of the topic internal.facts say, one row per fact and identifier: filled from there, again after a
-- backup was restored. Without values: hashes only.
CREATE TABLE IF NOT EXISTS {{database}}.erasures {{on_cluster}}
(
  identifier_id String COMMENT 'Identifier of the person' CODEC(ZSTD(1)),
  fact String COMMENT 'Id of the fact' CODEC(ZSTD(1)),
  until DateTime64(3, 'UTC') COMMENT 'What was received until then is forgotten' CODEC(ZSTD(1)),
  noted DateTime64(3, 'UTC') DEFAULT now64(3, 'UTC') COMMENT 'When this row was written' CODEC(ZSTD(1))
)
ENGINE = {{engine}}
ORDER BY (identifier_id, fact)
SETTINGS {{deduplication}};
