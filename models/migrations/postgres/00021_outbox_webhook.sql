-- +goose NO TRANSACTION
-- +goose Up
-- What waits for one webhook is found among what waits for all.
SET lock_timeout = 0;
DROP INDEX CONCURRENTLY IF EXISTS outbox_webhook;
CREATE INDEX CONCURRENTLY outbox_webhook ON outbox (webhook_id, id);
RESET lock_timeout;
