-- +goose Up
-- Which events there have been, of those that are gone already.
CREATE TABLE event_keys (key blob PRIMARY KEY, event_id bigint NOT NULL) WITHOUT ROWID;
CREATE INDEX event_keys_event ON event_keys (event_id);
-- Up to which id the contents of a table's rows have been emptied.
CREATE TABLE pruned (name text PRIMARY KEY, before_id bigint NOT NULL);
