package models

import (
	"context"
	"database/sql"
	"time"
)

type sqliteTranslation struct{ s *statements }

func (q *sqliteEngine) translate(ctx context.Context, fn func(Translation) error) error {
	return q.inTx(ctx, func(s *statements) error { return fn(&sqliteTranslation{s: s}) })
}

func (t *sqliteTranslation) People(ctx context.Context, refs []PersonRef) ([]Person, error) {
	return findPeople(ctx, t, refs)
}

func (t *sqliteTranslation) find(ctx context.Context, names []identity) (map[identity]*Contact, error) {
	found, byID := map[identity]*Contact{}, map[int64]*Contact{}
	for _, n := range names {
		var c Contact
		ok, err := t.s.row(ctx, `SELECT c.id, c.name, c.username, c.wa_id, c.user_id, c.parent_user_id FROM identities i JOIN contacts c ON c.id = i.contact_id
			WHERE i.business_id = ? AND i.kind = ? AND i.value = ?`, []any{n.business, int16(n.kind), n.value}, &c.ID, &c.Name, &c.Username, &c.WaID, &c.UserID, &c.ParentUserID)
		if err != nil {
			return nil, err
		}
		if !ok {
			continue
		}
		if byID[c.ID] == nil {
			byID[c.ID] = &c
		}
		found[n] = byID[c.ID]
	}
	return found, nil
}

func (t *sqliteTranslation) enter(ctx context.Context, arrivals []arrival, names []naming) error {
	now := moment(time.Now())
	for _, a := range arrivals {
		c := a.contact
		if _, err := t.s.row(ctx, `INSERT INTO contacts (business_id, name, username, wa_id, user_id, parent_user_id, created_at, updated_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?) RETURNING id`,
			[]any{a.business, c.Name, c.Username, c.WaID, c.UserID, c.ParentUserID, now, now}, &c.ID); err != nil {
			return err
		}
	}
	for _, n := range names {
		if _, err := t.s.exec(ctx, `INSERT INTO identities (business_id, kind, value, contact_id) VALUES (?, ?, ?, ?)`,
			n.name.business, int16(n.name.kind), n.name.value, n.contact.ID); err != nil {
			return err
		}
	}
	return nil
}

func (t *sqliteTranslation) converse(ctx context.Context, asked map[conversationKey]bool) (found map[conversationKey]Conversation, made map[conversationKey]bool, err error) {
	found, made = map[conversationKey]Conversation{}, map[conversationKey]bool{}
	for k, create := range asked {
		var v Conversation
		ok, err := t.s.row(ctx, `SELECT id, sequence, created_at FROM conversations WHERE number_id = ? AND contact_id = ?`, []any{k.number, k.contact}, &v.ID, &v.Sequence, &v.CreatedAt)
		if err != nil {
			return nil, nil, err
		}
		if !ok && !create {
			continue
		}
		if !ok {
			v.CreatedAt, made[k] = moment(time.Now()), true
			if _, err := t.s.row(ctx, `INSERT INTO conversations (number_id, contact_id, sequence, created_at) VALUES (?, ?, 0, ?) RETURNING id`, []any{k.number, k.contact, v.CreatedAt}, &v.ID); err != nil {
				return nil, nil, err
			}
		}
		found[k] = v
	}
	return found, made, nil
}

func (t *sqliteTranslation) Known(ctx context.Context, keys [][16]byte) (map[[16]byte]bool, error) {
	known := map[[16]byte]bool{}
	for _, k := range keys {
		var one int
		found, err := t.s.row(ctx, `SELECT 1 FROM events WHERE key = ?`, []any{k[:]}, &one)
		if err != nil {
			return nil, err
		}
		if found {
			known[k] = true
		}
	}
	return known, nil
}

func (t *sqliteTranslation) Messages(ctx context.Context, refs []MessageRef) (map[MessageRef]Message, error) {
	out := map[MessageRef]Message{}
	for _, r := range refs {
		m := Message{NumberID: r.NumberID, Wamid: r.Wamid}
		var at sql.NullTime
		found, err := t.s.row(ctx, `SELECT coalesce(conversation_id, 0), inbound, type, text, status, sent_at, status_at FROM messages WHERE number_id = ? AND wamid = ?`,
			[]any{r.NumberID, r.Wamid}, &m.ConversationID, &m.Inbound, &m.Type, &m.Text, &m.Status, &m.SentAt, &at)
		if err != nil {
			return nil, err
		}
		if found {
			m.StatusAt = at.Time
			out[r] = m
		}
	}
	return out, nil
}

