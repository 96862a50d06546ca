package models

import (
	"context"
	"database/sql"
	"time"
)

// messageColumns are what messageScan reads of a message called m.
const messageColumns = `m.number_id, m.wamid, coalesce(m.conversation_id, 0), m.inbound, m.type, m.text, m.status, m.sent_at, m.status_at,
	m.edited_at, m.deleted_at, coalesce(m.sent_by, ''), coalesce(m.broadcast_id, 0), coalesce(m.reply_to, ''), coalesce(m.media_url, '')`

// messageScan receives a row of messageColumns.
type messageScan struct {
	m                             Message
	statusAt, editedAt, deletedAt *time.Time
}

func (s *messageScan) dest() []any {
	m := &s.m
	return []any{&m.NumberID, &m.Wamid, &m.ConversationID, &m.Inbound, &m.Type, &m.Text, &m.Status, &m.SentAt, &s.statusAt,
		&s.editedAt, &s.deletedAt, &m.SentBy, &m.BroadcastID, &m.ReplyTo, &m.MediaURL}
}

func (s *messageScan) message() Message {
	m := s.m
	m.StatusAt, m.EditedAt, m.DeletedAt = timeOrZero(s.statusAt), timeOrZero(s.editedAt), timeOrZero(s.deletedAt)
	return m
}

func collectMessages(rows *sql.Rows) ([]Message, error) {
	scans, err := collect(rows, (*messageScan).dest, nil)
	ms := make([]Message, len(scans))
	for i := range scans {
		ms[i] = scans[i].message()
	}
	return ms, err
}

// onKnownMessage is what an upsert does with a message that is kept already, by the rule of Changes.Messages; see also
// Message.and. The text and the address of the file go first of all: of a deleted message both are empty for ever.
const onKnownMessage = `ON CONFLICT (number_id, wamid) DO UPDATE SET
	text = CASE
		WHEN messages.deleted_at IS NOT NULL OR excluded.deleted_at IS NOT NULL THEN ''
		WHEN excluded.edited_at IS NOT NULL AND (messages.edited_at IS NULL OR excluded.edited_at > messages.edited_at) THEN excluded.text
		WHEN messages.type = '' AND excluded.type <> '' AND messages.edited_at IS NULL THEN excluded.text
		ELSE messages.text END,
	media_url = CASE WHEN messages.deleted_at IS NULL AND excluded.deleted_at IS NULL THEN coalesce(excluded.media_url, messages.media_url) END,
	edited_at = CASE WHEN messages.edited_at IS NULL OR excluded.edited_at > messages.edited_at THEN excluded.edited_at ELSE messages.edited_at END,
	deleted_at = coalesce(excluded.deleted_at, messages.deleted_at),
	status = CASE WHEN excluded.status = '' THEN messages.status ELSE excluded.status END,
	status_at = CASE WHEN excluded.status = '' THEN messages.status_at ELSE excluded.status_at END,
	conversation_id = coalesce(messages.conversation_id, excluded.conversation_id),
	sent_by = coalesce(messages.sent_by, excluded.sent_by),
	broadcast_id = coalesce(messages.broadcast_id, excluded.broadcast_id),
	reply_to = coalesce(messages.reply_to, excluded.reply_to),
	type = CASE WHEN messages.type = '' THEN excluded.type ELSE messages.type END,
	inbound = CASE WHEN messages.type = '' AND excluded.type <> '' THEN excluded.inbound ELSE messages.inbound END,
	sent_at = CASE WHEN messages.type = '' AND (excluded.type <> '' OR excluded.sent_at < messages.sent_at) THEN excluded.sent_at ELSE messages.sent_at END`

// and is what is kept of a message after another one of the same name.
func (m Message) and(next Message) Message {
	switch {
	case !next.EditedAt.IsZero() && (m.EditedAt.IsZero() || next.EditedAt.After(m.EditedAt)):
		m.Text, m.EditedAt = next.Text, next.EditedAt
	case m.Type == "" && next.Type != "" && m.EditedAt.IsZero():
		m.Text = next.Text
	}
	if next.MediaURL != "" {
		m.MediaURL = next.MediaURL
	}
	if !next.DeletedAt.IsZero() {
		m.DeletedAt = next.DeletedAt
	}
	if !m.DeletedAt.IsZero() {
		m.Text, m.MediaURL = "", ""
	}
	if next.Status != "" {
		m.Status, m.StatusAt = next.Status, next.StatusAt
	}
	if m.ConversationID == 0 {
		m.ConversationID = next.ConversationID
	}
	if m.SentBy == "" {
		m.SentBy = next.SentBy
	}
	if m.BroadcastID == 0 {
		m.BroadcastID = next.BroadcastID
	}
	if m.ReplyTo == "" {
		m.ReplyTo = next.ReplyTo
	}
	switch {
	case m.Type == "" && next.Type != "":
		m.Type, m.Inbound, m.SentAt = next.Type, next.Inbound, next.SentAt
	case m.Type == "" && next.SentAt.Before(m.SentAt):
		m.SentAt = next.SentAt
	}
	return m
}

// DigestsByEvent reads the digests of events; those that have none are missing from the answer.
func (s *Store) DigestsByEvent(ctx context.Context, ids []int64) (map[int64][]byte, error) {
	if len(ids) == 0 {
		return nil, nil
	}
	digests, err := s.hot.digests(ctx, ids)
	return digests, translate(err, "read digests")
}
