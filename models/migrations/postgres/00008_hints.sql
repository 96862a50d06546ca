-- +goose Up
-- The first and the last event about a message, which name the leaves where its events are. NULL: not known, because the
-- message is older than these columns.
ALTER TABLE messages ADD COLUMN first_event bigint, ADD COLUMN last_event bigint;
