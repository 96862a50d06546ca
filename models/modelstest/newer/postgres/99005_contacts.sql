-- +goose Up
ALTER TABLE contacts ADD COLUMN newer_name text;
