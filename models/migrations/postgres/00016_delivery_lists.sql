-- +goose Up
-- What a list of deliveries shows, with the deliveries themselves: what of the event, and how the last attempt went. So a
-- list reads one table and not three. Deliveries from before have none of it, and are looked up.
ALTER TABLE deliveries ADD COLUMN key bytea, ADD COLUMN type text, ADD COLUMN created_at timestamptz, ADD COLUMN last_status integer, ADD COLUMN last_us bigint, ADD COLUMN last_at timestamptz, ADD COLUMN last_reason text;

-- A settled delivery is a third longer than a new one: more of each page is left free, so that it stays on its page.
-- +goose StatementBegin
DO $$
DECLARE
	leaf regclass;
BEGIN
	FOR leaf IN SELECT inhrelid FROM pg_inherits WHERE inhparent = 'deliveries'::regclass LOOP
		EXECUTE format('ALTER TABLE %s SET (fillfactor = 40)', leaf);
	END LOOP;
END $$;
-- +goose StatementEnd
