-- +goose Up
ALTER TABLE outbox ADD COLUMN job_id bigint;
CREATE INDEX outbox_job ON outbox (job_id) WHERE job_id IS NOT NULL;
ALTER TABLE attempts ADD COLUMN job_id bigint;
-- held is true or NULL: it repeats what state says of the few that are held, so that an index finds them without naming state.
ALTER TABLE deliveries ADD COLUMN base integer NOT NULL DEFAULT 0;
ALTER TABLE deliveries ADD COLUMN held boolean;
ALTER TABLE deliveries ADD COLUMN job_id bigint;
UPDATE deliveries SET held = true WHERE state = 3;
CREATE INDEX deliveries_held ON deliveries (webhook_id, event_id) WHERE held IS NOT NULL;

ALTER TABLE webhooks ADD COLUMN ordering text NOT NULL DEFAULT 'none';
ALTER TABLE webhooks ADD COLUMN catching_up boolean NOT NULL DEFAULT false;
ALTER TABLE webhooks ADD COLUMN disabled_by text NOT NULL DEFAULT '';
ALTER TABLE webhooks ADD COLUMN disabled_at datetime;
-- Until now, nothing but a receiver that answered 410 gave a reason.
UPDATE webhooks SET disabled_by = CASE disabled_reason WHEN '' THEN 'owner' ELSE 'receiver' END, disabled_at = updated_at WHERE NOT is_active;
ALTER TABLE webhook_health ADD COLUMN failing_since datetime;
ALTER TABLE webhook_health ADD COLUMN spread integer NOT NULL DEFAULT 0;
ALTER TABLE webhook_health ADD COLUMN spread_at datetime;
ALTER TABLE webhook_health ADD COLUMN warned integer NOT NULL DEFAULT 0;

CREATE TABLE jobs (
	id integer PRIMARY KEY AUTOINCREMENT, business_id bigint NOT NULL, webhook_id bigint NOT NULL, kind text NOT NULL, state text NOT NULL,
	filter text NOT NULL, total bigint NOT NULL, released bigint NOT NULL, succeeded bigint NOT NULL, failed bigint NOT NULL, cursor bigint NOT NULL,
	created_at datetime NOT NULL, updated_at datetime NOT NULL, finished_at datetime, reason text NOT NULL);
CREATE UNIQUE INDEX jobs_running ON jobs (webhook_id) WHERE state = 'running';
CREATE INDEX jobs_business ON jobs (business_id, id);
