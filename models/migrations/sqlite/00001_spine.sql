-- +goose Up
CREATE TABLE nodes (id integer PRIMARY KEY AUTOINCREMENT);
CREATE TABLE keyring (id smallint PRIMARY KEY, wrapped blob NOT NULL, is_wrapped boolean NOT NULL, created_at datetime NOT NULL);
CREATE TABLE routes_version (id smallint PRIMARY KEY, version bigint NOT NULL);
INSERT INTO routes_version VALUES (1, 1);

CREATE TABLE businesses (id integer PRIMARY KEY AUTOINCREMENT, name text NOT NULL, created_at datetime NOT NULL);
CREATE TABLE users (
	id integer PRIMARY KEY AUTOINCREMENT, business_id bigint NOT NULL REFERENCES businesses,
	email text NOT NULL UNIQUE, password_hash text NOT NULL, is_operator boolean NOT NULL, created_at datetime NOT NULL);
CREATE TABLE sessions (token_hash blob PRIMARY KEY, user_id bigint NOT NULL REFERENCES users ON DELETE CASCADE, created_at datetime NOT NULL, expires_at datetime NOT NULL);
CREATE TABLE apps (
	id integer PRIMARY KEY AUTOINCREMENT, business_id bigint REFERENCES businesses,
	name text NOT NULL UNIQUE, verify_token blob, created_at datetime NOT NULL);
CREATE TABLE app_secrets (id integer PRIMARY KEY AUTOINCREMENT, app_id bigint NOT NULL REFERENCES apps ON DELETE CASCADE, sealed blob NOT NULL, created_at datetime NOT NULL);
CREATE TABLE numbers (
	id integer PRIMARY KEY AUTOINCREMENT, business_id bigint NOT NULL REFERENCES businesses,
	phone_number_id text NOT NULL UNIQUE, display text NOT NULL, waba_id text NOT NULL, name text NOT NULL, created_at datetime NOT NULL);
CREATE TABLE api_keys (
	id integer PRIMARY KEY AUTOINCREMENT, business_id bigint NOT NULL REFERENCES businesses, number_id bigint REFERENCES numbers,
	name text NOT NULL, prefix text NOT NULL, hash blob NOT NULL UNIQUE, created_at datetime NOT NULL);

CREATE TABLE webhooks (
	id integer PRIMARY KEY AUTOINCREMENT, business_id bigint NOT NULL REFERENCES businesses, number_id bigint REFERENCES numbers,
	name text NOT NULL, description text NOT NULL, url text NOT NULL, events text NOT NULL, dialect text NOT NULL,
	secret blob, retry_schedule text, timeout_ms bigint NOT NULL, rate_limit bigint NOT NULL, headers blob,
	is_active boolean NOT NULL, disabled_reason text NOT NULL, created_at datetime NOT NULL, updated_at datetime NOT NULL);
CREATE INDEX webhooks_business ON webhooks (business_id);
-- Changes with every delivery, so it stands apart from what people configure.
CREATE TABLE webhook_health (
	webhook_id integer PRIMARY KEY, fail_count bigint NOT NULL, last_triggered_at datetime NOT NULL,
	last_success_at datetime, last_failure_at datetime);

CREATE TABLE callbacks (id integer PRIMARY KEY, app_id bigint NOT NULL, received_at datetime NOT NULL, body blob NOT NULL);
-- Everything accepted and unfinished; small, because finishing deletes.
CREATE TABLE outbox (id integer PRIMARY KEY, kind smallint NOT NULL, priority smallint NOT NULL, webhook_id bigint NOT NULL, due_at bigint NOT NULL, members text NOT NULL);
CREATE TABLE parked (phone_number_id text NOT NULL, callback_id bigint NOT NULL, reason text NOT NULL, PRIMARY KEY (phone_number_id, callback_id));

CREATE TABLE contacts (
	id integer PRIMARY KEY AUTOINCREMENT, business_id bigint NOT NULL, name text NOT NULL, username text NOT NULL,
	wa_id text NOT NULL, user_id text NOT NULL, parent_user_id text NOT NULL, created_at datetime NOT NULL, updated_at datetime NOT NULL);
-- A contact has several names; any of them finds it.
CREATE TABLE identities (business_id bigint NOT NULL, kind smallint NOT NULL, value text NOT NULL, contact_id bigint NOT NULL, PRIMARY KEY (business_id, kind, value));
CREATE TABLE conversations (
	id integer PRIMARY KEY AUTOINCREMENT, number_id bigint NOT NULL, contact_id bigint NOT NULL,
	sequence bigint NOT NULL, created_at datetime NOT NULL, last_inbound_at datetime, UNIQUE (number_id, contact_id));
CREATE TABLE messages (
	number_id bigint NOT NULL, wamid text NOT NULL, conversation_id bigint, inbound boolean NOT NULL, type text NOT NULL,
	text text NOT NULL, status text NOT NULL, sent_at datetime NOT NULL, status_at datetime, PRIMARY KEY (number_id, wamid));

CREATE TABLE events (
	id integer PRIMARY KEY, key blob NOT NULL UNIQUE, business_id bigint NOT NULL, number_id bigint NOT NULL, type text NOT NULL,
	conversation_id bigint NOT NULL, sequence bigint NOT NULL, callback_id bigint NOT NULL, created_at datetime NOT NULL,
	data text NOT NULL);
-- state and attempts change once in the ordinary case.
CREATE TABLE deliveries (
	event_id bigint NOT NULL, webhook_id bigint NOT NULL, state smallint NOT NULL, attempts integer NOT NULL, due_at datetime NOT NULL,
	failed_at datetime, PRIMARY KEY (webhook_id, event_id));
CREATE INDEX deliveries_failed ON deliveries (webhook_id, event_id) WHERE failed_at IS NOT NULL;
CREATE TABLE attempts (
	event_id bigint NOT NULL, webhook_id bigint NOT NULL, n integer NOT NULL, started_at datetime NOT NULL, duration_us bigint NOT NULL,
	status integer NOT NULL, outcome text NOT NULL, reason text NOT NULL, answer text NOT NULL, PRIMARY KEY (webhook_id, event_id, n));

CREATE TABLE inspections (id integer PRIMARY KEY, bin text NOT NULL, received_at datetime NOT NULL, headers text NOT NULL, body blob NOT NULL);
CREATE INDEX inspections_bin ON inspections (bin, id);
