-- +goose NO TRANSACTION
-- +goose Up
-- What was done to the gateway as a whole (business_id 0), and by operators to businesses.
SET lock_timeout = 0;
DROP INDEX CONCURRENTLY IF EXISTS audit_operations;
CREATE INDEX CONCURRENTLY audit_operations ON audit (id) WHERE actor_kind = 'operator' OR business_id = 0;
RESET lock_timeout;
