-- +goose NO TRANSACTION
-- +goose Up
SET lock_timeout = 0;
DROP INDEX CONCURRENTLY IF EXISTS messages_newer;
CREATE INDEX CONCURRENTLY messages_newer ON messages (conversation_id, newer_at);
RESET lock_timeout;
