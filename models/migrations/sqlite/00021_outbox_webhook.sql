-- +goose Up
-- What waits for one webhook is found among what waits for all.
CREATE INDEX outbox_webhook ON outbox (webhook_id, id);
