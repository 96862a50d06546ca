-- +goose Up
ALTER TABLE webhooks ADD COLUMN previous_secret blob;
ALTER TABLE webhooks ADD COLUMN previous_until datetime;
ALTER TABLE webhooks ADD COLUMN auth blob;
