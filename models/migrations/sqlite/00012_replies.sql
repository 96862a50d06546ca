-- +goose Up
-- How numbers answer their customers by themselves. What is sealed is the key of the endpoint, or what its requests are signed with.
CREATE TABLE replies (
	number_id integer PRIMARY KEY REFERENCES numbers, active boolean NOT NULL, kind text NOT NULL, url text NOT NULL, model text NOT NULL, secret blob,
	prompt text NOT NULL, history integer NOT NULL, max_tokens integer NOT NULL, timeout_ms integer NOT NULL, per_hour integer NOT NULL, per_day integer NOT NULL,
	keywords text NOT NULL, fallback text NOT NULL, active_since datetime);

-- Why the AI does not answer in a conversation, since when, and in a sentence. NULL: it answers, since the moment if there is one.
ALTER TABLE conversations ADD COLUMN ai_off text;
ALTER TABLE conversations ADD COLUMN ai_detail text;
ALTER TABLE conversations ADD COLUMN ai_at datetime;

-- What was answered by AI, to count it by number and time.
CREATE INDEX sends_ai ON sends (number_id, id) WHERE sent_by = 'ai';
