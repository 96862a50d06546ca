-- +goose Up
-- Why recipients were not reached: counts by code, as JSON.
ALTER TABLE broadcasts ADD COLUMN failures text NOT NULL DEFAULT '{}';

-- What the gateway itself sends: the message, and how far it got.
CREATE TABLE broadcast_plans (
	broadcast_id integer PRIMARY KEY REFERENCES broadcasts, business_id bigint NOT NULL, number_id bigint NOT NULL, state text NOT NULL, body text NOT NULL,
	scheduled_at datetime, pace integer NOT NULL, recipients bigint NOT NULL, place bigint NOT NULL, opted_out bigint NOT NULL, cancelled bigint NOT NULL,
	paced_at datetime, lease_owner bigint NOT NULL, lease_until datetime,
	created_at datetime NOT NULL, started_at datetime, finished_at datetime);
CREATE INDEX broadcast_plans_unfinished ON broadcast_plans (broadcast_id) WHERE finished_at IS NULL;
CREATE INDEX broadcast_plans_business ON broadcast_plans (business_id, broadcast_id);

-- To whom. name is what tells people apart: a number in its canonical form, or a user id.
CREATE TABLE broadcast_recipients (
	broadcast_id bigint NOT NULL, place bigint NOT NULL, name text NOT NULL, to_wa_id text, to_user_id text, variables text NOT NULL, mark smallint NOT NULL,
	PRIMARY KEY (broadcast_id, place)) WITHOUT ROWID;
CREATE UNIQUE INDEX broadcast_recipients_name ON broadcast_recipients (broadcast_id, name);

-- What of a broadcast is not settled, which is little.
CREATE INDEX sends_open ON sends (broadcast_id, state, due_at) WHERE broadcast_id IS NOT NULL AND state IN (0, 1, 4);

-- Who wants no broadcasts.
CREATE TABLE opt_outs (
	id integer PRIMARY KEY AUTOINCREMENT, business_id bigint NOT NULL, name text NOT NULL, since datetime NOT NULL, why text NOT NULL,
	UNIQUE (business_id, name));
CREATE INDEX opt_outs_business ON opt_outs (business_id, id);
