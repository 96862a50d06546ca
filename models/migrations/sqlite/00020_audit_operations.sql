-- +goose Up
-- What was done to the gateway as a whole (business_id 0), and by operators to businesses.
CREATE INDEX audit_operations ON audit (id) WHERE actor_kind = 'operator' OR business_id = 0;
