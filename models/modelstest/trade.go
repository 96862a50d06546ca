package modelstest

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"wabagate/models"
)

// orders answers refs on the world's number.
func (w *world) orders(refs ...models.OrderRef) (orders []*models.Order) {
	w.t.Helper()
	w.translate(func(tx models.Translation) (err error) {
		orders, err = tx.Orders(w.ctx, refs)
		return err
	})
	return orders
}

func (w *world) orderRef(wamid, reference string, create bool) models.OrderRef {
	return models.OrderRef{BusinessID: w.business, NumberID: w.number.ID, Wamid: wamid, Reference: reference, Create: create,
		Order: models.Order{Status: "pending", CreatedAt: second(1), UpdatedAt: second(1)}}
}

func testOrders(_ *testing.T, w *world) {
	w.equal("nobody", w.orders(w.orderRef("w1", "", false), models.OrderRef{}, w.orderRef("", "", true)), []*models.Order{nil, nil, nil})
	ref := w.orderRef("w1", "", true)
	ref.Order = models.Order{ConversationID: 5, Status: "pending", PaymentStatus: "captured", StatusAt: second(2), PaymentAt: second(3), CatalogID: "c", Text: "wrap",
		Currency: "INR", Total: 15.5, Items: []byte(`[{"a":1}]`), Payment: []byte(`{}`), CreatedAt: second(1), UpdatedAt: second(1)}
	os := w.orders(ref, w.orderRef("w1", "", false), w.orderRef("w2", "", true))
	made := *os[0]
	if made.ID == 0 || !made.New || os[0] != os[1] || os[2].ID == made.ID {
		w.t.Fatalf("made %+v", os)
	}
	want := ref.Order
	want.ID, want.BusinessID, want.NumberID, want.Wamid = made.ID, w.business, w.number.ID, "w1"
	got := *w.orders(w.orderRef("w1", "", true))[0]
	w.equal("found", got, want)
	kept, err := w.OrderByID(w.ctx, w.business, made.ID)
	w.ok(err)
	w.equal("read", kept, want)

	want.Status, want.StatusAt, want.Items, want.Total = "shipped", second(9), nil, 0.1
	w.write(models.Changes{Orders: []models.Order{want}})
	byID := w.orders(models.OrderRef{BusinessID: w.business, ID: made.ID})[0]
	w.equal("changed", *byID, want)
	other := w.otherBusiness()
	w.equal("another business's", w.orders(models.OrderRef{BusinessID: other, ID: made.ID}), []*models.Order{nil})
	_, err = w.OrderByID(w.ctx, other, made.ID)
	w.is(err, models.ErrNotFound)
	second := w.orderRef("w1", "", true)
	second.NumberID = 4711
	w.equal("of another number", w.orders(second)[0].ID != made.ID, true)
	list := func(business, before int64, limit int) (ids []string) {
		os, err := w.ListOrders(w.ctx, business, models.OrderFilter{Before: before, Limit: limit})
		w.ok(err)
		for _, o := range os {
			ids = append(ids, fmt.Sprint(o.NumberID == w.number.ID, o.Wamid))
		}
		return ids
	}
	w.equal("newest first", list(w.business, 0, 0), []string{"falsew1", "truew2", "truew1"})
	w.equal("page", list(w.business, os[2].ID, 1), []string{"truew1"})
	w.equal("of the other business", len(list(other, 0, 0)), 0)
}

// testOrdersJoined: the wamid of a cart and the business's reference, told together, are one order.
func testOrdersJoined(_ *testing.T, w *world) {
	cart := w.orders(w.orderRef("w1", "", true))[0]
	told := w.orders(w.orderRef("w1", "r1", true))[0]
	w.equal("named", []any{told.ID, told.Wamid, told.Reference, told.New}, []any{cart.ID, "w1", "r1", false})
	w.equal("by the reference", w.orders(w.orderRef("", "r1", false))[0].ID, cart.ID)
	w.equal("another invoice for the cart", w.orders(w.orderRef("w1", "r1b", true))[0].ID != cart.ID, true)
	w.equal("keeps the cart", w.orders(w.orderRef("w1", "", false))[0].ID, cart.ID)

	// Each was known by itself.
	payment := w.orderRef("", "r2", true)
	payment.Order.PaymentStatus, payment.Order.PaymentAt, payment.Order.Currency = "captured", second(3), "INR"
	first := w.orders(payment)[0]
	late := w.orderRef("w2", "", true)
	late.Order.Status, late.Order.StatusAt, late.Order.Items, late.Order.Total = "processing", second(2), []byte("[]"), 9
	younger := w.orders(late)[0]
	one := w.orders(w.orderRef("w2", "", false), w.orderRef("w2", "r2", true), w.orderRef("", "r2", false))
	want := *first
	want.New, want.Wamid, want.Status, want.StatusAt, want.Items, want.Total = false, "w2", "processing", second(2), []byte("[]"), 9
	for _, o := range one {
		w.equal("joined", *o, want)
	}
	w.equal("the same", one[0] == one[1] && one[1] == one[2], true)
	kept, err := w.OrderByID(w.ctx, w.business, first.ID)
	w.ok(err)
	w.equal("kept", kept, want)
	_, err = w.OrderByID(w.ctx, w.business, younger.ID)
	w.is(err, models.ErrNotFound)

	// All in one call.
	os := w.orders(w.orderRef("w3", "", true), w.orderRef("", "r3", true), w.orderRef("w3", "r3", true))
	w.equal("at once", os[0] == os[1] && os[1] == os[2] && os[0].New, true)
	w.equal("afterwards", w.orders(w.orderRef("", "r3", false))[0].ID, os[0].ID)
}

