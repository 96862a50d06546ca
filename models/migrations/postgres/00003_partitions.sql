-- +goose Up
-- What grows with every callback is kept in leaves by day, so that a day goes at once when it is old. The days are those
-- of the ids: 41 bits of milliseconds since 2026 over 22 of others.
ALTER TABLE callbacks RENAME TO callbacks_whole;
ALTER TABLE callbacks_whole DROP CONSTRAINT callbacks_pkey;
ALTER TABLE events RENAME TO events_whole;
ALTER TABLE events_whole DROP CONSTRAINT events_pkey, DROP CONSTRAINT events_key_key;
ALTER TABLE deliveries RENAME TO deliveries_whole;
ALTER TABLE deliveries_whole DROP CONSTRAINT deliveries_pkey;
DROP INDEX deliveries_failed;
ALTER TABLE attempts RENAME TO attempts_whole;
ALTER TABLE attempts_whole DROP CONSTRAINT attempts_pkey;
ALTER TABLE digests RENAME TO digests_whole;
ALTER TABLE digests_whole DROP CONSTRAINT digests_pkey;

CREATE TABLE callbacks (LIKE callbacks_whole INCLUDING DEFAULTS, PRIMARY KEY (id)) PARTITION BY RANGE (id);
CREATE TABLE events (LIKE events_whole INCLUDING DEFAULTS, PRIMARY KEY (id)) PARTITION BY RANGE (id);
-- Half of each page of the leaves is left free.
CREATE TABLE deliveries (LIKE deliveries_whole INCLUDING DEFAULTS, PRIMARY KEY (webhook_id, event_id)) PARTITION BY RANGE (event_id);
CREATE INDEX deliveries_failed ON deliveries (webhook_id, event_id) WHERE failed_at IS NOT NULL;
CREATE TABLE attempts (LIKE attempts_whole INCLUDING DEFAULTS, PRIMARY KEY (webhook_id, event_id, n)) PARTITION BY RANGE (event_id);
CREATE TABLE digests (LIKE digests_whole INCLUDING DEFAULTS, PRIMARY KEY (event_id)) PARTITION BY RANGE (event_id);
-- Which events there have been, in generations of four days: each is unique within itself.
CREATE TABLE event_keys (key bytea NOT NULL, event_id bigint NOT NULL) PARTITION BY RANGE (event_id);
-- Up to which id the contents of a table's rows have been emptied.
CREATE TABLE pruned (name text PRIMARY KEY, before_id bigint NOT NULL);

-- Leaves for each day that has rows, for today and for the week ahead.
-- +goose StatementBegin
DO $$
DECLARE
	day_ids CONSTANT bigint := 86400000::bigint << 22;
	today CONSTANT bigint := (extract(epoch FROM now()) * 1000 - 1767225600000)::bigint / 86400000;
	t record;
	n bigint;
BEGIN
	FOR t IN SELECT * FROM (VALUES ('callbacks', 'callbacks', 'id', 1, '', ''), ('events', 'events', 'id', 1, '', ''), ('deliveries', 'deliveries', 'event_id', 1, '', ' WITH (fillfactor = 50)'),
		('attempts', 'attempts', 'event_id', 1, '', ''), ('digests', 'digests', 'event_id', 1, '', ''), ('event_keys', 'events', 'id', 4, ', UNIQUE (key)', ''))
		AS t(name, source, id, days, also, stored)
	LOOP
		FOR n IN EXECUTE format('SELECT DISTINCT %1$I / %2$s / %3$s FROM %4$I UNION SELECT d / %3$s FROM generate_series(%5$s, %5$s + 7) AS d',
			t.id, day_ids, t.days, t.source || '_whole', today)
		LOOP
			EXECUTE format('CREATE TABLE %1$I (LIKE %2$I INCLUDING ALL%3$s)%4$s',
				t.name || to_char(timestamp '2026-01-01' + n * t.days * interval '1 day', '_YYYYMMDD'), t.name, t.also, t.stored);
			EXECUTE format('ALTER TABLE %2$I ATTACH PARTITION %1$I FOR VALUES FROM (%3$s) TO (%4$s)',
				t.name || to_char(timestamp '2026-01-01' + n * t.days * interval '1 day', '_YYYYMMDD'), t.name, n * t.days * day_ids, (n + 1) * t.days * day_ids);
		END LOOP;
	END LOOP;
END $$;
-- +goose StatementEnd

INSERT INTO callbacks SELECT * FROM callbacks_whole;
INSERT INTO events SELECT * FROM events_whole;
INSERT INTO event_keys SELECT key, id FROM events_whole;
INSERT INTO deliveries SELECT * FROM deliveries_whole;
INSERT INTO attempts SELECT * FROM attempts_whole;
INSERT INTO digests SELECT * FROM digests_whole;
DROP TABLE callbacks_whole, events_whole, deliveries_whole, attempts_whole, digests_whole;
