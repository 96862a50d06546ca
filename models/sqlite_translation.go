package models

import (
	"context"
	"slices"
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
		var c contactScan
		ok, err := t.s.row(ctx, `SELECT `+contactColumns+` FROM identities i JOIN contacts c ON c.id = i.contact_id
			WHERE i.business_id = ? AND i.kind = ? AND i.value = ?`, []any{n.business, int16(n.kind), n.value}, c.dest()...)
		if err != nil {
			return nil, err
		}
		if !ok {
			continue
		}
		if byID[c.ID] == nil {
			byID[c.ID] = c.contact()
		}
		found[n] = byID[c.ID]
	}
	return found, nil
}

func (t *sqliteTranslation) namesOf(ctx context.Context, contacts []int64) (map[int64][]identity, error) {
	names := map[int64][]identity{}
	for _, id := range contacts {
		st, err := t.s.prepare(ctx, `SELECT business_id, kind, value FROM identities WHERE contact_id = ?`)
		if err != nil {
			return nil, err
		}
		rows, err := st.QueryContext(ctx, id)
		if err != nil {
			return nil, err
		}
		if names[id], err = collect(rows, func(n *identity) []any { return []any{&n.business, (*int16)(&n.kind), &n.value} }, nil); err != nil {
			return nil, err
		}
	}
	return names, nil
}

func (t *sqliteTranslation) pointed(ctx context.Context, refs []PersonRef) (map[int]pointed, error) {
	found := map[int]pointed{}
	for i, r := range refs {
		id, k := r.ContactID, conversationKey{}
		if r.ConversationID != 0 {
			ok, err := t.s.row(ctx, `SELECT number_id, contact_id FROM conversations WHERE id = ?`, []any{r.ConversationID}, &k.number, &id)
			if err != nil {
				return nil, err
			}
			if !ok {
				continue
			}
		}
		var c contactScan
		ok, err := t.s.row(ctx, `SELECT `+contactColumns+` FROM contacts d JOIN contacts c ON c.id = coalesce(d.merged_into, d.id) WHERE d.id = ? AND d.business_id = ?`,
			[]any{id, r.BusinessID}, c.dest()...)
		if err != nil {
			return nil, err
		}
		if k.contact = id; ok {
			found[i] = pointed{c.contact(), k}
		}
	}
	return found, nil
}

// enter has nobody to fear: there is one writer at a time.
func (t *sqliteTranslation) enter(ctx context.Context, e entries) error {
	now := moment(time.Now())
	for _, a := range e.arrivals {
		c := a.contact
		if _, err := t.s.row(ctx, `INSERT INTO contacts (business_id, name, username, wa_id, user_id, parent_user_id, profile_at, created_at, updated_at)
			VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?) RETURNING id`,
			[]any{a.business, c.Name, c.Username, c.WaID, c.UserID, c.ParentUserID, momentOrNil(c.ProfileAt), now, now}, &c.ID); err != nil {
			return err
		}
	}
	for _, n := range e.names {
		if _, err := t.s.exec(ctx, `INSERT INTO identities (business_id, kind, value, contact_id) VALUES (?, ?, ?, ?)`,
			n.name.business, int16(n.name.kind), n.name.value, n.contact.ID); err != nil {
			return err
		}
	}
	for _, m := range e.moves {
		if _, err := t.s.exec(ctx, `UPDATE identities SET contact_id = ? WHERE business_id = ? AND kind = ? AND value = ?`,
			m.to.ID, m.name.business, int16(m.name.kind), m.name.value); err != nil {
			return err
		}
	}
	for _, m := range e.merges {
		if _, err := t.s.exec(ctx, `UPDATE contacts SET merged_into = ?, updated_at = ? WHERE id = ? OR merged_into = ?`, m.into.ID, now, m.from.ID, m.from.ID); err != nil {
			return err
		}
		if _, err := t.s.exec(ctx, `UPDATE conversations SET contact_id = ? WHERE contact_id = ?
			AND NOT EXISTS (SELECT 1 FROM conversations o WHERE o.number_id = conversations.number_id AND o.contact_id = ?)`, m.into.ID, m.from.ID, m.into.ID); err != nil {
			return err
		}
	}
	for _, c := range e.evicted {
		if _, err := t.s.exec(ctx, `UPDATE contacts SET wa_id = '', updated_at = ? WHERE id = ?`, now, c.ID); err != nil {
			return err
		}
	}
	return nil
}

