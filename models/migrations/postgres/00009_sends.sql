-- +goose Up
-- What businesses asked to send, and what became of it. What most messages do not have is NULL, which takes no room.
CREATE TABLE sends (
	id bigint PRIMARY KEY, business_id bigint NOT NULL, number_id bigint NOT NULL, key text, body bytea NOT NULL,
	to_wa_id text, to_user_id text, type text NOT NULL, text text, reply_to text, media_url text, sent_by text NOT NULL, tracking text,
	broadcast_id bigint, place bigint,
	state smallint NOT NULL, attempts integer NOT NULL, due_at timestamptz NOT NULL, started_at timestamptz, settled_at timestamptz,
	wamid text, wa_id text, user_id text, error_code text, error_title text, error_details text);
CREATE UNIQUE INDEX sends_key ON sends (number_id, key) WHERE key IS NOT NULL;
CREATE UNIQUE INDEX sends_place ON sends (broadcast_id, place) WHERE broadcast_id IS NOT NULL;
-- What is not settled, which is little.
CREATE INDEX sends_due ON sends (state, due_at) WHERE state IN (0, 1, 4);
CREATE INDEX sends_business ON sends (business_id, id);

-- How a number is reached at the platform, and what the last check found.
CREATE TABLE upstreams (
	number_id bigint PRIMARY KEY REFERENCES numbers, style text NOT NULL, base text NOT NULL, version text NOT NULL, token bytea, app_id text NOT NULL,
	token_expires_at timestamptz, rate integer NOT NULL,
	checked_at timestamptz, ok boolean NOT NULL, trouble text NOT NULL, subscribed boolean NOT NULL, verified_name text NOT NULL,
	quality text NOT NULL, throughput text NOT NULL, messages_limit text NOT NULL);
