-- +goose Up
-- A day beyond all that the gateway makes by itself: the first of 2029.
CREATE TABLE callbacks_20290101 (LIKE callbacks INCLUDING ALL);
ALTER TABLE callbacks ATTACH PARTITION callbacks_20290101 FOR VALUES FROM (397177100697600000) TO (397539488563200000);
