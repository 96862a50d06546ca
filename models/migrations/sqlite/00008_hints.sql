-- +goose Up
-- As on PostgreSQL. Here nothing is kept in leaves, and nothing asks.
SELECT 1;
