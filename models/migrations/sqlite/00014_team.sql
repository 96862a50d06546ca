-- +goose Up
-- Who was there before roles could do everything, and still can.
ALTER TABLE users ADD COLUMN name text NOT NULL DEFAULT '';
ALTER TABLE users ADD COLUMN role text NOT NULL DEFAULT 'owner';
ALTER TABLE users ADD COLUMN last_login_at datetime;
CREATE INDEX users_business ON users (business_id);
-- From where a session was begun, and with which browser.
ALTER TABLE sessions ADD COLUMN ip text NOT NULL DEFAULT '';
ALTER TABLE sessions ADD COLUMN agent text NOT NULL DEFAULT '';
CREATE INDEX sessions_user ON sessions (user_id);
ALTER TABLE api_keys ADD COLUMN created_by text NOT NULL DEFAULT '';
ALTER TABLE api_keys ADD COLUMN last_used_at datetime;

CREATE TABLE invitations (
	id integer PRIMARY KEY AUTOINCREMENT, business_id bigint NOT NULL REFERENCES businesses, email text NOT NULL, role text NOT NULL,
	token_hash blob NOT NULL UNIQUE, invited_by text NOT NULL, created_at datetime NOT NULL, expires_at datetime NOT NULL, UNIQUE (business_id, email));

-- What was changed, by whom: ids and names of things, never of customers. The id tells the time.
CREATE TABLE audit (
	id integer PRIMARY KEY, business_id bigint NOT NULL, actor_kind text NOT NULL, actor_id bigint NOT NULL, actor text NOT NULL, ip text NOT NULL,
	action text NOT NULL, kind text NOT NULL, object_id text NOT NULL, object text NOT NULL, changes text NOT NULL);
CREATE INDEX audit_business ON audit (business_id, id);
CREATE INDEX audit_actor ON audit (business_id, actor_kind, actor_id, id);
CREATE INDEX audit_action ON audit (business_id, action, id);
