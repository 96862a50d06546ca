package modelstest

import (
	"errors"
	"strings"
	"testing"
	"time"

	"wabagate/models"
)

func testEvents(_ *testing.T, w *world) {
	first, callback := w.event("a"), models.Work{ID: w.NextID(), Kind: models.TranslateCallbacks, DueAt: time.Now(), Members: []int64{1, 1}}
	w.ok(w.AddWork(w.ctx, callback))
	first.ConversationID, first.Sequence, first.CallbackID = 5, 6, 7
	next := models.Work{ID: w.NextID(), Kind: models.Deliver, WebhookID: w.webhook.ID, DueAt: first.CreatedAt, Members: []int64{first.ID}}
	w.write(models.Changes{Events: []models.Event{first}, Deliveries: []models.Delivery{{EventID: first.ID, WebhookID: w.webhook.ID}}, Work: []models.Work{next}, Done: []int64{callback.ID}})
	ws := w.unfinished()
	w.equal("work now", []any{len(ws), ws[0].ID, ws[0].Members}, []any{1, next.ID, next.Members})
	got, err := w.EventByKey(w.ctx, w.business, first.Key)
	w.ok(err)
	first.CreatedAt = first.CreatedAt.UTC().Truncate(time.Microsecond)
	w.equal("event", got, first)
	_, err = w.EventByKey(w.ctx, w.otherBusiness(), first.Key)
	w.is(err, models.ErrNotFound)

	// The same fact again, beside another: skipped with what it would owe.
	again, other := w.event("a"), w.event("b")
	w.write(models.Changes{Events: []models.Event{again, other, w.event("b")}, Deliveries: []models.Delivery{
		{EventID: again.ID, WebhookID: w.webhook.ID}, {EventID: other.ID, WebhookID: w.webhook.ID, State: models.Held}, {EventID: other.ID, WebhookID: w.webhook.ID + 1}}})
	rows, err := w.Deliveries(w.ctx, w.webhook.ID, models.DeliveryFilter{})
	w.ok(err)
	w.equal("deliveries", []int64{int64(len(rows)), rows[0].EventID, rows[1].EventID}, []int64{2, other.ID, first.ID})
	w.equal("states", []models.DeliveryState{rows[0].State, rows[1].State}, []models.DeliveryState{models.Held, models.Pending})
	w.translate(func(tx models.Translation) error {
		known, err := tx.Known(w.ctx, [][16]byte{eventKey("a"), eventKey("b"), eventKey("c")})
		w.equal("known", known, map[[16]byte]bool{eventKey("a"): true, eventKey("b"): true})
		if err == nil {
			known, err = tx.Known(w.ctx, nil)
			w.equal("known of none", len(known), 0)
		}
		return err
	})
}

// messages reads messages of the world's number.
func (w *world) messages(wamids ...string) (found map[models.MessageRef]models.Message) {
	w.t.Helper()
	w.translate(func(tx models.Translation) (err error) {
		var refs []models.MessageRef
		for _, id := range wamids {
			refs = append(refs, models.MessageRef{NumberID: w.number.ID, Wamid: id})
		}
		found, err = tx.Messages(w.ctx, refs)
		return err
	})
	return found
}

