-- Whose each event is, at query time: an event is stored once and never rewritten, whoever merges or splits later.

CREATE VIEW IF NOT EXISTS {{database}}.identifier_moves {{on_cluster}} AS
SELECT
  moved.1 AS identifier_type,
  moved.2 AS identifier_id,
  moved.3 AS profile_before,
  moved.4 AS profile_id,
  kind, time, change_id, evidence_id, message_id, source, epoch, partition, `offset`
FROM {{database}}.identity_changes
ARRAY JOIN arrayZip(move_types, move_ids, move_from, move_to) AS moved;

-- Parameter `at`: as it was known then. An identifier that never moved is not in it: it is the profile `<id>-0`.
CREATE VIEW IF NOT EXISTS {{database}}.identifier_profiles_at {{on_cluster}} AS
SELECT
  identifier_id,
  argMax(profile_id, (epoch, `offset`)) AS profile_id,
  max(time) AS since,
  maxIf(time, kind = 'erase') AS erased
FROM {{database}}.identifier_moves
WHERE time <= {at:DateTime64(3, 'UTC')}
GROUP BY identifier_id;

CREATE VIEW IF NOT EXISTS {{database}}.identifier_profiles {{on_cluster}} AS
SELECT
  identifier_id,
  argMax(profile_id, (epoch, `offset`)) AS profile_id,
  max(time) AS since,
  maxIf(time, kind = 'erase') AS erased
FROM {{database}}.identifier_moves
GROUP BY identifier_id;

-- The events that are folded into profiles, each with the profile it belongs to now; empty for what was erased.
CREATE VIEW IF NOT EXISTS {{database}}.attributed_events {{on_cluster}} AS
SELECT
  e.*,
  multiIf(p.identifier_id = '', concat(e.anchor, '-0'), e.appended <= p.erased, '', p.profile_id) AS profile_id
FROM {{database}}.events AS e
LEFT JOIN {{database}}.identifier_profiles AS p ON p.identifier_id = e.anchor
WHERE e.record != 'control'
  AND e.topic = (SELECT argMax(topic, (length(topic), topic)) FROM (SELECT DISTINCT topic FROM {{database}}.events))
  AND (e.topic, e.partition, e.`offset`) NOT IN (
    SELECT event_topic, event_partition, event_offset FROM {{database}}.skipped
  );

-- The same as it was known at a moment: what had been received by then, with the identity of then.
CREATE VIEW IF NOT EXISTS {{database}}.attributed_events_at {{on_cluster}} AS
SELECT
  e.*,
  multiIf(p.identifier_id = '', concat(e.anchor, '-0'), e.appended <= p.erased, '', p.profile_id) AS profile_id
FROM {{database}}.events AS e
LEFT JOIN {{database}}.identifier_profiles_at(at = {at:DateTime64(3, 'UTC')}) AS p ON p.identifier_id = e.anchor
WHERE e.record != 'control'
  AND e.appended <= {at:DateTime64(3, 'UTC')}
  AND e.topic = (SELECT argMax(topic, (length(topic), topic)) FROM (SELECT DISTINCT topic FROM {{database}}.events))
  AND (e.topic, e.partition, e.`offset`) NOT IN (
    SELECT event_topic, event_partition, event_offset FROM {{database}}.skipped
  );
