-- +goose Up
CREATE INDEX events_newer ON ONLY events (business_id, newer_text, id) WHERE newer_text <> '';
