-- +goose Up
-- Files that the gateway keeps, each once for a business. Its name in the keeper is made of sha256 and id, so that one that
-- goes (doomed) and the same one that comes again are two. Loose are those that may have lost their last medium.
CREATE TABLE media_files (
	id bigint PRIMARY KEY, business_id bigint NOT NULL, sha256 text NOT NULL, size bigint NOT NULL, stored boolean NOT NULL DEFAULT false,
	loose boolean NOT NULL DEFAULT false, doomed boolean NOT NULL DEFAULT false);
CREATE UNIQUE INDEX media_files_content ON media_files (business_id, sha256) WHERE NOT doomed;
CREATE INDEX media_files_going ON media_files (id) WHERE loose OR doomed;

-- Media of messages by the platform's id, made when a message comes with one or when somebody asks for it. What most of them
-- do not have is NULL, which takes no room.
CREATE TABLE media (
	id bigint PRIMARY KEY, business_id bigint NOT NULL, number_id bigint NOT NULL, media_id text NOT NULL, wamid text, conversation_id bigint,
	kind text NOT NULL, mime_type text NOT NULL, filename text, claimed_sha256 text,
	state smallint NOT NULL, attempts integer NOT NULL DEFAULT 0, due_at timestamptz, claimed_until timestamptz, tried_at timestamptz,
	file_id bigint, failure text, reason text, settled_at timestamptz);
CREATE UNIQUE INDEX media_name ON media (number_id, media_id);
CREATE INDEX media_message ON media (number_id, wamid) WHERE wamid IS NOT NULL;
CREATE INDEX media_conversation ON media (conversation_id) WHERE conversation_id IS NOT NULL;
CREATE INDEX media_file ON media (file_id) WHERE file_id IS NOT NULL;
CREATE INDEX media_due ON media (due_at) WHERE due_at IS NOT NULL;

-- Whether the media of a number are fetched as soon as their message came.
ALTER TABLE numbers ADD COLUMN media_ahead boolean NOT NULL DEFAULT false;

-- What signs links to media.
CREATE TABLE link_keys (id bigint PRIMARY KEY, sealed bytea NOT NULL);
