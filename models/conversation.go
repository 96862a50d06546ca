package models

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"gorm.io/gorm"
)

// conversationColumns are what People reads of a conversation called c.
const conversationColumns = "c.id, c.number_id, c.contact_id, c.sequence, c.created_at, c.last_inbound_at, c.status, c.labels, c.note, c.assignee, coalesce(c.ai_off, ''), coalesce(c.ai_detail, ''), c.ai_at"

// ConversationFilter narrows a list of conversations. The zero value of a field does not narrow.
type ConversationFilter struct {
	NumberID int64
	// ContactID finds the conversations of those who were merged into the contact too.
	ContactID int64
	Status    string
	Label     string
	// Before is the cursor: only conversations with a smaller id.
	Before int64
	Limit  int // 0 means 50, at most 200
}

// ConversationRow is a conversation with its contact. Of a conversation that stayed behind with a merged contact it is
// the contact that this one became.
type ConversationRow struct {
	Conversation
	Contact Contact
}

type conversationRow struct {
	ID            int64
	NumberID      int64
	BusinessID    int64
	Sequence      int64
	CreatedAt     time.Time
	LastInboundAt time.Time
	Status        string
	Labels        string // JSON
	Note          string
	Assignee      string
	AIOff         string     `gorm:"column:ai_off"`
	AIDetail      string     `gorm:"column:ai_detail"`
	AIAt          *time.Time `gorm:"column:ai_at"`
	Contact       contactRow `gorm:"embedded;embeddedPrefix:contact_"`
}

func (r conversationRow) row() ConversationRow {
	return ConversationRow{Conversation: Conversation{ID: r.ID, NumberID: r.NumberID, Sequence: r.Sequence, CreatedAt: r.CreatedAt.UTC(), LastInboundAt: r.LastInboundAt.UTC(),
		ConversationSettings: ConversationSettings{Status: r.Status, Labels: decodeLabels(r.Labels), Note: r.Note, Assignee: r.Assignee,
			AI: AISetting{Off: r.AIOff, Detail: r.AIDetail, At: timeOrZero(r.AIAt).UTC()}}}, Contact: r.Contact.contact()}
}

// conversations asks for the conversations of a business's numbers with their contacts.
func (s *Store) conversations(ctx context.Context, businessID int64) *gorm.DB {
	return s.threads(ctx).Where("n.business_id = ?", businessID)
}

// threads are conversations with their contacts, whoever's they are.
func (s *Store) threads(ctx context.Context) *gorm.DB {
	return s.db.WithContext(ctx).Table("conversations AS v").
		Select(`v.id, v.number_id, n.business_id, v.sequence, v.created_at, v.last_inbound_at, v.status, v.labels, v.note, v.assignee,
			coalesce(v.ai_off, '') AS ai_off, coalesce(v.ai_detail, '') AS ai_detail, v.ai_at,
			c.id AS contact_id, c.wa_id AS contact_wa_id, c.user_id AS contact_user_id, c.parent_user_id AS contact_parent_user_id,
			c.username AS contact_username, c.name AS contact_name, c.profile_at AS contact_profile_at`).
		Joins("JOIN numbers n ON n.id = v.number_id").Joins("JOIN contacts d ON d.id = v.contact_id").
		Joins("JOIN contacts c ON c.id = coalesce(d.merged_into, d.id)")
}

// Conversations lists a business's conversations, newest first.
func (s *Store) Conversations(ctx context.Context, businessID int64, f ConversationFilter) ([]ConversationRow, error) {
	q := s.conversations(ctx, businessID)
	if f.NumberID != 0 {
		q = q.Where("v.number_id = ?", f.NumberID)
	}
	if f.ContactID != 0 {
		q = q.Where("v.contact_id IN (SELECT id FROM contacts WHERE id = ? OR merged_into = ?)", f.ContactID, f.ContactID)
	}
	if f.Status != "" {
		q = q.Where("v.status = ?", printable(f.Status))
	}
	if f.Label != "" {
		q = q.Where(s.labelled(), encodeText(printable(f.Label)))
	}
	if f.Before > 0 {
		q = q.Where("v.id < ?", f.Before)
	}
	var rows []conversationRow
	if err := q.Order("v.id DESC").Limit(pageLimit(f.Limit)).Scan(&rows).Error; err != nil {
		return nil, translate(err, "list conversations")
	}
	out := make([]ConversationRow, len(rows))
	for i, r := range rows {
		out[i] = r.row()
	}
	return out, nil
}

// ConversationByID reads a business's conversation with its contact.
func (s *Store) ConversationByID(ctx context.Context, businessID, id int64) (ConversationRow, error) {
	var r conversationRow
	res := s.conversations(ctx, businessID).Where("v.id = ?", id).Scan(&r)
	if res.Error == nil && res.RowsAffected == 0 {
		res.Error = gorm.ErrRecordNotFound
	}
	if res.Error != nil {
		return ConversationRow{}, translate(res.Error, fmt.Sprintf("conversation %d", id))
	}
	return r.row(), nil
}

// ConversationMessages reads the messages of a business's conversation that were sent before a moment (zero: all),
// newest first, at most limit (0 means 50, at most 200): those that have a type.
func (s *Store) ConversationMessages(ctx context.Context, businessID, conversationID int64, before time.Time, limit int) ([]Message, error) {
	if _, err := s.ConversationByID(ctx, businessID, conversationID); err != nil {
		return nil, err
	}
	q := s.db.WithContext(ctx).Table("messages AS m").Select(messageColumns).Where("m.conversation_id = ? AND m.type <> ''", conversationID)
	if !before.IsZero() {
		q = q.Where("m.sent_at < ?", moment(before))
	}
	rows, err := q.Order("m.sent_at DESC, m.wamid DESC").Limit(pageLimit(limit)).Rows()
	if err != nil {
		return nil, translate(err, "list messages")
	}
	ms, err := collectMessages(rows)
	return ms, translate(err, "list messages")
}

func encodeText(text string) string {
	b, _ := json.Marshal(text) // text always marshals
	return string(b)
}

func encodeLabels(labels []string) string {
	if len(labels) == 0 {
		return "[]"
	}
	clean := make([]string, len(labels))
	for i, l := range labels {
		clean[i] = printable(l)
	}
	b, _ := json.Marshal(clean) // texts always marshal
	return string(b)
}

func decodeLabels(text string) (labels []string) {
	if text == "[]" { // nearly always
		return nil
	}
	_ = json.Unmarshal([]byte(text), &labels) // our own encoding
	return labels
}
