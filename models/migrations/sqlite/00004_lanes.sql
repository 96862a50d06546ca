-- +goose Up
-- Who waits for a turn.
ALTER TABLE deliveries ADD COLUMN lane bigint;
ALTER TABLE deliveries ADD COLUMN lane_sequence bigint;
CREATE INDEX deliveries_lane ON deliveries (webhook_id, lane, lane_sequence) WHERE lane IS NOT NULL;
-- One row per lane that is busy or has events aside; small, because a lane that is idle is deleted.
CREATE TABLE lanes (
	webhook_id bigint NOT NULL, conversation_id bigint NOT NULL, turn bigint NOT NULL, blocked_since datetime,
	aside text NOT NULL DEFAULT '[]', PRIMARY KEY (webhook_id, conversation_id));
CREATE INDEX lanes_turn ON lanes (turn);
