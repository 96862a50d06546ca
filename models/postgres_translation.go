package models

import (
	"cmp"
	"context"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

// postgresTranslation takes what other groups may take too in one order: names, then conversations, then messages, then
// what Write adds, each sorted.
type postgresTranslation struct {
	tx pgx.Tx
	// unknown are the messages that Messages did not find.
	unknown map[MessageRef]bool
}

func (p *postgresEngine) translate(ctx context.Context, fn func(Translation) error) error {
	// Each statement has to see what others committed while it waited for them, whatever the server's default is.
	o := pgx.TxOptions{IsoLevel: pgx.ReadCommitted}
	return repeat(ctx, func() error {
		return pgx.BeginTxFunc(ctx, p.pool, o, func(tx pgx.Tx) error {
			return fn(&postgresTranslation{tx: tx, unknown: map[MessageRef]bool{}})
		})
	})
}

func (t *postgresTranslation) People(ctx context.Context, refs []PersonRef) ([]Person, error) {
	return findPeople(ctx, t, refs)
}

func (t *postgresTranslation) find(ctx context.Context, names []identity) (map[identity]*Contact, error) {
	business, kinds, values := make([]int64, len(names)), make([]int16, len(names)), make([]string, len(names))
	for i, n := range names {
		business[i], kinds[i], values[i] = n.business, int16(n.kind), n.value
	}
	rows, err := t.tx.Query(ctx, `SELECT i.business_id, i.kind, i.value, c.id, c.name, c.username, c.wa_id, c.user_id, c.parent_user_id
		FROM unnest($1::bigint[], $2::smallint[], $3::text[]) AS q(business_id, kind, value)
		JOIN identities i USING (business_id, kind, value) JOIN contacts c ON c.id = i.contact_id`, business, kinds, values)
	if err != nil {
		return nil, err
	}
	found, byID := map[identity]*Contact{}, map[int64]*Contact{}
	var n identity
	var c Contact
	_, err = pgx.ForEachRow(rows, []any{&n.business, (*int16)(&n.kind), &n.value, &c.ID, &c.Name, &c.Username, &c.WaID, &c.UserID, &c.ParentUserID}, func() error {
		if byID[c.ID] == nil {
			one := c
			byID[c.ID] = &one
		}
		found[n] = byID[c.ID]
		return nil
	})
	return found, err
}

// enter takes the names first: whoever enters a name owns the person, and who comes second waits for the first to
// commit and starts over, so that two groups never make one person twice.
func (t *postgresTranslation) enter(ctx context.Context, arrivals []arrival, names []naming) error {
	if len(arrivals) > 0 {
		rows, err := t.tx.Query(ctx, `SELECT nextval(pg_get_serial_sequence('contacts', 'id')) FROM generate_series(1, $1)`, len(arrivals))
		if err != nil {
			return err
		}
		ids, err := pgx.CollectRows(rows, pgx.RowTo[int64])
		if err != nil {
			return err
		}
		for i := range arrivals {
			arrivals[i].contact.ID = ids[i]
		}
	}
	names = slices.Clone(names)
	slices.SortFunc(names, func(a, b naming) int {
		return cmp.Or(cmp.Compare(a.name.business, b.name.business), cmp.Compare(a.name.kind, b.name.kind), cmp.Compare(a.name.value, b.name.value))
	})
	n := len(names)
	business, kinds, values, ids := make([]int64, n), make([]int16, n), make([]string, n), make([]int64, n)
	for i, v := range names {
		business[i], kinds[i], values[i], ids[i] = v.name.business, int16(v.name.kind), v.name.value, v.contact.ID
	}
	var b pgx.Batch
	b.Queue(`INSERT INTO identities (business_id, kind, value, contact_id) SELECT * FROM unnest($1::bigint[], $2::smallint[], $3::text[], $4::bigint[])
		ON CONFLICT DO NOTHING`, business, kinds, values, ids).Exec(func(tag pgconn.CommandTag) error {
		if tag.RowsAffected() != int64(n) {
			return errOvertaken
		}
		return nil
	})
	queueArrivals(&b, arrivals)
	return t.tx.SendBatch(ctx, &b).Close()
}

func queueArrivals(b *pgx.Batch, arrivals []arrival) {
	n := len(arrivals)
	if n == 0 {
		return
	}
	ids, business, names, usernames := make([]int64, n), make([]int64, n), make([]string, n), make([]string, n)
	wa, user, parent := make([]string, n), make([]string, n), make([]string, n)
	for i, a := range arrivals {
		c := a.contact
		ids[i], business[i], names[i], usernames[i], wa[i], user[i], parent[i] = c.ID, a.business, c.Name, c.Username, c.WaID, c.UserID, c.ParentUserID
	}
	b.Queue(`INSERT INTO contacts (id, business_id, name, username, wa_id, user_id, parent_user_id, created_at, updated_at)
		SELECT *, $8::timestamptz, $8::timestamptz FROM unnest($1::bigint[], $2::bigint[], $3::text[], $4::text[], $5::text[], $6::text[], $7::text[])`,
		ids, business, names, usernames, wa, user, parent, moment(time.Now()))
}

func (t *postgresTranslation) converse(ctx context.Context, asked map[conversationKey]bool) (found map[conversationKey]Conversation, made map[conversationKey]bool, err error) {
	found, made = map[conversationKey]Conversation{}, map[conversationKey]bool{}
	keys := make([]conversationKey, 0, len(asked))
	for k := range asked {
		keys = append(keys, k)
	}
	slices.SortFunc(keys, func(a, b conversationKey) int {
		return cmp.Or(cmp.Compare(a.number, b.number), cmp.Compare(a.contact, b.contact))
	})
	numbers, contacts := columns(keys)
	rows, err := t.tx.Query(ctx, `SELECT c.id, c.number_id, c.contact_id, c.sequence, c.created_at
		FROM conversations c JOIN unnest($1::bigint[], $2::bigint[]) AS q(number_id, contact_id) USING (number_id, contact_id)
		ORDER BY c.number_id, c.contact_id FOR UPDATE OF c`, numbers, contacts)
	if err != nil {
		return nil, nil, err
	}
	var v Conversation
	var k conversationKey
	scan := []any{&v.ID, &k.number, &k.contact, &v.Sequence, &v.CreatedAt}
	if _, err := pgx.ForEachRow(rows, scan, func() error { found[k] = v; return nil }); err != nil {
		return nil, nil, err
	}
	missing := slices.DeleteFunc(keys, func(k conversationKey) bool { _, ok := found[k]; return ok || !asked[k] })
	if len(missing) == 0 {
		return found, made, nil
	}
	numbers, contacts = columns(missing)
	// The no-op update locks and returns a row that another group made in the meantime; its xmax tells it apart.
	rows, err = t.tx.Query(ctx, `INSERT INTO conversations (number_id, contact_id, sequence, created_at)
		SELECT number_id, contact_id, 0, $3 FROM unnest($1::bigint[], $2::bigint[]) AS q(number_id, contact_id)
		ON CONFLICT (number_id, contact_id) DO UPDATE SET sequence = conversations.sequence
		RETURNING id, number_id, contact_id, sequence, created_at, xmax = 0`, numbers, contacts, moment(time.Now()))
	if err != nil {
		return nil, nil, err
	}
	var fresh bool
	_, err = pgx.ForEachRow(rows, append(scan, &fresh), func() error {
		found[k] = v
		if fresh {
			made[k] = true
		}
		return nil
	})
	return found, made, err
}

func columns(keys []conversationKey) (numbers, contacts []int64) {
	for _, k := range keys {
		numbers, contacts = append(numbers, k.number), append(contacts, k.contact)
	}
	return numbers, contacts
}

func (t *postgresTranslation) Known(ctx context.Context, keys [][16]byte) (map[[16]byte]bool, error) {
	known := map[[16]byte]bool{}
	if len(keys) == 0 {
		return known, nil
	}
	raw := make([][]byte, len(keys))
	for i := range keys {
		raw[i] = keys[i][:]
	}
	rows, err := t.tx.Query(ctx, `SELECT key FROM events WHERE key = ANY($1::bytea[])`, raw)
	if err != nil {
		return nil, err
	}
	var key []byte
	_, err = pgx.ForEachRow(rows, []any{&key}, func() error { known[[16]byte(key)] = true; return nil })
	return known, err
}

func (t *postgresTranslation) Messages(ctx context.Context, refs []MessageRef) (map[MessageRef]Message, error) {
	found := map[MessageRef]Message{}
	if len(refs) == 0 {
		return found, nil
	}
	numbers, wamids := make([]int64, len(refs)), make([]string, len(refs))
	for i, r := range refs {
		numbers[i], wamids[i] = r.NumberID, r.Wamid
	}
	rows, err := t.tx.Query(ctx, `SELECT m.number_id, m.wamid, coalesce(m.conversation_id, 0), m.inbound, m.type, m.text, m.status, m.sent_at, m.status_at
		FROM messages m JOIN unnest($1::bigint[], $2::text[]) AS q(number_id, wamid) USING (number_id, wamid) ORDER BY 1, 2 FOR UPDATE OF m`, numbers, wamids)
	if err != nil {
		return nil, err
	}
	var m Message
	var at *time.Time
	_, err = pgx.ForEachRow(rows, []any{&m.NumberID, &m.Wamid, &m.ConversationID, &m.Inbound, &m.Type, &m.Text, &m.Status, &m.SentAt, &at}, func() error {
		m.StatusAt = time.Time{}
		if at != nil {
			m.StatusAt = *at
		}
		found[MessageRef{m.NumberID, m.Wamid}] = m
		return nil
	})
	for _, r := range refs {
		if _, ok := found[r]; !ok {
			t.unknown[r] = true
		}
	}
	return found, err
}
