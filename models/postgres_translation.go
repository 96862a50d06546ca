package models

import (
	"cmp"
	"context"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

// postgresTranslation takes what other groups may take too in one order: names, then conversations, then messages that
// were sent, then what is known of messages, then lanes, then what Write adds, each sorted.
type postgresTranslation struct {
	tx pgx.Tx
	// unknown are the messages that Messages did not find.
	unknown map[MessageRef]bool
	// asked are the keys that Known was asked about.
	asked map[[16]byte]bool
	there onConflict
}

func (p *postgresEngine) translate(ctx context.Context, fn func(Translation) error) error {
	// Each statement has to see what others committed while it waited for them, whatever the server's default is.
	o := pgx.TxOptions{IsoLevel: pgx.ReadCommitted}
	return p.assuming(ctx, func(there onConflict) error {
		return pgx.BeginTxFunc(ctx, p.pool, o, func(tx pgx.Tx) error {
			return fn(&postgresTranslation{tx: tx, unknown: map[MessageRef]bool{}, asked: map[[16]byte]bool{}, there: there})
		})
	})
}

func (t *postgresTranslation) People(ctx context.Context, refs []PersonRef) ([]Person, error) {
	return findPeople(ctx, t, refs)
}

func identityColumns(names []identity) (business []int64, kinds []int16, values []string) {
	business, kinds, values = make([]int64, len(names)), make([]int16, len(names)), make([]string, len(names))
	for i, n := range names {
		business[i], kinds[i], values[i] = n.business, int16(n.kind), n.value
	}
	return business, kinds, values
}

func (t *postgresTranslation) find(ctx context.Context, names []identity) (map[identity]*Contact, error) {
	business, kinds, values := identityColumns(names)
	rows, err := t.tx.Query(ctx, `SELECT i.business_id, i.kind, i.value, `+contactColumns+`
		FROM unnest($1::bigint[], $2::smallint[], $3::text[]) AS q(business_id, kind, value)
		JOIN identities i USING (business_id, kind, value) JOIN contacts c ON c.id = i.contact_id`, business, kinds, values)
	if err != nil {
		return nil, err
	}
	found, byID := map[identity]*Contact{}, map[int64]*Contact{}
	var n identity
	var c contactScan
	_, err = pgx.ForEachRow(rows, append([]any{&n.business, (*int16)(&n.kind), &n.value}, c.dest()...), func() error {
		if byID[c.ID] == nil {
			byID[c.ID] = c.contact()
		}
		found[n] = byID[c.ID]
		return nil
	})
	return found, err
}

func (t *postgresTranslation) namesOf(ctx context.Context, contacts []int64) (map[int64][]identity, error) {
	rows, err := t.tx.Query(ctx, `SELECT contact_id, business_id, kind, value FROM identities WHERE contact_id = ANY($1::bigint[])`, contacts)
	if err != nil {
		return nil, err
	}
	names := map[int64][]identity{}
	var id int64
	var n identity
	_, err = pgx.ForEachRow(rows, []any{&id, &n.business, (*int16)(&n.kind), &n.value}, func() error { names[id] = append(names[id], n); return nil })
	return names, err
}

func (t *postgresTranslation) pointed(ctx context.Context, refs []PersonRef) (map[int]pointed, error) {
	business, contacts, conversations := make([]int64, len(refs)), make([]int64, len(refs)), make([]int64, len(refs))
	for i, r := range refs {
		business[i], contacts[i], conversations[i] = r.BusinessID, r.ContactID, r.ConversationID
	}
	rows, err := t.tx.Query(ctx, `SELECT q.n, coalesce(v.number_id, 0), d.id, `+contactColumns+`
		FROM unnest($1::bigint[], $2::bigint[], $3::bigint[]) WITH ORDINALITY AS q(business_id, contact_id, conversation_id, n)
		LEFT JOIN conversations v ON v.id = q.conversation_id
		JOIN contacts d ON d.id = CASE WHEN q.conversation_id = 0 THEN q.contact_id ELSE v.contact_id END AND d.business_id = q.business_id
		JOIN contacts c ON c.id = coalesce(d.merged_into, d.id)`, business, contacts, conversations)
	if err != nil {
		return nil, err
	}
	found := map[int]pointed{}
	var n int
	var k conversationKey
	var c contactScan
	_, err = pgx.ForEachRow(rows, append([]any{&n, &k.number, &k.contact}, c.dest()...), func() error {
		found[n-1] = pointed{c.contact(), k}
		return nil
	})
	return found, err
}

// enter takes the names first: whoever enters a name owns the person, and who comes second waits for the first to
// commit and starts over, so that two groups never make one person twice. Contacts from before are held, so that they
// are not merged meanwhile; those that were judged by their names against anybody who would add one.
func (t *postgresTranslation) enter(ctx context.Context, e entries) error {
	if len(e.arrivals) > 0 {
		rows, err := t.tx.Query(ctx, `SELECT nextval(pg_get_serial_sequence('contacts', 'id')) FROM generate_series(1, $1)`, len(e.arrivals))
		if err != nil {
			return err
		}
		ids, err := pgx.CollectRows(rows, pgx.RowTo[int64])
		if err != nil {
			return err
		}
		slices.Sort(ids)
		for i := range e.arrivals {
			e.arrivals[i].contact.ID = ids[i]
		}
	}
	var b pgx.Batch
	queueNames(&b, e.names)
	queueArrivals(&b, e.arrivals)
	queueHold(&b, e)
	queueMoves(&b, e)
	return t.tx.SendBatch(ctx, &b).Close()
}

// orOvertaken expects a statement to meet n rows.
func orOvertaken(n int) func(pgconn.CommandTag) error {
	return func(tag pgconn.CommandTag) error {
		if tag.RowsAffected() != int64(n) {
			return errOvertaken
		}
		return nil
	}
}

func queueNames(b *pgx.Batch, names []naming) {
	if len(names) == 0 {
		return
	}
	ns, ids := make([]identity, len(names)), make([]int64, len(names))
	for i, v := range names {
		ns[i], ids[i] = v.name, v.contact.ID
	}
	business, kinds, values := identityColumns(ns)
	b.Queue(`INSERT INTO identities (business_id, kind, value, contact_id) SELECT * FROM unnest($1::bigint[], $2::smallint[], $3::text[], $4::bigint[])
		ON CONFLICT DO NOTHING`, business, kinds, values, ids).Exec(orOvertaken(len(names)))
}

func queueArrivals(b *pgx.Batch, arrivals []arrival) {
	n := len(arrivals)
	if n == 0 {
		return
	}
	ids, business, names, usernames := make([]int64, n), make([]int64, n), make([]string, n), make([]string, n)
	wa, user, parent, profile := make([]string, n), make([]string, n), make([]string, n), make([]*time.Time, n)
	for i, a := range arrivals {
		c := a.contact
		ids[i], business[i], names[i], usernames[i], wa[i], user[i], parent[i] = c.ID, a.business, c.Name, c.Username, c.WaID, c.UserID, c.ParentUserID
		profile[i] = momentOrNil(c.ProfileAt)
	}
	b.Queue(`INSERT INTO contacts (id, business_id, name, username, wa_id, user_id, parent_user_id, profile_at, created_at, updated_at)
		SELECT *, $9::timestamptz, $9::timestamptz
		FROM unnest($1::bigint[], $2::bigint[], $3::text[], $4::text[], $5::text[], $6::text[], $7::text[], $8::timestamptz[])`,
		ids, business, names, usernames, wa, user, parent, profile, moment(time.Now()))
}

func queueHold(b *pgx.Batch, e entries) {
	if len(e.weighed) > 0 {
		ids := make([]int64, 0, len(e.weighed))
		for c := range e.weighed {
			ids = append(ids, c.ID)
		}
		slices.Sort(ids)
		b.Queue(`SELECT 1 FROM contacts WHERE id = ANY($1::bigint[]) AND merged_into IS NULL ORDER BY id FOR UPDATE`, ids).Exec(orOvertaken(len(ids)))
	}
	if len(e.joined) > 0 {
		ids := make([]int64, len(e.joined))
		for i, c := range e.joined {
			ids[i] = c.ID
		}
		slices.Sort(ids)
		b.Queue(`SELECT 1 FROM contacts WHERE id = ANY($1::bigint[]) AND merged_into IS NULL ORDER BY id FOR KEY SHARE`, ids).Exec(orOvertaken(len(ids)))
	}
}

func queueMoves(b *pgx.Batch, e entries) {
	if n := len(e.moves); n > 0 {
		names, from, to := make([]identity, n), make([]int64, n), make([]int64, n)
		for i, m := range e.moves {
			names[i], from[i], to[i] = m.name, m.from.ID, m.to.ID
		}
		business, kinds, values := identityColumns(names)
		b.Queue(`UPDATE identities i SET contact_id = q.into_id
			FROM unnest($1::bigint[], $2::smallint[], $3::text[], $4::bigint[], $5::bigint[]) AS q(business_id, kind, value, from_id, into_id)
			WHERE i.business_id = q.business_id AND i.kind = q.kind AND i.value = q.value AND i.contact_id = q.from_id`,
			business, kinds, values, from, to).Exec(orOvertaken(n))
	}
	if len(e.weighed) > 0 {
		ids, names := make([]int64, 0, len(e.weighed)), make([]int64, 0, len(e.weighed))
		for c, n := range e.weighed {
			ids, names = append(ids, c.ID), append(names, int64(n))
		}
		b.Queue(`SELECT 1 FROM unnest($1::bigint[], $2::bigint[]) AS q(id, names) WHERE names <> (SELECT count(*) FROM identities i WHERE i.contact_id = q.id)`,
			ids, names).Exec(orOvertaken(0))
	}
	for _, m := range e.merges {
		b.Queue(`UPDATE contacts SET merged_into = $2, updated_at = now() WHERE id = $1`, m.from.ID, m.into.ID)
		b.Queue(`UPDATE contacts SET merged_into = $2 WHERE merged_into = $1`, m.from.ID, m.into.ID)
		b.Queue(`UPDATE conversations v SET contact_id = $2 WHERE v.contact_id = $1
			AND NOT EXISTS (SELECT 1 FROM conversations o WHERE o.number_id = v.number_id AND o.contact_id = $2)`, m.from.ID, m.into.ID)
	}
	for _, c := range e.evicted {
		b.Queue(`UPDATE contacts SET wa_id = '', updated_at = now() WHERE id = $1`, c.ID)
	}
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
	rows, err := t.tx.Query(ctx, `SELECT `+conversationColumns+`
		FROM conversations c JOIN unnest($1::bigint[], $2::bigint[]) AS q(number_id, contact_id) USING (number_id, contact_id)
		ORDER BY c.number_id, c.contact_id FOR UPDATE OF c`, numbers, contacts)
	if err != nil {
		return nil, nil, err
	}
	var v Conversation
	var contact int64
	var inbound, aiAt *time.Time
	var labels string
	scan := []any{&v.ID, &v.NumberID, &contact, &v.Sequence, &v.CreatedAt, &inbound, &v.Status, &labels, &v.Note, &v.Assignee, &v.AI.Off, &v.AI.Detail, &aiAt}
	keep := func() conversationKey {
		v.LastInboundAt, v.Labels, v.AI.At = timeOrZero(inbound), decodeLabels(labels), timeOrZero(aiAt)
		k := conversationKey{v.NumberID, contact}
		found[k] = v
		return k
	}
	if _, err := pgx.ForEachRow(rows, scan, func() error { keep(); return nil }); err != nil {
		return nil, nil, err
	}
	var missing, absent []conversationKey
	for _, k := range keys {
		if _, ok := found[k]; !ok && asked[k] {
			missing = append(missing, k)
		} else if !ok {
			absent = append(absent, k)
		}
	}
	if err := t.alive(ctx, absent); err != nil || len(missing) == 0 {
		return found, made, err
	}
	numbers, contacts = columns(missing)
	// The no-op update locks and returns a row that another group made in the meantime; its xmax tells it apart. A contact
	// that was merged in the meantime gets none.
	rows, err = t.tx.Query(ctx, `INSERT INTO conversations AS c (number_id, contact_id, sequence, created_at)
		SELECT q.number_id, q.contact_id, 0, $3 FROM unnest($1::bigint[], $2::bigint[]) AS q(number_id, contact_id)
		JOIN contacts o ON o.id = q.contact_id WHERE o.merged_into IS NULL FOR KEY SHARE OF o
		ON CONFLICT (number_id, contact_id) DO UPDATE SET sequence = c.sequence
		RETURNING `+conversationColumns+`, c.xmax = 0`, numbers, contacts, moment(time.Now()))
	if err != nil {
		return nil, nil, err
	}
	var fresh bool
	tag, err := pgx.ForEachRow(rows, append(scan, &fresh), func() error {
		if k := keep(); fresh {
			made[k] = true
		}
		return nil
	})
	if err == nil {
		err = orOvertaken(len(missing))(tag)
	}
	return found, made, err
}

// alive makes sure that contacts without a conversation were not merged since they were found: the survivor may have it.
func (t *postgresTranslation) alive(ctx context.Context, keys []conversationKey) error {
	if len(keys) == 0 {
		return nil
	}
	_, contacts := columns(keys)
	tag, err := t.tx.Exec(ctx, `SELECT 1 FROM contacts WHERE id = ANY($1::bigint[]) AND merged_into IS NOT NULL`, contacts)
	if err != nil {
		return err
	}
	return orOvertaken(0)(tag)
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
		t.asked[keys[i]] = true
	}
	rows, err := t.tx.Query(ctx, `SELECT key FROM event_keys WHERE key = ANY($1::bytea[])`+remembered(time.Now()).on("event_id"), raw)
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
	rows, err := t.tx.Query(ctx, `SELECT `+messageColumns+`
		FROM messages m JOIN unnest($1::bigint[], $2::text[]) AS q(number_id, wamid) USING (number_id, wamid) ORDER BY 1, 2 FOR UPDATE OF m`, numbers, wamids)
	if err != nil {
		return nil, err
	}
	var m messageScan
	_, err = pgx.ForEachRow(rows, m.dest(), func() error {
		found[MessageRef{m.m.NumberID, m.m.Wamid}] = m.message()
		return nil
	})
	for _, r := range refs {
		if _, ok := found[r]; !ok {
			t.unknown[r] = true
		}
	}
	return found, err
}

func (t *postgresTranslation) Recent(ctx context.Context, conversations []int64, n int) (map[int64][]Message, error) {
	found := map[int64][]Message{}
	if len(conversations) == 0 || n <= 0 {
		return found, nil
	}
	rows, err := t.tx.Query(ctx, `SELECT `+messageColumns+` FROM unnest($1::bigint[]) AS q(id) CROSS JOIN LATERAL (
		SELECT * FROM messages WHERE conversation_id = q.id AND type <> '' ORDER BY sent_at DESC, wamid DESC LIMIT $2) AS m
		ORDER BY m.sent_at, m.wamid`, conversations, n)
	if err != nil {
		return nil, err
	}
	var m messageScan
	_, err = pgx.ForEachRow(rows, m.dest(), func() error {
		found[m.m.ConversationID] = append(found[m.m.ConversationID], m.message())
		return nil
	})
	return found, err
}