func testMessages(_ *testing.T, w *world) {
	at := time.Now().UTC().Truncate(time.Second)
	msg := func(m models.Message) models.Message { m.NumberID, m.SentAt = w.number.ID, at; return m }
	one := func(wamid string) models.Message {
		return w.messages(wamid)[models.MessageRef{NumberID: w.number.ID, Wamid: wamid}]
	}
	w.equal("none", len(w.messages("x")), 0)
	in := msg(models.Message{Wamid: "in", ConversationID: 3, Inbound: true, Type: "text", Text: "hi"})
	w.write(models.Changes{Messages: []models.Message{in}})
	w.equal("inbound", one("in"), in)
	w.equal("another number's", len(w.messages("out")), 0)

	// A report first, the conversation and the message itself later.
	report := msg(models.Message{Wamid: "out", Status: "delivered", StatusAt: at.Add(2 * time.Second)})
	w.write(models.Changes{Messages: []models.Message{report}})
	w.equal("only a report", one("out"), report)
	sent := msg(models.Message{Wamid: "out", ConversationID: 4, Type: "text", Text: "hello"})
	sent.SentAt = at.Add(-time.Minute)
	w.write(models.Changes{Messages: []models.Message{sent}})
	want := sent
	want.Status, want.StatusAt = report.Status, report.StatusAt
	w.equal("the message, its status kept", one("out"), want)
	read := msg(models.Message{Wamid: "out", ConversationID: 99, Type: "image", Text: "other", Status: "read", StatusAt: at.Add(3 * time.Second)})
	w.write(models.Changes{Messages: []models.Message{read}})
	want.Status, want.StatusAt = read.Status, read.StatusAt
	w.equal("only the status replaced", one("out"), want)

	// Twice in one write, as two facts of one group.
	w.write(models.Changes{Messages: []models.Message{msg(models.Message{Wamid: "t", Status: "sent", StatusAt: at}), msg(models.Message{Wamid: "t", ConversationID: 5, Type: "text", Text: "t"}), msg(models.Message{Wamid: "t", Status: "read", StatusAt: at.Add(time.Second)})}})
	w.equal("merged", one("t"), msg(models.Message{Wamid: "t", ConversationID: 5, Type: "text", Text: "t", Status: "read", StatusAt: at.Add(time.Second)}))
}

func testRollback(_ *testing.T, w *world) {
	done := models.Work{ID: w.NextID(), Kind: models.TranslateCallbacks, DueAt: time.Now(), Members: []int64{1, 1}}
	w.ok(w.AddWork(w.ctx, done))
	no := errors.New("no")
	err := w.Translate(w.ctx, func(tx models.Translation) error {
		p, err := tx.People(w.ctx, []models.PersonRef{w.ref("49170", "", true)})
		w.ok(err)
		e := w.event("a")
		w.ok(tx.Write(w.ctx, models.Changes{Events: []models.Event{e}, Deliveries: []models.Delivery{{EventID: e.ID, WebhookID: w.webhook.ID}},
			Conversations: []models.ConversationChange{{ID: p[0].Conversation.ID, Sequence: 1}}, Messages: []models.Message{{NumberID: w.number.ID, Wamid: "m"}},
			Work: []models.Work{{ID: w.NextID(), Kind: models.Deliver, DueAt: time.Now(), Members: []int64{1}}}, Done: []int64{done.ID}}))
		return no
	})
	w.is(err, no)
	w.equal("person", w.people(w.ref("49170", "", false))[0].Contact.ID, 0)
	w.equal("message", len(w.messages("m")), 0)
	_, err = w.EventByKey(w.ctx, w.business, eventKey("a"))
	w.is(err, models.ErrNotFound)
	ws := w.unfinished()
	w.equal("work", []int64{int64(len(ws)), ws[0].ID}, []int64{1, done.ID})

	func() { // a panic leaves nothing locked either
		defer func() { _ = recover() }()
		_ = w.Translate(w.ctx, func(models.Translation) error { panic("bug") })
	}()
	w.write(models.Changes{Done: []int64{done.ID}})
}

