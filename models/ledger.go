package models

import (
	"cmp"
	"context"
	"slices"
	"time"
)

// ledger is what an engine does for Orders; which refs are one order is decided here, once for both engines.
type ledger interface {
	// findOrders locks and reads the orders that any of the refs names.
	findOrders(ctx context.Context, refs []OrderRef) ([]*Order, error)
	// keepOrders deletes the orders gone, writes those changed and makes the new ones, giving them their ids.
	// errOvertaken when another transaction has made one of them.
	keepOrders(ctx context.Context, gone, changed, made []*Order) error
}

// orderName is a wamid or a reference on a number.
type orderName struct {
	number int64
	text   string
}

// orderRegister answers refs one after the other and notes what that changes.
type orderRegister struct {
	byID                 map[int64]*Order
	byWamid, byReference map[orderName]*Order
	into                 map[*Order]*Order // those that became part of another
	gone, changed, made  []*Order
}

// findOrders answers refs as if each had come alone, one after the other.
func findOrders(ctx context.Context, book ledger, refs []OrderRef) ([]*Order, error) {
	if len(refs) == 0 {
		return nil, nil
	}
	known, err := book.findOrders(ctx, refs)
	if err != nil {
		return nil, err
	}
	r := &orderRegister{byID: map[int64]*Order{}, byWamid: map[orderName]*Order{}, byReference: map[orderName]*Order{}, into: map[*Order]*Order{}}
	for _, o := range known {
		r.byID[o.ID] = o
		r.name(o)
	}
	answers := make([]*Order, len(refs))
	for i, ref := range refs {
		answers[i] = r.answer(ref)
	}
	for i, o := range answers {
		for r.into[o] != nil {
			o = r.into[o]
		}
		answers[i] = o
	}
	r.made = slices.DeleteFunc(r.made, func(o *Order) bool { return r.into[o] != nil })
	r.changed = slices.DeleteFunc(r.changed, func(o *Order) bool { return o.New || r.into[o] != nil })
	if len(r.made)+len(r.changed) == 0 {
		return answers, nil
	}
	slices.SortStableFunc(r.made, func(a, b *Order) int {
		return cmp.Or(cmp.Compare(a.NumberID, b.NumberID), cmp.Compare(a.Wamid, b.Wamid), cmp.Compare(a.Reference, b.Reference))
	})
	return answers, book.keepOrders(ctx, r.gone, r.changed, r.made)
}

func (r *orderRegister) name(o *Order) {
	if o.Wamid != "" {
		r.byWamid[orderName{o.NumberID, o.Wamid}] = o
	}
	if o.Reference != "" {
		r.byReference[orderName{o.NumberID, o.Reference}] = o
	}
}

func (r *orderRegister) answer(ref OrderRef) *Order {
	if ref.ID != 0 {
		if o := r.byID[ref.ID]; o != nil && o.BusinessID == ref.BusinessID {
			return o
		}
		return nil
	}
	if ref.Wamid == "" && ref.Reference == "" {
		return nil
	}
	cart, invoice := r.byWamid[orderName{ref.NumberID, ref.Wamid}], r.byReference[orderName{ref.NumberID, ref.Reference}]
	if cart != nil && ref.Reference != "" && cart.Reference != "" && cart.Reference != ref.Reference {
		ref.Wamid, cart = "", nil // a second invoice for one cart is an order of its own
	}
	switch {
	case cart == nil && invoice == nil:
		return r.make(ref)
	case !ref.Create:
		return cmp.Or(invoice, cart)
	case cart != nil && invoice != nil && cart != invoice && invoice.Wamid == "":
		return r.join(cart, invoice)
	case invoice == nil:
		r.change(cart, cart.Wamid, cmp.Or(cart.Reference, ref.Reference))
		return cart
	case cart == nil:
		r.change(invoice, cmp.Or(invoice.Wamid, ref.Wamid), invoice.Reference)
	}
	return invoice
}

