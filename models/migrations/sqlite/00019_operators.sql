-- +goose Up
-- Who sees the operations of all businesses and changes nothing; is_operator changes too.
ALTER TABLE users ADD COLUMN is_viewer boolean NOT NULL DEFAULT false;
-- What was done to the gateway as a whole (business_id 0), and by operators to businesses.
CREATE INDEX audit_operations ON audit (id) WHERE actor_kind = 'operator' OR business_id = 0;
-- What waits for one webhook is found among what waits for all.
CREATE INDEX outbox_webhook ON outbox (webhook_id, id);
-- When what is done every so often was done last, in milliseconds since 1970, and what came of it, as JSON.
CREATE TABLE chores (name text PRIMARY KEY, at bigint NOT NULL, report text NOT NULL);
