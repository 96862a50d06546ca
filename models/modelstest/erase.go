package modelstest

import (
	"fmt"
	"testing"
	"time"

	"wabagate/models"
)

// testErase: a contact with more than fits one chunk, erased in many calls, as after as many crashes.
func testErase(_ *testing.T, w *world) {
	p := w.people(w.ref("15550001", "US.1", true))[0]
	other := w.people(w.ref("15550002", "", true))[0]
	const many = 1200
	var c models.Changes
	for i := range many {
		e := w.said(p.Conversation.ID, "message.received", fmt.Sprintf(`{"message":{"id":"wamid.%d"}}`, i))
		c.Events, c.Messages = append(c.Events, e), append(c.Messages, models.Message{NumberID: w.number.ID, Wamid: fmt.Sprint("wamid.", i), ConversationID: p.Conversation.ID, Type: "text", Text: "x", SentAt: time.Now()})
	}
	created := w.said(0, "contact.created", fmt.Sprintf(`{"contact":{"id":%d,"name":"Ada"}}`, p.Contact.ID))
	longer := w.said(0, "contact.created", fmt.Sprintf(`{"contact":{"id":%d0,"wa_id":"155500012"}}`, p.Contact.ID))
	theirs := w.said(other.Conversation.ID, "message.received", `{"message":{"id":"wamid.other","text":"15550001"}}`)
	foreign := w.said(0, "contact.created", `{"contact":{"wa_id":"15550001"}}`)
	foreign.BusinessID = w.otherBusiness()
	c.Events = append(c.Events, created, longer, theirs, foreign)
	c.Deliveries = []models.Delivery{{EventID: c.Events[0].ID, WebhookID: w.webhook.ID}, {EventID: c.Events[1].ID, WebhookID: w.webhook.ID, State: models.Held}, {EventID: theirs.ID, WebhookID: w.webhook.ID}}
	w.write(c)

	_, err := w.Erase(w.ctx, w.otherBusiness(), p.Contact.ID, "key", time.Second)
	w.is(err, models.ErrNotFound)
	waiting := []models.Callback{{NumberID: w.number.ID, ReceivedAt: time.Now(), Body: []byte(`{"messages":[{"from":"15550001"},{"from":"9"}]}`)}}
	work := w.NewCallbackGroup(waiting)
	w.ok(w.Accept(w.ctx, work, waiting))
	_, err = w.Erase(w.ctx, w.business, p.Contact.ID, "key", 50*time.Millisecond)
	w.is(err, models.ErrTranslating)
	w.write(models.Changes{Done: []int64{work.ID}})

	var e models.Erasure
	calls := 0
	for e.ErasedAt.IsZero() {
		e, err = w.Erase(w.ctx, w.business, p.Contact.ID, "key", time.Millisecond)
		w.ok(err)
		if calls++; calls > 1000 {
			w.t.Fatal("it does not end")
		}
	}
	w.equal("counts", []int64{e.Counts["events"], e.Counts["messages"], e.Counts["deliveries"], e.Counts["callbacks"], e.Counts["contacts"], e.Counts["identities"]}, []int64{many + 1, many, 2, 1, 1, 2})
	again, err := w.Erase(w.ctx, w.business, p.Contact.ID, "key", time.Second)
	w.ok(err)
	w.equal("the same receipt", again, e)
	list, err := w.Erasures(w.ctx, w.business, 0, 0)
	w.ok(err)
	w.equal("kept", list, []models.Erasure{e})
	erased := func(ev models.Event) bool {
		w.t.Helper()
		got, err := w.EventByKey(w.ctx, ev.BusinessID, ev.Key)
		w.ok(err)
		return got.Erased()
	}
	w.equal("what is erased", []bool{erased(c.Events[0]), erased(c.Events[many-1]), erased(created), erased(longer), erased(theirs), erased(foreign)}, []bool{true, true, true, false, false, false})
	w.equal("what was owed", []models.DeliveryState{w.row(c.Events[0].ID).State, w.row(c.Events[1].ID).State, w.row(theirs.ID).State}, []models.DeliveryState{models.Skipped, models.Skipped, models.Pending})
	kept, err := w.Callbacks(w.ctx, waiting[0].ID, waiting[0].ID)
	w.ok(err)
	w.equal("the callback", bodies(kept), []string{`{"messages":[{"from":"9"}]}`})
	fresh := w.people(w.ref("15550001", "", true))[0]
	w.equal("somebody new", fresh.NewContact && fresh.Contact.ID != p.Contact.ID, true)
}
