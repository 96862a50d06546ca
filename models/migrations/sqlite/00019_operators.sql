-- +goose Up
-- Who sees the operations of all businesses and changes nothing; is_operator changes too.
ALTER TABLE users ADD COLUMN is_viewer boolean NOT NULL DEFAULT false;
-- When what is done every so often was done last, in milliseconds since 1970, and what came of it, as JSON.
CREATE TABLE chores (name text PRIMARY KEY, at bigint NOT NULL, report text NOT NULL);