func (r *orderRegister) make(ref OrderRef) *Order {
	if !ref.Create {
		return nil
	}
	o := ref.Order
	o.ID, o.BusinessID, o.NumberID, o.Wamid, o.Reference, o.New = 0, ref.BusinessID, ref.NumberID, ref.Wamid, ref.Reference, true
	r.made = append(r.made, &o)
	r.name(&o)
	return &o
}

func (r *orderRegister) change(o *Order, wamid, reference string) {
	if o.Wamid == wamid && o.Reference == reference {
		return
	}
	o.Wamid, o.Reference = wamid, reference
	r.name(o)
	if !slices.Contains(r.changed, o) {
		r.changed = append(r.changed, o)
	}
}

// join makes one of a cart and of what is known under its reference: the older of them with all that the other knows.
func (r *orderRegister) join(a, b *Order) *Order {
	older, younger := a, b
	if !b.New && (a.New || b.ID < a.ID) {
		older, younger = b, a
	}
	older.absorb(younger)
	r.into[younger] = older
	if !younger.New {
		r.gone = append(r.gone, younger)
	}
	r.change(older, cmp.Or(older.Wamid, younger.Wamid), cmp.Or(older.Reference, younger.Reference))
	return older
}

// absorb fills in what the other order knows and o does not; of the two statuses the later stays.
func (o *Order) absorb(other *Order) {
	o.ConversationID = cmp.Or(o.ConversationID, other.ConversationID)
	o.CatalogID, o.Text, o.Currency = cmp.Or(o.CatalogID, other.CatalogID), cmp.Or(o.Text, other.Text), cmp.Or(o.Currency, other.Currency)
	o.Total = cmp.Or(o.Total, other.Total)
	if o.Items == nil {
		o.Items = other.Items
	}
	if o.Status == "" || other.StatusAt.After(o.StatusAt) {
		o.Status, o.StatusAt = other.Status, other.StatusAt
	}
	if o.PaymentStatus == "" || other.PaymentAt.After(o.PaymentAt) {
		o.PaymentStatus, o.PaymentAt, o.Payment = other.PaymentStatus, other.PaymentAt, other.Payment
	}
	if other.CreatedAt.Before(o.CreatedAt) {
		o.CreatedAt = other.CreatedAt
	}
}

const orderColumns = `o.id, o.business_id, o.number_id, o.conversation_id, o.wamid, o.reference, o.status, o.payment_status, o.status_at, o.payment_at,
	o.catalog_id, o.text, o.currency, o.total, o.items, o.payment, o.created_at, o.updated_at`

// orderScan receives a row of orderColumns.
type orderScan struct {
	o                   Order
	statusAt, paymentAt *time.Time
	items, payment      *string
}

func (s *orderScan) dest() []any {
	o := &s.o
	return []any{&o.ID, &o.BusinessID, &o.NumberID, &o.ConversationID, &o.Wamid, &o.Reference, &o.Status, &o.PaymentStatus, &s.statusAt, &s.paymentAt,
		&o.CatalogID, &o.Text, &o.Currency, &o.Total, &s.items, &s.payment, &o.CreatedAt, &o.UpdatedAt}
}

func (s *orderScan) order() *Order {
	o := s.o
	o.StatusAt, o.PaymentAt = timeOrZero(s.statusAt), timeOrZero(s.paymentAt)
	o.Items, o.Payment = bytesOrNil(s.items), bytesOrNil(s.payment)
	return &o
}

func bytesOrNil(s *string) []byte {
	if s == nil {
		return nil
	}
	return []byte(*s)
}

// values are the columns of an order but its id, in the order of orderColumns.
func (o *Order) values() []any {
	text := func(b []byte) *string {
		if b == nil {
			return nil
		}
		s := string(b)
		return &s
	}
	return []any{o.BusinessID, o.NumberID, o.ConversationID, o.Wamid, o.Reference, o.Status, o.PaymentStatus, momentOrNil(o.StatusAt), momentOrNil(o.PaymentAt),
		o.CatalogID, o.Text, o.Currency, o.Total, text(o.Items), text(o.Payment), o.CreatedAt, o.UpdatedAt}
}
