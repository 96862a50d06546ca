package models

import (
	"cmp"
	"context"
	"maps"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"
)

// Write sends everything in one pipelined batch.
func (t *postgresTranslation) Write(ctx context.Context, c Changes) error {
	var b pgx.Batch
	queueRoutes(&b, c)
	t.queueParked(&b, c)
	queueConversations(&b, c.Conversations)
	for _, v := range c.Contacts { // one by one, because the order matters
		b.Queue(`UPDATE contacts SET name = $2, username = $3, wa_id = $4, user_id = $5, parent_user_id = $6, profile_at = $7, updated_at = now() WHERE id = $1`,
			v.ID, v.Name, v.Username, v.WaID, v.UserID, v.ParentUserID, momentOrNil(v.ProfileAt))
	}
	queueSendResults(&b, c.Sends, time.Now())
	t.queueMessages(&b, c.Messages, hintsOf(c.Events))
	queueMedia(&b, c)
	for i := range c.Orders {
		queueOrder(&b, &c.Orders[i])
	}
	for i := range c.Broadcasts {
		queueBroadcast(&b, &c.Broadcasts[i])
	}
	queueOptOuts(&b, c.OptOuts)
	t.queueEvents(&b, c.Events, c.Deliveries)
	queueDigests(&b, c.Digests)
	queueWork(&b, c.Work, t.there)
	if len(c.Done) > 0 {
		b.Queue(`DELETE FROM outbox WHERE id = ANY($1::bigint[])`, c.Done)
	}
	if b.Len() == 0 {
		return nil
	}
	return t.tx.SendBatch(ctx, &b).Close()
}

func queueRoutes(b *pgx.Batch, c Changes) {
	if !c.dependsOnRoutes() {
		return
	}
	// The lock makes a number that is being connected wait until what is parked for it is there to be seen, and a webhook
	// that is being switched on until what is held for it is.
	b.Queue(`SELECT version FROM routes_version FOR SHARE`).QueryRow(func(row pgx.Row) error {
		var v int64
		if err := row.Scan(&v); err != nil {
			return err
		}
		if v != c.RoutesVersion {
			return ErrRoutesChanged
		}
		return nil
	})
}

func (t *postgresTranslation) queueParked(b *pgx.Batch, c Changes) {
	if len(c.Parked) == 0 {
		return
	}
	n := len(c.Parked)
	phones, callbacks, reasons := make([]string, n), make([]int64, n), make([]string, n)
	for i, p := range c.Parked {
		phones[i], callbacks[i], reasons[i] = p.PhoneNumberID, p.CallbackID, p.Reason
	}
	b.Queue(`INSERT INTO parked (phone_number_id, callback_id, reason) SELECT * FROM unnest($1::text[], $2::bigint[], $3::text[]) ON CONFLICT DO NOTHING`,
		phones, callbacks, reasons)
}

func queueConversations(b *pgx.Batch, cs []ConversationChange) {
	if len(cs) == 0 {
		return
	}
	n := len(cs)
	ids, sequences, inbound := make([]int64, n), make([]int64, n), make([]*time.Time, n)
	for i, c := range cs {
		ids[i], sequences[i], inbound[i] = c.ID, c.Sequence, momentOrNil(c.LastInboundAt)
	}
	b.Queue(`UPDATE conversations c SET sequence = u.sequence, last_inbound_at = greatest(c.last_inbound_at, u.at)
		FROM unnest($1::bigint[], $2::bigint[], $3::timestamptz[]) AS u(id, sequence, at) WHERE c.id = u.id`, ids, sequences, inbound)
	for _, c := range cs {
		if v := c.Set; v != nil { // by a person, now and then
			b.Queue(`UPDATE conversations SET status = $2, labels = $3, note = $4, assignee = $5, ai_off = $6, ai_detail = $7, ai_at = $8 WHERE id = $1`,
				c.ID, v.Status, encodeLabels(v.Labels), v.Note, v.Assignee, textOrNil(v.AI.Off), textOrNil(v.AI.Detail), momentOrNil(v.AI.At))
		}
	}
}

