-- +goose Up
CREATE TABLE newer_things (id bigint PRIMARY KEY, business_id bigint NOT NULL REFERENCES businesses, at timestamptz NOT NULL);
CREATE INDEX newer_things_business ON newer_things (business_id, id);