// testText: nothing that upstream may write makes a translation fail.
func testText(_ *testing.T, w *world) {
	const bad, made = "a\x00b\xff\xfec", "a\uFFFDb\uFFFDc"
	long := strings.Repeat("9", 70_000)
	for i, text := range []string{bad, long, long + "1", strings.Repeat("é", 5000), "\x00"} {
		ref := models.PersonRef{BusinessID: w.business, NumberID: w.number.ID, WaID: text, UserID: "u" + text, ParentUserID: text, Username: text, Name: text, Create: true}
		event := w.event("text " + text)
		event.Type, event.Data = text, []byte(`{"d":"`+text+`"}`)
		name := models.MessageRef{NumberID: w.number.ID, Wamid: text}
		message := models.Message{NumberID: w.number.ID, Wamid: text, Type: text, Text: text, Status: text, SentAt: time.Now()}
		var person models.Person
		w.translate(func(tx models.Translation) error {
			people, err := tx.People(w.ctx, []models.PersonRef{ref})
			if err != nil {
				return err
			}
			person = people[0]
			if _, err := tx.Known(w.ctx, [][16]byte{event.Key}); err != nil {
				return err
			}
			found, err := tx.Messages(w.ctx, []models.MessageRef{name})
			if err != nil {
				return err
			}
			w.equal("unknown", len(found), 0)
			contact := person.Contact
			contact.Name, contact.WaID = text, text
			return tx.Write(w.ctx, models.Changes{Contacts: []models.Contact{contact}, Messages: []models.Message{message, message}, Events: []models.Event{event},
				Deliveries: []models.Delivery{{EventID: event.ID, WebhookID: w.webhook.ID}},
				Parked:     []models.ParkedCallback{{PhoneNumberID: text, CallbackID: int64(i), Reason: text}, {PhoneNumberID: text, CallbackID: int64(i), Reason: text}}})
		})
		w.equal("a person of its own", person.NewContact, true)
		again := w.people(ref)[0]
		w.equal("found again under the same text", again.Contact.ID, person.Contact.ID)
		found := w.messages(text)
		if m, ok := found[name]; !ok || m.Wamid != text {
			w.t.Fatalf("message not found under the name asked for: %.100v", found)
		}
		got, err := w.EventByKey(w.ctx, w.business, event.Key)
		w.ok(err)
		if text == bad {
			w.equal("person", person.Contact, models.Contact{ID: person.Contact.ID, WaID: made, UserID: "u" + made, ParentUserID: made, Username: made, Name: made})
			w.equal("event", []string{got.Type, string(got.Data)}, []string{made, `{"d":"` + made + `"}`})
			w.equal("message", found[name].Text+found[name].Type+found[name].Status, made+made+made)
		}
		if text == long {
			w.equal("data is not cut", len(got.Data), len(event.Data))
			w.equal("message text is not cut", len(found[name].Text), len(text))
		}
		_, err = w.CreateNumber(w.ctx, models.Number{BusinessID: w.business, PhoneNumberID: text, Display: text, Name: text, WABAID: text})
		w.ok(err)
		ws := w.unfinished()
		w.equal("unparked", ws[len(ws)-1].Members, []int64{int64(i), int64(i)})
		w.settle(models.Result{WebhookID: w.webhook.ID, Attempts: []models.Attempt{{EventID: event.ID, N: 1, Outcome: text, Reason: text, Answer: text}}})
		rows, err := w.Deliveries(w.ctx, w.webhook.ID, models.DeliveryFilter{Types: []string{text}})
		w.ok(err)
		w.equal("deliveries of the type", len(rows), 1)
		w.disable(w.newWebhook(w.business).ID, models.ByReceiver, text)
	}
	_, err := w.CreateWebhook(w.ctx, models.Webhook{BusinessID: w.business, Name: bad, Description: bad, URL: bad, Events: []string{bad}, Dialect: bad, Secret: bad, Headers: map[string]string{bad: bad}})
	w.ok(err)
	_, _, err = w.CreateAPIKey(w.ctx, w.business, nil, bad)
	w.ok(err)
	_, err = w.CreateApp(w.ctx, models.App{Name: bad, Secrets: []models.Secret{bad}, VerifyToken: bad})
	w.ok(err)
	w.ok(w.AddAppSecret(w.ctx, bad, "t"))
	_, err = w.AddInspection(w.ctx, bad, nil, []byte(bad))
	w.ok(err)
	is, err := w.Inspections(w.ctx, bad, 0, 9)
	w.ok(err)
	w.equal("bytes stay", string(is[0].Body), bad)
	_, err = w.KeyByToken(w.ctx, bad)
	w.is(err, models.ErrNotFound)
}

