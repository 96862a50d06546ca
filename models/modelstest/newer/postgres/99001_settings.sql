-- +goose Up
ALTER TABLE webhooks ADD COLUMN newer_text text NOT NULL DEFAULT '', ADD COLUMN newer_at timestamptz;
