package models

import (
	"context"
	"errors"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

func (t *postgresTranslation) Orders(ctx context.Context, refs []OrderRef) ([]*Order, error) {
	return findOrders(ctx, t, refs)
}

func (t *postgresTranslation) findOrders(ctx context.Context, refs []OrderRef) ([]*Order, error) {
	n := len(refs)
	ids, numbers, wamids, references := make([]int64, n), make([]int64, n), make([]string, n), make([]string, n)
	for i, r := range refs {
		ids[i], numbers[i], wamids[i], references[i] = r.ID, r.NumberID, r.Wamid, r.Reference
	}
	rows, err := t.tx.Query(ctx, `SELECT `+orderColumns+` FROM orders o WHERE o.id = ANY(ARRAY(
		SELECT id FROM unnest($1::bigint[]) AS q(id) WHERE id <> 0
		UNION SELECT c.id FROM unnest($2::bigint[], $3::text[]) AS q(number_id, wamid) JOIN orders c ON c.number_id = q.number_id AND c.wamid = q.wamid AND c.wamid <> ''
		UNION SELECT c.id FROM unnest($2::bigint[], $4::text[]) AS q(number_id, reference) JOIN orders c ON c.number_id = q.number_id AND c.reference = q.reference AND c.reference <> ''))
		ORDER BY o.id FOR UPDATE`, ids, numbers, wamids, references)
	if err != nil {
		return nil, err
	}
	var orders []*Order
	var o orderScan
	_, err = pgx.ForEachRow(rows, o.dest(), func() error { orders = append(orders, o.order()); return nil })
	return orders, err
}

func (t *postgresTranslation) keepOrders(ctx context.Context, gone, changed, made []*Order) error {
	var b pgx.Batch
	for _, o := range gone {
		b.Queue(`DELETE FROM orders WHERE id = $1`, o.ID)
	}
	for _, o := range changed {
		queueOrder(&b, o)
	}
	for _, o := range made {
		b.Queue(`INSERT INTO orders (business_id, number_id, conversation_id, wamid, reference, status, payment_status, status_at, payment_at,
				catalog_id, text, currency, total, items, payment, created_at, updated_at)
			VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17) ON CONFLICT DO NOTHING RETURNING id`, o.values()...).QueryRow(scanMade(&o.ID))
	}
	err := t.tx.SendBatch(ctx, &b).Close()
	var pg *pgconn.PgError
	if errors.As(err, &pg) && pg.Code == "23505" { // a name that was free a moment ago
		return errOvertaken
	}
	return err
}

// scanMade reads the id of a row that was inserted unless somebody else did.
func scanMade(id *int64) func(pgx.Row) error {
	return func(row pgx.Row) error {
		err := row.Scan(id)
		if errors.Is(err, pgx.ErrNoRows) {
			return errOvertaken
		}
		return err
	}
}

func queueOrder(b *pgx.Batch, o *Order) {
	b.Queue(`UPDATE orders SET business_id = $2, number_id = $3, conversation_id = $4, wamid = $5, reference = $6, status = $7, payment_status = $8,
		status_at = $9, payment_at = $10, catalog_id = $11, text = $12, currency = $13, total = $14, items = $15, payment = $16, created_at = $17, updated_at = $18
		WHERE id = $1`, append([]any{o.ID}, o.values()...)...)
}

func (t *postgresTranslation) Broadcasts(ctx context.Context, refs []BroadcastRef) ([]*Broadcast, error) {
	return findBroadcasts(ctx, t, refs)
}

func (t *postgresTranslation) findBroadcasts(ctx context.Context, keys []broadcastKey) ([]*Broadcast, error) {
	business, references := make([]int64, len(keys)), make([]string, len(keys))
	for i, k := range keys {
		business[i], references[i] = k.business, k.reference
	}
	rows, err := t.tx.Query(ctx, `SELECT `+broadcastColumns+`
		FROM broadcasts b JOIN unnest($1::bigint[], $2::text[]) AS q(business_id, reference) USING (business_id, reference)
		ORDER BY b.business_id, b.reference FOR UPDATE OF b`, business, references)
	if err != nil {
		return nil, err
	}
	var found []*Broadcast
	var v broadcastScan
	_, err = pgx.ForEachRow(rows, v.dest(), func() error { found = append(found, v.broadcast()); return nil })
	return found, err
}

func (t *postgresTranslation) makeBroadcasts(ctx context.Context, made []*Broadcast) error {
	var b pgx.Batch
	for _, v := range made {
		b.Queue(`INSERT INTO broadcasts (business_id, number_id, reference, name, template_name, total, sent, delivered, read, failed, failures,
				started_at, updated_at, progress_at, completed_at)
			VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15) ON CONFLICT DO NOTHING RETURNING id`, v.values()...).QueryRow(scanMade(&v.ID))
	}
	return t.tx.SendBatch(ctx, &b).Close()
}

func queueBroadcast(b *pgx.Batch, v *Broadcast) {
	b.Queue(`UPDATE broadcasts SET business_id = $2, number_id = $3, reference = $4, name = $5, template_name = $6, total = $7, sent = $8, delivered = $9,
		read = $10, failed = $11, failures = $12, started_at = $13, updated_at = $14, progress_at = $15, completed_at = $16 WHERE id = $1`, append([]any{v.ID}, v.values()...)...)
}
