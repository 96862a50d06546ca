-- +goose Up
ALTER TABLE conversations ADD COLUMN newer_flag boolean NOT NULL DEFAULT false, ADD CONSTRAINT conversations_newer CHECK (newer_flag OR sequence >= 0) NOT VALID;