func (t *sqliteTranslation) Write(ctx context.Context, c Changes) error {
	for _, write := range []func(context.Context, Changes) error{t.writeParked, t.writePeople, t.writeMessages, t.writeEvents} {
		if err := write(ctx, c); err != nil {
			return err
		}
	}
	if err := t.s.addWork(ctx, c.Work); err != nil {
		return err
	}
	return t.s.finish(ctx, c.Done)
}

func (t *sqliteTranslation) writeParked(ctx context.Context, c Changes) error {
	if len(c.Parked) > 0 && c.RoutesVersion != 0 {
		var v int64
		if _, err := t.s.row(ctx, `SELECT version FROM routes_version`, nil, &v); err != nil {
			return err
		}
		if v != c.RoutesVersion {
			return ErrRoutesChanged
		}
	}
	for _, p := range c.Parked {
		if _, err := t.s.exec(ctx, `INSERT INTO parked (phone_number_id, callback_id, reason) VALUES (?, ?, ?) ON CONFLICT DO NOTHING`, p.PhoneNumberID, p.CallbackID, p.Reason); err != nil {
			return err
		}
	}
	return nil
}

func (t *sqliteTranslation) writePeople(ctx context.Context, c Changes) error {
	for _, v := range c.Conversations {
		at := momentOrNil(v.LastInboundAt)
		if _, err := t.s.exec(ctx, `UPDATE conversations SET sequence = ?, last_inbound_at = coalesce(max(coalesce(last_inbound_at, ?), ?), last_inbound_at) WHERE id = ?`,
			v.Sequence, at, at, v.ID); err != nil {
			return err
		}
	}
	for _, v := range c.Contacts {
		if _, err := t.s.exec(ctx, `UPDATE contacts SET name = ?, username = ?, wa_id = ?, user_id = ?, parent_user_id = ?, updated_at = ? WHERE id = ?`,
			v.Name, v.Username, v.WaID, v.UserID, v.ParentUserID, moment(time.Now()), v.ID); err != nil {
			return err
		}
	}
	return nil
}

func (t *sqliteTranslation) writeMessages(ctx context.Context, c Changes) error {
	for _, m := range c.Messages {
		var conv any
		if m.ConversationID != 0 {
			conv = m.ConversationID
		}
		if _, err := t.s.exec(ctx, `INSERT INTO messages (number_id, wamid, conversation_id, inbound, type, text, status, sent_at, status_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)
			ON CONFLICT (number_id, wamid) DO UPDATE SET
				status = CASE WHEN excluded.status = '' THEN messages.status ELSE excluded.status END,
				status_at = CASE WHEN excluded.status = '' THEN messages.status_at ELSE excluded.status_at END,
				conversation_id = coalesce(messages.conversation_id, excluded.conversation_id),
				type = CASE WHEN messages.type = '' THEN excluded.type ELSE messages.type END,
				text = CASE WHEN messages.type = '' THEN excluded.text ELSE messages.text END,
				inbound = CASE WHEN messages.type = '' AND excluded.type <> '' THEN excluded.inbound ELSE messages.inbound END,
				sent_at = CASE WHEN messages.type = '' AND excluded.type <> '' THEN excluded.sent_at ELSE messages.sent_at END`,
			m.NumberID, m.Wamid, conv, m.Inbound, m.Type, m.Text, m.Status, m.SentAt, momentOrNil(m.StatusAt)); err != nil {
			return err
		}
	}
	return nil
}

func (t *sqliteTranslation) writeEvents(ctx context.Context, c Changes) error {
	for i := range c.Events {
		e := &c.Events[i]
		if _, err := t.s.exec(ctx, `INSERT INTO events (id, key, business_id, number_id, type, conversation_id, sequence, callback_id, created_at, data)
			VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (key) DO NOTHING`,
			e.ID, e.Key[:], e.BusinessID, e.NumberID, e.Type, e.ConversationID, e.Sequence, e.CallbackID, e.CreatedAt, string(e.Data)); err != nil {
			return err
		}
	}
	for _, d := range c.Deliveries { // only events that were really inserted owe deliveries
		if _, err := t.s.exec(ctx, `INSERT INTO deliveries (event_id, webhook_id, state, attempts, due_at) SELECT id, ?, ?, 0, created_at FROM events WHERE id = ? ON CONFLICT DO NOTHING`,
			d.WebhookID, int16(d.State), d.EventID); err != nil {
			return err
		}
	}
	return nil
}