// queueMessages keeps messages and where the events about them are.
func (t *postgresTranslation) queueMessages(b *pgx.Batch, ms []Message, hints map[MessageRef]hint) {
	defer queueHints(b, hints) // of the rest, once the messages are there
	if len(ms) == 0 {
		return
	}
	n := len(ms)
	numbers, wamids, convs, inbound := make([]int64, n), make([]string, n), make([]*int64, n), make([]bool, n)
	types, texts, statuses, sent, statusAt := make([]string, n), make([]string, n), make([]string, n), make([]time.Time, n), make([]*time.Time, n)
	edited, deleted, sentBy := make([]*time.Time, n), make([]*time.Time, n), make([]*string, n)
	broadcasts, replyTo, media := make([]*int64, n), make([]*string, n), make([]*string, n)
	first, last := make([]*int64, n), make([]*int64, n)
	for i := range ms {
		m := &ms[i]
		ref := MessageRef{NumberID: m.NumberID, Wamid: m.Wamid}
		first[i], last[i] = idOrNil(hints[ref].first), idOrNil(hints[ref].last)
		delete(hints, ref)
		numbers[i], wamids[i], convs[i], inbound[i] = m.NumberID, m.Wamid, idOrNil(m.ConversationID), m.Inbound
		types[i], texts[i], statuses[i], sent[i], statusAt[i] = m.Type, m.Text, m.Status, m.SentAt, momentOrNil(m.StatusAt)
		edited[i], deleted[i], sentBy[i] = momentOrNil(m.EditedAt), momentOrNil(m.DeletedAt), textOrNil(m.SentBy)
		broadcasts[i], replyTo[i], media[i] = idOrNil(m.BroadcastID), textOrNil(m.ReplyTo), textOrNil(m.MediaURL)
	}
	b.Queue(`WITH written AS (
		INSERT INTO messages (number_id, wamid, conversation_id, inbound, type, text, status, sent_at, status_at, edited_at, deleted_at, sent_by, broadcast_id, reply_to, media_url,
			first_event, last_event)
		SELECT * FROM unnest($1::bigint[], $2::text[], $3::bigint[], $4::bool[], $5::text[], $6::text[], $7::text[], $8::timestamptz[], $9::timestamptz[],
			$10::timestamptz[], $11::timestamptz[], $12::text[], $13::bigint[], $14::text[], $15::text[], $16::bigint[], $17::bigint[])
		`+onKnownMessage+`,
			first_event = CASE WHEN messages.first_event IS NOT NULL THEN least(messages.first_event, excluded.first_event) END,
			last_event = CASE WHEN messages.last_event IS NOT NULL THEN greatest(messages.last_event, excluded.last_event) END
		RETURNING number_id, wamid, xmax = 0 AS made)
		SELECT number_id, wamid FROM written WHERE NOT made`,
		numbers, wamids, convs, inbound, types, texts, statuses, sent, statusAt, edited, deleted, sentBy, broadcasts, replyTo, media, first, last).Query(func(rows pgx.Rows) error {
		// The status was worked out for a message that nobody knew. Another group made it known meanwhile.
		var r MessageRef
		_, err := pgx.ForEachRow(rows, []any{&r.NumberID, &r.Wamid}, func() error {
			if t.unknown[r] {
				return errOvertaken
			}
			return nil
		})
		return err
	})
}

// queueHints widens what is known of messages that did not change themselves, such as by a late status.
func queueHints(b *pgx.Batch, hints map[MessageRef]hint) {
	if len(hints) == 0 {
		return
	}
	var numbers, first, last []int64
	var wamids []string
	for _, ref := range slices.SortedFunc(maps.Keys(hints), compareRefs) {
		numbers, wamids, first, last = append(numbers, ref.NumberID), append(wamids, ref.Wamid), append(first, hints[ref].first), append(last, hints[ref].last)
	}
	b.Queue(`UPDATE messages m SET first_event = least(m.first_event, h.first), last_event = greatest(m.last_event, h.last)
		FROM unnest($1::bigint[], $2::text[], $3::bigint[], $4::bigint[]) AS h(number_id, wamid, first, last)
		WHERE m.number_id = h.number_id AND m.wamid = h.wamid AND (h.first < m.first_event OR h.last > m.last_event)`, numbers, wamids, first, last)
}