func (w *world) broadcasts(refs ...models.BroadcastRef) (found []*models.Broadcast) {
	w.t.Helper()
	w.translate(func(tx models.Translation) (err error) {
		found, err = tx.Broadcasts(w.ctx, refs)
		return err
	})
	return found
}

func testBroadcasts(_ *testing.T, w *world) {
	ref := func(reference string, create bool) models.BroadcastRef {
		return models.BroadcastRef{BusinessID: w.business, Reference: reference, Create: create, Broadcast: models.Broadcast{NumberID: w.number.ID, Name: "n", TemplateName: "t",
			Total: 3, StartedAt: second(1), UpdatedAt: second(1)}}
	}
	w.equal("unknown", w.broadcasts(ref("89", false), ref("", true)), []*models.Broadcast{nil, nil})
	found := w.broadcasts(ref("89", true), ref("88", true), ref("89", false))
	w.equal("same pointer", found[0] == found[2] && found[0] != found[1] && found[0].ID != 0, true)
	want := ref("", true).Broadcast
	want.ID, want.BusinessID, want.Reference = found[0].ID, w.business, "89"
	w.equal("found", *w.broadcasts(ref("89", true))[0], want)
	want.Sent, want.Delivered, want.Read, want.Failed, want.ProgressAt, want.CompletedAt = 1, 2, 3, 4, second(2), second(3)
	want.Failures = map[string]int64{"131026": 3, "": 1}
	w.write(models.Changes{Broadcasts: []models.Broadcast{want}})
	w.equal("changed", *w.broadcasts(ref("89", false))[0], want)
	got, err := w.BroadcastByID(w.ctx, w.business, want.ID)
	w.ok(err)
	w.equal("read", got, want)
	other := w.otherBusiness()
	_, err = w.BroadcastByID(w.ctx, other, want.ID)
	w.is(err, models.ErrNotFound)
	foreign := ref("89", true)
	foreign.BusinessID = other
	w.equal("another business's", w.broadcasts(foreign)[0].ID != want.ID, true)
	bs, err := w.ListBroadcasts(w.ctx, w.business, 0, 0)
	w.ok(err)
	w.equal("newest first", []any{len(bs), bs[0].ID > bs[1].ID}, []any{2, true})
	page, err := w.ListBroadcasts(w.ctx, w.business, bs[0].ID, 1)
	w.ok(err)
	w.equal("page", page, bs[1:])
}

// testTradeRush: the same orders and broadcasts in several groups at once. None is made twice, no count is lost.
func testTradeRush(_ *testing.T, w *world) {
	const n = 5
	rounds := 6
	w.rush(rounds, func(worker, _ int) error {
		order := rand.Perm(n)
		return w.Translate(w.ctx, func(tx models.Translation) error {
			var orders []models.OrderRef
			var broadcasts []models.BroadcastRef
			for _, i := range order {
				wamid, reference := fmt.Sprint("w", i), fmt.Sprint("r", i)
				orders = append(orders, []models.OrderRef{w.orderRef(wamid, "", true), w.orderRef("", reference, true), w.orderRef(wamid, reference, true)}[(worker+i)%3])
				broadcasts = append(broadcasts, models.BroadcastRef{BusinessID: w.business, Reference: reference, Create: true})
			}
			os, err := tx.Orders(w.ctx, orders)
			if err != nil {
				return err
			}
			bs, err := tx.Broadcasts(w.ctx, broadcasts)
			if err != nil {
				return err
			}
			var c models.Changes
			for i := range order {
				bs[i].Sent++
				bs[i].UpdatedAt, os[i].UpdatedAt = time.Now(), time.Now()
				c.Orders, c.Broadcasts = append(c.Orders, *os[i]), append(c.Broadcasts, *bs[i])
			}
			return tx.Write(w.ctx, c)
		})
	})
	bs, err := w.ListBroadcasts(w.ctx, w.business, 0, 0)
	w.ok(err)
	w.equal("broadcasts", len(bs), n)
	for _, b := range bs {
		w.equal("counted", b.Sent, rushers*rounds)
	}
	os, err := w.ListOrders(w.ctx, w.business, models.OrderFilter{})
	w.ok(err)
	w.equal("orders", len(os), n)
}
