-- Whose an event is, when identifiers were blocked and their events filed again, and while a rebuild runs.

CREATE TABLE IF NOT EXISTS {{database}}.layouts {{on_cluster}}
(
  epoch UInt32 COMMENT 'Layout epoch that was made the active one; the highest is it',
  activated DateTime64(3, 'UTC') DEFAULT now64(3, 'UTC') COMMENT 'When' CODEC(Delta, ZSTD(1))
)
ENGINE = {{engine}}
ORDER BY epoch
SETTINGS {{deduplication}};

-- Before this table nothing said it: the newest epoch with events is taken for the active one.
INSERT INTO {{database}}.layouts (epoch)
SELECT max(if(topic LIKE '%.e%', toUInt32OrZero(splitByString('.e', topic)[-1]), 1)) AS epoch
FROM (SELECT DISTINCT topic FROM {{database}}.events) HAVING epoch > 0;

-- Identifiers that were blocked once, in each events topic, by their last filing until `at`. Control records have no
-- anchor, so the index of anchors finds them.
CREATE VIEW IF NOT EXISTS {{database}}.filed_anchors_at {{on_cluster}} AS
SELECT
  topic, filed.1 AS identifier_id,
  argMax(filed.2, number) AS blocked,
  max(number) AS filing,
  max(appended) AS since
FROM (
  SELECT topic, appended, JSONExtractUInt(control, 'job') AS number,
    arrayJoin(JSONExtract(
      JSONExtractString(control, 'definition'), 'anchors', 'Array(Tuple(id String, blocked Bool))'
    )) AS filed
  FROM {{database}}.events
  WHERE anchor = '' AND record = 'control' AND JSONExtractString(control, 'step') = 'CONTROL_STEP_REFILE'
    AND appended <= {at:DateTime64(3, 'UTC')}
)
GROUP BY topic, identifier_id;

CREATE VIEW IF NOT EXISTS {{database}}.filed_anchors {{on_cluster}} AS
SELECT * FROM {{database}}.filed_anchors_at(at = '2299-12-31 00:00:00');

-- Events whose anchor is blocked, each with the first of its identifiers that is not; empty when there is none. A message
-- counts once under an identifier: when it came by itself that one counts, else the first.
CREATE VIEW IF NOT EXISTS {{database}}.moved_events_at {{on_cluster}} AS
WITH blocked AS (
  SELECT topic, identifier_id
  FROM {{database}}.filed_anchors_at(at = {at:DateTime64(3, 'UTC')}) WHERE blocked
), passed_over AS (
  SELECT event_topic, event_partition, event_offset FROM {{database}}.skipped WHERE reason != 'blocked'
), moved AS (
  SELECT topic, partition, `offset`, source, message_id,
    arrayFirst(
      id -> NOT has((SELECT groupUniqArray((topic, identifier_id)) FROM blocked), (topic, id)), identifier_ids
    ) AS filed_under
  FROM {{database}}.events
  WHERE record != 'control' AND appended <= {at:DateTime64(3, 'UTC')}
    AND (topic, anchor) IN (SELECT topic, identifier_id FROM blocked)
    AND (topic, partition, `offset`) NOT IN (SELECT event_topic, event_partition, event_offset FROM passed_over)
)
SELECT topic, partition, `offset`, source, message_id, filed_under,
  filed_under != ''
    AND row_number() OVER (PARTITION BY topic, source, message_id, filed_under ORDER BY partition, `offset`) = 1
    AND (topic, source, message_id, filed_under) NOT IN (
      SELECT topic, source, message_id, anchor FROM {{database}}.events
      WHERE record != 'control' AND appended <= {at:DateTime64(3, 'UTC')}
        AND message_id IN (SELECT message_id FROM moved)
        AND (topic, anchor) NOT IN (SELECT topic, identifier_id FROM blocked)
        AND (topic, partition, `offset`) NOT IN (SELECT event_topic, event_partition, event_offset FROM passed_over)
    ) AS counts
FROM moved;

CREATE VIEW IF NOT EXISTS {{database}}.moved_events {{on_cluster}} AS
SELECT * FROM {{database}}.moved_events_at(at = '2299-12-31 00:00:00');

-- Every event that is folded, with the identifier it is filed under.
CREATE VIEW IF NOT EXISTS {{database}}.filed_events_at {{on_cluster}} AS
SELECT e.*, if(m.filed_under = '', e.anchor, m.filed_under) AS filed_under
FROM {{database}}.events AS e
LEFT JOIN (
  SELECT topic, partition, `offset`, filed_under
  FROM {{database}}.moved_events_at(at = {at:DateTime64(3, 'UTC')}) WHERE counts
) AS m ON m.topic = e.topic AND m.partition = e.partition AND m.`offset` = e.`offset`
WHERE e.record != 'control' AND e.appended <= {at:DateTime64(3, 'UTC')}
  AND (m.filed_under != '' OR (e.topic, e.anchor) NOT IN (
    SELECT topic, identifier_id FROM {{database}}.filed_anchors_at(at = {at:DateTime64(3, 'UTC')}) WHERE blocked
  ))
  AND (e.topic, e.partition, e.`offset`) NOT IN (
    SELECT event_topic, event_partition, event_offset FROM {{database}}.skipped WHERE reason != 'blocked'
  );

CREATE VIEW IF NOT EXISTS {{database}}.filed_events {{on_cluster}} AS
SELECT * FROM {{database}}.filed_events_at(at = '2299-12-31 00:00:00');

-- The events that are folded into profiles, in the layout that is active, each with the profile it belongs to now; empty
-- for what was erased.
CREATE OR REPLACE VIEW {{database}}.attributed_events {{on_cluster}} AS
SELECT
  e.*,
  multiIf(p.identifier_id = '', concat(e.filed_under, '-0'), e.appended <= p.erased, '', p.profile_id) AS profile_id
FROM {{database}}.filed_events AS e
LEFT JOIN {{database}}.identifier_profiles AS p ON p.identifier_id = e.filed_under
WHERE e.topic = (
  SELECT if(max(epoch) < 2, 'internal.events.v1', concat('internal.events.v1.e', toString(max(epoch))))
  FROM {{database}}.layouts
);

-- The same as it was known at a moment: what had been received by then, with the identity of then.
CREATE OR REPLACE VIEW {{database}}.attributed_events_at {{on_cluster}} AS
SELECT
  e.*,
  multiIf(p.identifier_id = '', concat(e.filed_under, '-0'), e.appended <= p.erased, '', p.profile_id) AS profile_id
FROM {{database}}.filed_events_at(at = {at:DateTime64(3, 'UTC')}) AS e
LEFT JOIN {{database}}.identifier_profiles_at(at = {at:DateTime64(3, 'UTC')}) AS p ON p.identifier_id = e.filed_under
WHERE e.topic = (
  SELECT if(max(epoch) < 2, 'internal.events.v1', concat('internal.events.v1.e', toString(max(epoch))))
  FROM {{database}}.layouts
);
