-- +goose Up
-- Conversations by when the customer last wrote, or else by when they began: as people look through them.
CREATE INDEX conversations_activity ON conversations (number_id, coalesce(last_inbound_at, created_at), id);
CREATE INDEX orders_status ON orders (business_id, status, id);
CREATE INDEX orders_created ON orders (business_id, created_at, id);
CREATE INDEX orders_conversation ON orders (conversation_id, id);
-- What customers answered to forms, and what became of a contact's names: few of all events, each found by itself.
CREATE INDEX events_form ON events (business_id, id) WHERE type = 'form.submitted';
CREATE INDEX events_contact ON events ((split_part(split_part(data, '"contact":{"id":', 2), ',', 1)), id) WHERE type = 'contact.updated';