func (t *sqliteTranslation) converse(ctx context.Context, asked map[conversationKey]bool) (found map[conversationKey]Conversation, made map[conversationKey]bool, err error) {
	found, made = map[conversationKey]Conversation{}, map[conversationKey]bool{}
	for k, create := range asked {
		v := Conversation{NumberID: k.number}
		var inbound, aiAt *time.Time
		var labels string
		ok, err := t.s.row(ctx, `SELECT id, sequence, created_at, last_inbound_at, status, labels, note, assignee, coalesce(ai_off, ''), coalesce(ai_detail, ''), ai_at FROM conversations WHERE number_id = ? AND contact_id = ?`,
			[]any{k.number, k.contact}, &v.ID, &v.Sequence, &v.CreatedAt, &inbound, &v.Status, &labels, &v.Note, &v.Assignee, &v.AI.Off, &v.AI.Detail, &aiAt)
		if err != nil {
			return nil, nil, err
		}
		if !ok && !create {
			continue
		}
		if ok {
			v.LastInboundAt, v.Labels, v.AI.At = timeOrZero(inbound), decodeLabels(labels), timeOrZero(aiAt)
		} else {
			v.CreatedAt, v.Status, made[k] = moment(time.Now()), ConversationOpen, true
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
		found, err := t.s.row(ctx, `SELECT 1 FROM events WHERE key = ? UNION ALL SELECT 1 FROM event_keys WHERE key = ?`, []any{k[:], k[:]}, &one)
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
		var m messageScan
		found, err := t.s.row(ctx, `SELECT `+messageColumns+` FROM messages m WHERE m.number_id = ? AND m.wamid = ?`, []any{r.NumberID, r.Wamid}, m.dest()...)
		if err != nil {
			return nil, err
		}
		if found {
			out[r] = m.message()
		}
	}
	return out, nil
}

func (t *sqliteTranslation) Write(ctx context.Context, c Changes) error {
	for _, write := range []func(context.Context, Changes) error{t.writeParked, t.writePeople, t.writeMessages, t.writeMedia, t.writeTrade, t.writeOptOuts, t.writeEvents} {
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
	if c.dependsOnRoutes() {
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
		if set := v.Set; set != nil {
			if _, err := t.s.exec(ctx, `UPDATE conversations SET status = ?, labels = ?, note = ?, assignee = ?, ai_off = ?, ai_detail = ?, ai_at = ? WHERE id = ?`,
				set.Status, encodeLabels(set.Labels), set.Note, set.Assignee, textOrNil(set.AI.Off), textOrNil(set.AI.Detail), momentOrNil(set.AI.At), v.ID); err != nil {
				return err
			}
		}
	}
	for _, v := range c.Contacts {
		if _, err := t.s.exec(ctx, `UPDATE contacts SET name = ?, username = ?, wa_id = ?, user_id = ?, parent_user_id = ?, profile_at = ?, updated_at = ? WHERE id = ?`,
			v.Name, v.Username, v.WaID, v.UserID, v.ParentUserID, momentOrNil(v.ProfileAt), moment(time.Now()), v.ID); err != nil {
			return err
		}
	}
	return nil
}

func (t *sqliteTranslation) writeMessages(ctx context.Context, c Changes) error {
	if err := t.s.settleSends(ctx, c.Sends, time.Now()); err != nil {
		return err
	}
	for _, m := range c.Messages {
		if _, err := t.s.exec(ctx, `INSERT INTO messages (number_id, wamid, conversation_id, inbound, type, text, status, sent_at, status_at,
				edited_at, deleted_at, sent_by, broadcast_id, reply_to, media_url) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
			`+onKnownMessage,
			m.NumberID, m.Wamid, idOrNil(m.ConversationID), m.Inbound, m.Type, m.Text, m.Status, m.SentAt, momentOrNil(m.StatusAt),
			momentOrNil(m.EditedAt), momentOrNil(m.DeletedAt), textOrNil(m.SentBy), idOrNil(m.BroadcastID), textOrNil(m.ReplyTo), textOrNil(m.MediaURL)); err != nil {
			return err
		}
	}
	return nil
}

func (t *sqliteTranslation) writeTrade(ctx context.Context, c Changes) error {
	for i := range c.Orders {
		if err := t.writeOrder(ctx, &c.Orders[i]); err != nil {
			return err
		}
	}
	for i := range c.Broadcasts {
		if err := t.writeBroadcast(ctx, &c.Broadcasts[i]); err != nil {
			return err
		}
	}
	return nil
}

func (t *sqliteTranslation) writeEvents(ctx context.Context, c Changes) error {
	for i := range c.Events {
		e := &c.Events[i]
		if _, err := t.s.exec(ctx, `INSERT INTO events (id, key, business_id, number_id, type, conversation_id, sequence, callback_id, created_at, data)
			SELECT ?, ?, ?, ?, ?, ?, ?, ?, ?, ? WHERE NOT EXISTS (SELECT 1 FROM event_keys WHERE key = ?) ON CONFLICT (key) DO NOTHING`,
			e.ID, e.Key[:], e.BusinessID, e.NumberID, e.Type, e.ConversationID, e.Sequence, e.CallbackID, e.CreatedAt, string(e.Data), e.Key[:]); err != nil {
			return err
		}
	}
	counts := countBook{}
	for _, d := range c.Deliveries { // only events that were really inserted owe deliveries
		res, err := t.s.exec(ctx, `INSERT INTO deliveries (event_id, webhook_id, state, attempts, due_at, held, lane, lane_sequence, key, type, created_at)
			SELECT id, ?, ?, 0, created_at, ?, ?, ?, key, type, created_at FROM events WHERE id = ? ON CONFLICT DO NOTHING`,
			d.WebhookID, int16(d.State), heldOrNil(d.State), idOrNil(d.Lane), idOrNil(d.Sequence), d.EventID)
		if err != nil {
			return err
		}
		if wrote(res) {
			counts.of(d.WebhookID, hourOfID(d.EventID)).Made++
		}
	}
	if err := t.s.count(ctx, counts); err != nil {
		return err
	}
	for _, d := range c.Digests {
		if _, err := t.s.exec(ctx, `INSERT INTO digests (event_id, data) SELECT id, ? FROM events WHERE id = ? ON CONFLICT DO NOTHING`, string(d.Data), d.EventID); err != nil {
			return err
		}
	}
	return nil
}

func (t *sqliteTranslation) Recent(ctx context.Context, conversations []int64, n int) (map[int64][]Message, error) {
	found := map[int64][]Message{}
	for _, id := range conversations {
		st, err := t.s.prepare(ctx, `SELECT `+messageColumns+` FROM messages m WHERE m.conversation_id = ? AND m.type <> '' ORDER BY m.sent_at DESC, m.wamid DESC LIMIT ?`)
		if err != nil {
			return nil, err
		}
		rows, err := st.QueryContext(ctx, id, max(n, 0))
		if err != nil {
			return nil, err
		}
		ms, err := collectMessages(rows)
		if err != nil {
			return nil, err
		}
		if slices.Reverse(ms); len(ms) > 0 {
			found[id] = ms
		}
	}
	return found, nil
}
