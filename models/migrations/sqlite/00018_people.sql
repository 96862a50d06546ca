-- +goose Up
CREATE INDEX conversations_activity ON conversations (number_id, coalesce(last_inbound_at, created_at), id);
CREATE INDEX orders_status ON orders (business_id, status, id);
CREATE INDEX orders_created ON orders (business_id, created_at, id);
CREATE INDEX orders_conversation ON orders (conversation_id, id);
CREATE INDEX events_form ON events (business_id, id) WHERE type = 'form.submitted';
CREATE INDEX events_contact ON events (CASE WHEN json_valid(data) THEN json_extract(data, '$.contact.id') END, id) WHERE type = 'contact.updated';
