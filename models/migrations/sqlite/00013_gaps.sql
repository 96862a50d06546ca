-- +goose Up
-- What was settled of a number, by time: for reports, and to find messages without a status. It does not name the state of
-- messages, which would cost each status a new entry.
CREATE INDEX sends_settled ON sends (number_id, settled_at, id) WHERE settled_at IS NOT NULL;

-- What came for a number in each hour (counted from 1970), added up every few minutes from the events. slots has a bit for each
-- five minutes in which a callback came.
CREATE TABLE number_hours (
	number_id bigint NOT NULL, hour bigint NOT NULL, callbacks bigint NOT NULL, slots integer NOT NULL,
	events bigint NOT NULL, received bigint NOT NULL, sent bigint NOT NULL, PRIMARY KEY (number_id, hour)) WITHOUT ROWID;
-- When the first and the last callback came for it.
CREATE TABLE number_pulses (number_id integer PRIMARY KEY, first_at datetime NOT NULL, last_at datetime NOT NULL);
-- Up to when something has been looked at, in milliseconds since 1970.
CREATE TABLE gap_marks (name text PRIMARY KEY, at bigint NOT NULL);

-- When nothing came for a number although it should have; since is its last callback before.
CREATE TABLE silences (number_id bigint NOT NULL, since datetime NOT NULL, found_at datetime NOT NULL, until datetime, PRIMARY KEY (number_id, since));
CREATE INDEX silences_open ON silences (number_id) WHERE until IS NULL;
-- Numbers that a conversation's events should have and none has; next_event is the first after them.
CREATE TABLE sequence_holes (
	conversation_id bigint NOT NULL, first_missing bigint NOT NULL, last_missing bigint NOT NULL, number_id bigint NOT NULL, next_event bigint NOT NULL,
	found_at datetime NOT NULL, PRIMARY KEY (conversation_id, first_missing));
CREATE INDEX sequence_holes_number ON sequence_holes (number_id, next_event);
