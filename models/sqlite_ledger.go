package models

import "context"

func (t *sqliteTranslation) Orders(ctx context.Context, refs []OrderRef) ([]*Order, error) {
	return findOrders(ctx, t, refs)
}

func (t *sqliteTranslation) findOrders(ctx context.Context, refs []OrderRef) ([]*Order, error) {
	var orders []*Order
	seen := map[int64]bool{}
	for _, r := range refs {
		for _, q := range []struct {
			where string
			args  []any
			named bool
		}{
			{"o.id = ?", []any{r.ID}, r.ID != 0},
			{"o.number_id = ? AND o.wamid = ? AND o.wamid <> ''", []any{r.NumberID, r.Wamid}, r.Wamid != ""},
			{"o.number_id = ? AND o.reference = ? AND o.reference <> ''", []any{r.NumberID, r.Reference}, r.Reference != ""},
		} {
			if !q.named {
				continue
			}
			var o orderScan
			found, err := t.s.row(ctx, `SELECT `+orderColumns+` FROM orders o WHERE `+q.where, q.args, o.dest()...)
			if err != nil {
				return nil, err
			}
			if found && !seen[o.o.ID] {
				seen[o.o.ID] = true
				orders = append(orders, o.order())
			}
		}
	}
	return orders, nil
}

func (t *sqliteTranslation) keepOrders(ctx context.Context, gone, changed, made []*Order) error {
	for _, o := range gone {
		if _, err := t.s.exec(ctx, `DELETE FROM orders WHERE id = ?`, o.ID); err != nil {
			return err
		}
	}
	for _, o := range changed {
		if err := t.writeOrder(ctx, o); err != nil {
			return err
		}
	}
	for _, o := range made {
		if _, err := t.s.row(ctx, `INSERT INTO orders (business_id, number_id, conversation_id, wamid, reference, status, payment_status, status_at, payment_at,
			catalog_id, text, currency, total, items, payment, created_at, updated_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) RETURNING id`,
			o.values(), &o.ID); err != nil {
			return err
		}
	}
	return nil
}

func (t *sqliteTranslation) writeOrder(ctx context.Context, o *Order) error {
	_, err := t.s.exec(ctx, `UPDATE orders SET business_id = ?, number_id = ?, conversation_id = ?, wamid = ?, reference = ?, status = ?, payment_status = ?,
		status_at = ?, payment_at = ?, catalog_id = ?, text = ?, currency = ?, total = ?, items = ?, payment = ?, created_at = ?, updated_at = ?
		WHERE id = ?`, append(o.values(), o.ID)...)
	return err
}

func (t *sqliteTranslation) Broadcasts(ctx context.Context, refs []BroadcastRef) ([]*Broadcast, error) {
	return findBroadcasts(ctx, t, refs)
}

func (t *sqliteTranslation) findBroadcasts(ctx context.Context, keys []broadcastKey) ([]*Broadcast, error) {
	var found []*Broadcast
	for _, k := range keys {
		var b broadcastScan
		ok, err := t.s.row(ctx, `SELECT `+broadcastColumns+` FROM broadcasts b WHERE b.business_id = ? AND b.reference = ?`, []any{k.business, k.reference}, b.dest()...)
		if err != nil {
			return nil, err
		}
		if ok {
			found = append(found, b.broadcast())
		}
	}
	return found, nil
}

func (t *sqliteTranslation) makeBroadcasts(ctx context.Context, made []*Broadcast) error {
	for _, b := range made {
		if _, err := t.s.row(ctx, `INSERT INTO broadcasts (business_id, number_id, reference, name, template_name, total, sent, delivered, read, failed, failures,
			started_at, updated_at, progress_at, completed_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) RETURNING id`, b.values(), &b.ID); err != nil {
			return err
		}
	}
	return nil
}

func (t *sqliteTranslation) writeBroadcast(ctx context.Context, b *Broadcast) error {
	_, err := t.s.exec(ctx, `UPDATE broadcasts SET business_id = ?, number_id = ?, reference = ?, name = ?, template_name = ?, total = ?, sent = ?, delivered = ?,
		read = ?, failed = ?, failures = ?, started_at = ?, updated_at = ?, progress_at = ?, completed_at = ? WHERE id = ?`, append(b.values(), b.ID)...)
	return err
}