func compareRefs(a, b MessageRef) int {
	return cmp.Or(cmp.Compare(a.NumberID, b.NumberID), cmp.Compare(a.Wamid, b.Wamid))
}

// queueEvents keeps events and what they owe. Of those that Known was asked about it knows that they are new, unless another
// is making them at this moment; the others are looked for first.
func (t *postgresTranslation) queueEvents(b *pgx.Batch, es []Event, ds []Delivery) {
	fresh := make(map[int64]*Event, len(es))
	var certain, doubtful []Event
	for i := range es {
		if t.there == fails && t.asked[es[i].Key] {
			certain = append(certain, es[i])
			fresh[es[i].ID] = &es[i]
		} else {
			doubtful = append(doubtful, es[i])
		}
	}
	var owed, doubted []Delivery
	for _, d := range ds {
		if fresh[d.EventID] != nil {
			owed = append(owed, d)
		} else {
			doubted = append(doubted, d)
		}
	}
	queueNewEvents(b, certain)
	queueNewDeliveries(b, owed, fresh)
	queueDoubtfulEvents(b, doubtful, t.asked)
	queueDoubtfulDeliveries(b, doubted)
}

const insertEvents = `INSERT INTO events (id, key, business_id, number_id, type, conversation_id, sequence, callback_id, created_at, data)
	SELECT u.* FROM unnest($1::bigint[], $2::bytea[], $3::bigint[], $4::bigint[], $5::text[], $6::bigint[], $7::bigint[], $8::bigint[], $9::timestamptz[], $10::text[])
		AS u(id, key, business_id, number_id, type, conversation_id, sequence, callback_id, created_at, data)`

func columnsOfEvents(es []Event) (ids []int64, columns []any) {
	n := len(es)
	ids, keys, business, numbers, types := make([]int64, n), make([][]byte, n), make([]int64, n), make([]int64, n), make([]string, n)
	convs, sequences, callbacks, created := make([]int64, n), make([]int64, n), make([]int64, n), make([]time.Time, n)
	data := make([][]byte, n)
	for i := range es {
		e := &es[i]
		ids[i], keys[i], business[i], numbers[i], types[i] = e.ID, e.Key[:], e.BusinessID, e.NumberID, e.Type
		convs[i], sequences[i], callbacks[i], created[i] = e.ConversationID, e.Sequence, e.CallbackID, e.CreatedAt
		data[i] = e.Data
	}
	return ids, []any{ids, keys, business, numbers, types, convs, sequences, callbacks, created, data}
}

// queueNewEvents keeps events that are new; it fails when one is not.
func queueNewEvents(b *pgx.Batch, es []Event) {
	if len(es) == 0 {
		return
	}
	ks := keysOf(es)
	keys, ids := make([][]byte, len(ks)), make([]int64, len(ks))
	for i, k := range ks {
		keys[i], ids[i] = k.key, k.eventID
	}
	b.Queue(`INSERT INTO event_keys (key, event_id) SELECT * FROM unnest($1::bytea[], $2::bigint[])`, keys, ids)
	_, columns := columnsOfEvents(es)
	b.Queue(insertEvents, columns...)
}

// queueNewDeliveries keeps what events that are new owe.
func queueNewDeliveries(b *pgx.Batch, ds []Delivery, events map[int64]*Event) {
	n := len(ds)
	if n == 0 {
		return
	}
	ids, hooks, states, lanes, places := deliveryColumns(ds)
	keys, types, at := make([][]byte, n), make([]string, n), make([]time.Time, n)
	for i := range ds {
		e := events[ds[i].EventID]
		keys[i], types[i], at[i] = e.Key[:], e.Type, e.CreatedAt
	}
	b.Queue(`INSERT INTO deliveries (event_id, webhook_id, state, attempts, due_at, held, lane, lane_sequence, key, type, created_at)
		SELECT d.event_id, d.webhook_id, d.state, 0, d.at, CASE WHEN d.state = 3 THEN true END, nullif(d.lane, 0), nullif(d.place, 0), d.key, d.type, d.at
		FROM unnest($1::bigint[], $2::bigint[], $3::smallint[], $4::bigint[], $5::bigint[], $6::bytea[], $7::text[], $8::timestamptz[])
			AS d(event_id, webhook_id, state, lane, place, key, type, at)`, ids, hooks, states, lanes, places, keys, types, at)
	queueSlip(b, 0, bookedDeliveries(ds).encode())
}

