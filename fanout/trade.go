package fanout

import (
	"context"
	"math/big"

	"wabagate/fanout/event"
	"wabagate/models"
	"wabagate/waba"
)

// orderPending is the status of an order about which nothing has been said yet.
const orderPending = "pending"

// findOrders looks up the orders that carts, invoices and payments are about.
func (b *batch) findOrders(ctx context.Context, tx models.Translation) ([]*models.Order, error) {
	found := make([]*models.Order, len(b.facts))
	var refs []models.OrderRef
	var at []int
	for i := range b.facts {
		f := &b.facts[i]
		if b.sent[i] != nil {
			f = b.sent[i]
		}
		if ref := b.orderRef(f, &b.people[i]); ref.BusinessID != 0 {
			refs, at = append(refs, ref), append(at, i)
		}
	}
	if len(refs) == 0 {
		return found, nil
	}
	orders, err := tx.Orders(ctx, refs)
	for i, o := range orders {
		found[at[i]] = o
	}
	return found, err
}

// orderRef names the order of a fact; zero: none.
func (b *batch) orderRef(f *fact, p *models.Person) models.OrderRef {
	if f.orderRef != nil {
		return *f.orderRef
	}
	if f.number.ID == 0 {
		return models.OrderRef{}
	}
	ref := models.OrderRef{BusinessID: f.business, NumberID: f.number.ID, Create: true}
	ref.Order = models.Order{BusinessID: f.business, NumberID: f.number.ID, ConversationID: p.Conversation.ID, Status: orderPending,
		CreatedAt: f.occurred, UpdatedAt: f.occurred}
	switch {
	case f.payment != nil && f.payment.Reference != "":
		ref.Reference = f.payment.Reference
		ref.Order.Total, ref.Order.Currency = amount(f.payment.Amount), f.payment.Currency
	case f.message == nil:
		return models.OrderRef{}
	case f.message.Cart != nil && !f.outbound:
		cart := f.message.Cart
		ref.Wamid = f.message.ID
		ref.Order.CatalogID, ref.Order.Text, ref.Order.Items = cart.CatalogID, cart.Text, cart.RawItems
		ref.Order.Total, ref.Order.Currency = total(cart.Items)
	case f.message.Invoice != nil && f.message.Invoice.Reference != "":
		invoice := f.message.Invoice
		ref.Reference = invoice.Reference
		ref.Order.Total, ref.Order.Currency = amount(invoice.Total), invoice.Currency
		if quoted := f.message.Context; quoted != nil && b.messages[models.MessageRef{NumberID: f.number.ID, Wamid: quoted.ID}].Type == "order" {
			ref.Wamid = quoted.ID // the business answers a cart
		}
	default:
		return models.OrderRef{}
	}
	ref.Order.Wamid, ref.Order.Reference = ref.Wamid, ref.Reference
	return ref
}

// total adds up a cart. The currency is that of the first line: a cart of several is not known to exist.
func total(items []waba.Item) (sum float64, currency string) {
	exact := new(big.Rat)
	for _, item := range items {
		fill(&currency, item.Currency)
		price, ok := new(big.Rat).SetString(item.Price)
		if ok {
			exact.Add(exact, price.Mul(price, new(big.Rat).SetInt64(item.Quantity)))
		}
	}
	sum, _ = exact.Float64()
	return sum, currency
}

// amount is an amount in units of its currency.
func amount(a *waba.Amount) float64 {
	if a == nil {
		return 0
	}
	if a.Offset == 0 {
		return float64(a.Value)
	}
	sum, _ := big.NewRat(a.Value, a.Offset).Float64()
	return sum
}

func (b *batch) addCart(f *fact, p *models.Person, o *models.Order) error {
	d := b.data(f, p)
	d.Order = orderData(o)
	return b.emit(f, b.follows(f, event.OrderCreated), event.OrderCreated, d, p, false)
}

func (b *batch) addForm(f *fact, p *models.Person) error {
	form := f.message.Form
	d := b.data(f, p)
	d.Form = &event.Form{MessageID: f.message.ID, Name: form.Name, FlowToken: form.FlowToken, Body: form.Body, Fields: form.Response, Response: form.Text}
	return b.emit(f, b.follows(f, event.FormSubmitted), event.FormSubmitted, d, p, false)
}

// addInvoice notes what a message of the business says of an order.
func (b *batch) addInvoice(f *fact, p *models.Person, o *models.Order) error {
	invoice := f.message.Invoice
	before := *o
	if invoice.Kind == "order_details" {
		o.Total, o.Currency = amount(invoice.Total), invoice.Currency
		b.keepOrder(o)
	}
	if invoice.Status == "" || invoice.Status == o.Status || f.occurred.Before(o.StatusAt) {
		return nil
	}
	o.Status, o.StatusAt = invoice.Status, f.occurred
	return b.orderChanged(f, p, b.follows(f, event.OrderStatusUpdated), o, before)
}

// addPayment notes how the payment of an order stands. A late callback turns nothing back and is told all the same.
func (b *batch) addPayment(f *fact, p *models.Person, o *models.Order) error {
	if o == nil {
		// It names no order: told as it came.
		d := b.data(f, p)
		d.Field, d.Reason, d.Raw = f.field, "a payment without a reference", f.payment.Raw
		return b.emit(f, f.key, event.UpstreamUnrecognized, d, p, true)
	}
	before := *o
	if !f.occurred.Before(o.PaymentAt) {
		o.PaymentStatus, o.PaymentAt, o.Payment = f.payment.Status, f.occurred, f.payment.Content
	}
	return b.orderChanged(f, p, f.key, o, before)
}

// orderChanged keeps an order and tells what is different about it.
func (b *batch) orderChanged(f *fact, p *models.Person, key event.Key, o *models.Order, before models.Order) error {
	b.keepOrder(o)
	var previous values
	if o.Status != before.Status {
		previous.was("status", before.Status)
	}
	if o.PaymentStatus != before.PaymentStatus {
		previous.was("payment_status", before.PaymentStatus)
	}
	d := b.data(f, p)
	d.Order, d.Previous = orderData(o), previous.json()
	if f.payment != nil {
		d.Order.Payment, d.Order.PaymentMessageID = f.payment.Content, f.payment.ID
	}
	return b.emit(f, key, event.OrderStatusUpdated, d, p, f.payment != nil)
}

// keepOrder writes an order once per transaction, in its last state.
func (b *batch) keepOrder(o *models.Order) {
	o.UpdatedAt = b.now
	if i, ok := b.keptOrders[o.ID]; ok {
		b.changes.Orders[i] = *o
		return
	}
	b.keptOrders[o.ID] = len(b.changes.Orders)
	b.changes.Orders = append(b.changes.Orders, *o)
}