// testTimes: times are compared right with and without fractions of a second, in any zone, and absurd ones do no harm.
func testTimes(_ *testing.T, w *world) {
	base := time.Date(2026, 11, 21, 9, 59, 59, 0, time.UTC)
	zones := []*time.Location{time.UTC, time.FixedZone("west", -11*3600), time.FixedZone("east", 13*3600+1800)}
	offsets := []time.Duration{0, time.Millisecond, 10 * time.Millisecond, 100 * time.Millisecond, 999 * time.Millisecond, time.Second, 1500 * time.Millisecond, time.Minute, 24 * time.Hour}
	for i, due := range offsets {
		event := w.owe(1)[0]
		w.settle(models.Result{WebhookID: w.webhook.ID, Updates: []models.DeliveryUpdate{{EventID: event, DueAt: base.Add(due).In(zones[i%3])}}})
		for j, before := range offsets {
			got, err := w.LoadGroup(w.ctx, models.Work{WebhookID: w.webhook.ID, Members: []int64{event}}, base.Add(before).In(zones[j%3]))
			w.ok(err)
			if (len(got) == 1) != (due <= before) {
				w.t.Fatalf("due %v, asked for %v: %d", due, before, len(got))
			}
		}
	}
	for _, absurd := range []time.Time{time.Unix(1<<55, 0), time.Unix(-1<<55, 0), {}} {
		e := w.event("absurd " + absurd.Format(time.RFC3339))
		e.CreatedAt = absurd
		w.translate(func(tx models.Translation) error {
			p, err := tx.People(w.ctx, []models.PersonRef{w.ref("1", "", true)})
			if err != nil {
				return err
			}
			return tx.Write(w.ctx, models.Changes{Events: []models.Event{e}, Deliveries: []models.Delivery{{EventID: e.ID, WebhookID: w.webhook.ID}},
				Conversations: []models.ConversationChange{{ID: p[0].Conversation.ID, Sequence: 1, LastInboundAt: absurd}},
				Messages:      []models.Message{{NumberID: w.number.ID, Wamid: "m", SentAt: absurd, Status: "sent", StatusAt: absurd}}})
		})
		_, err := w.Deliveries(w.ctx, w.webhook.ID, models.DeliveryFilter{})
		w.ok(err)
		w.messages("m")
	}
	// A delivery is due when its work is, to the millisecond.
	e := w.event("exact")
	e.CreatedAt = time.Now().Add(time.Hour).Truncate(time.Millisecond)
	work := models.Work{ID: w.NextID(), Kind: models.Deliver, WebhookID: w.webhook.ID, DueAt: e.CreatedAt, Members: []int64{e.ID}}
	w.write(models.Changes{Events: []models.Event{e}, Deliveries: []models.Delivery{{EventID: e.ID, WebhookID: w.webhook.ID}}, Work: []models.Work{work}})
	for range 2 {
		ws := w.unfinished()
		due, err := w.LoadGroup(w.ctx, models.Work{WebhookID: w.webhook.ID, Members: ws[len(ws)-1].Members}, ws[len(ws)-1].DueAt)
		w.ok(err)
		w.equal("due with its work", len(due), 1)
		at := time.Now().Add(2 * time.Hour) // with nanoseconds and a monotonic part
		retry := models.Work{ID: w.NextID(), Kind: models.Deliver, WebhookID: w.webhook.ID, DueAt: at, Members: []int64{e.ID}}
		w.settle(models.Result{WebhookID: w.webhook.ID, Updates: []models.DeliveryUpdate{{EventID: e.ID, Attempts: 1, DueAt: at, FailedAt: time.Now()}}, Next: []models.Work{retry}})
	}
}
