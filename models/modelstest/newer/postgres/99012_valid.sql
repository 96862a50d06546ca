-- +goose Up
ALTER TABLE conversations VALIDATE CONSTRAINT conversations_newer;
