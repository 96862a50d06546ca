-- +goose Up
-- What a list of deliveries shows, with the deliveries themselves: what of the event, and how the last attempt went. So a
-- list reads one table and not three. Deliveries from before have none of it, and are looked up.
ALTER TABLE deliveries ADD COLUMN key blob;
ALTER TABLE deliveries ADD COLUMN type text;
ALTER TABLE deliveries ADD COLUMN created_at datetime;
ALTER TABLE deliveries ADD COLUMN last_status integer;
ALTER TABLE deliveries ADD COLUMN last_us bigint;
ALTER TABLE deliveries ADD COLUMN last_at datetime;
ALTER TABLE deliveries ADD COLUMN last_reason text;
