-- +goose Up
-- The transaction that an event was committed by, by which it is pulled: ids are given before the commit, so that a
-- later commit may have a smaller id. The events that are there already count as one transaction's. A database that was
-- dumped and restored elsewhere keeps the old numbers: set xid to pg_current_xact_id() there once.
ALTER TABLE events ADD COLUMN xid xid8 NOT NULL DEFAULT pg_current_xact_id();
CREATE INDEX events_feed ON events (business_id, xid, id);
CREATE INDEX events_conversation ON events (conversation_id, id) WHERE conversation_id <> 0;
-- The message that an event is about, as its data begins to name it. Eight bytes of hash, because upstream bounds no name;
-- what has the same hash is told apart by the query.
CREATE INDEX events_wamid ON events (hashtextextended(coalesce(
	nullif(split_part(split_part(data, '"message":{"id":"', 2), '"', 1), ''), nullif(split_part(split_part(data, '"message_id":"', 2), '"', 1), '')), 0));

-- What was erased and when. No personal data: names are here only while an erasure runs.
CREATE TABLE erasures (
	id bigint PRIMARY KEY, business_id bigint NOT NULL, contact_id bigint NOT NULL UNIQUE, requested_by text NOT NULL,
	started_at timestamptz NOT NULL, erased_at timestamptz, counts text NOT NULL, step text NOT NULL, place bigint NOT NULL, last_id bigint NOT NULL, names text NOT NULL);
CREATE INDEX erasures_business ON erasures (business_id, id);
