-- +goose Up
ALTER TABLE webhooks ADD COLUMN previous_secret bytea, ADD COLUMN previous_until timestamptz, ADD COLUMN auth bytea;
