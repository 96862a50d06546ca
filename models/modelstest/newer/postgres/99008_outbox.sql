-- +goose Up
ALTER TABLE outbox ADD COLUMN newer_kind smallint NOT NULL DEFAULT 0;
