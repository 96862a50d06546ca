-- +goose Up
ALTER TABLE events ADD COLUMN newer_text text NOT NULL DEFAULT '';
