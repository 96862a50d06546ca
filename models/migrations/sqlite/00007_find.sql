-- +goose Up
CREATE INDEX events_feed ON events (business_id, id);
CREATE INDEX events_conversation ON events (conversation_id, id) WHERE conversation_id <> 0;
-- The message that an event is about.
CREATE INDEX events_wamid ON events (CASE WHEN json_valid(data) THEN coalesce(json_extract(data, '$.message.id'),
	json_extract(data, '$.status.message_id'), json_extract(data, '$.order.message_id'), json_extract(data, '$.form.message_id')) END);

-- What was erased and when. No personal data: names are here only while an erasure runs.
CREATE TABLE erasures (
	id integer PRIMARY KEY, business_id bigint NOT NULL, contact_id bigint NOT NULL UNIQUE, requested_by text NOT NULL,
	started_at datetime NOT NULL, erased_at datetime, counts text NOT NULL, step text NOT NULL, place bigint NOT NULL, last_id bigint NOT NULL, names text NOT NULL);
CREATE INDEX erasures_business ON erasures (business_id, id);