func deliveryColumns(ds []Delivery) (events, hooks []int64, states []int16, lanes, places []int64) {
	n := len(ds)
	events, hooks, states, lanes, places = make([]int64, n), make([]int64, n), make([]int16, n), make([]int64, n), make([]int64, n)
	for i, d := range ds {
		events[i], hooks[i], states[i], lanes[i], places[i] = d.EventID, d.WebhookID, int16(d.State), d.Lane, d.Sequence
	}
	return events, hooks, states, lanes, places
}

// queueDoubtfulEvents keeps those of the events whose keys are free. Keys that Known was not asked about are looked for in
// the other generations too.
func queueDoubtfulEvents(b *pgx.Batch, es []Event, asked map[[16]byte]bool) {
	if len(es) == 0 {
		return
	}
	ks := keysOf(es)
	keys, ids, known := make([][]byte, len(ks)), make([]int64, len(ks)), make([]bool, len(ks))
	for i, k := range ks {
		keys[i], ids[i], known[i] = k.key, k.eventID, asked[[16]byte(k.key)]
	}
	b.Queue(`INSERT INTO event_keys (key, event_id) SELECT q.key, q.event_id FROM unnest($1::bytea[], $2::bigint[], $3::bool[]) AS q(key, event_id, asked)
		WHERE q.asked OR NOT EXISTS (SELECT 1 FROM event_keys k WHERE k.key = q.key`+remembered(time.Now()).on("k.event_id")+`) ON CONFLICT DO NOTHING`, keys, ids, known)
	of, columns := columnsOfEvents(es)
	b.Queue(insertEvents+" JOIN "+looked("event_keys k", "k.key = u.key AND k.event_id = u.id"+within("k.event_id", of...)), columns...)
}

// queueDoubtfulDeliveries keeps what those of the events owe that were really kept.
func queueDoubtfulDeliveries(b *pgx.Batch, ds []Delivery) {
	if len(ds) == 0 {
		return
	}
	events, hooks, states, lanes, places := deliveryColumns(ds)
	b.Queue(counting("made", `INSERT INTO deliveries (event_id, webhook_id, state, attempts, due_at, held, lane, lane_sequence, key, type, created_at)
		SELECT d.event_id, d.webhook_id, d.state, 0, e.created_at, CASE WHEN d.state = 3 THEN true END, nullif(d.lane, 0), nullif(d.place, 0), e.key, e.type, e.created_at
		FROM unnest($1::bigint[], $2::bigint[], $3::smallint[], $4::bigint[], $5::bigint[]) AS d(event_id, webhook_id, state, lane, place)
		JOIN `+looked("events e", "e.id = d.event_id"+within("e.id", events...))+` ON CONFLICT DO NOTHING RETURNING webhook_id, event_id`,
		"webhook_id, event_id", "0", "$6", "$7"), events, hooks, states, lanes, places, bookedDeliveries(ds).encode(), len(ds))
}

func queueDigests(b *pgx.Batch, ds []Digest) {
	if len(ds) == 0 {
		return
	}
	events, data := make([]int64, len(ds)), make([][]byte, len(ds))
	for i, d := range ds {
		events[i], data[i] = d.EventID, d.Data
	}
	b.Queue(`INSERT INTO digests (event_id, data) SELECT d.event_id, d.data FROM unnest($1::bigint[], $2::text[]) AS d(event_id, data)
		JOIN `+looked("events e", "e.id = d.event_id"+within("e.id", events...))+` ON CONFLICT DO NOTHING`, events, data)
}
