-- +goose Up
ALTER TABLE deliveries ADD COLUMN newer_at timestamptz;
