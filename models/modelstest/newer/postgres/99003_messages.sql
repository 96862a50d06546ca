-- +goose Up
ALTER TABLE messages ADD COLUMN newer_at timestamptz NOT NULL DEFAULT now();
