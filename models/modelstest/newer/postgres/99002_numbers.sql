-- +goose Up
ALTER TABLE numbers ADD COLUMN newer_count bigint NOT NULL DEFAULT 7;
