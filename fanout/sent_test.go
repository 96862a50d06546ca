package fanout

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"wabagate/fanout/dialect"
	"wabagate/fanout/event"
	"wabagate/models"
	"wabagate/waba"
	"wabagate/waba/outgoing"
)

// outbox is a number that sends, on a transaction of maps.
type outbox struct {
	t         *testing.T
	tx        *memory
	callbacks int64
	events    []models.Event
	work      []models.Work
	owed      map[int64][]models.Delivery // by event
	waits     []parked
}

func newOutbox(t *testing.T) *outbox {
	return &outbox{t: t, tx: newMemory(), owed: map[int64][]models.Delivery{}}
}

// startedAt is when every message of these tests was given to the platform.
var startedAt = time.Unix(1793491200, 123e6).UTC()

// send is a message as the send API keeps it, under way.
func send(t *testing.T, id int64, by, tracking, body string) models.Send {
	t.Helper()
	m, err := outgoing.Parse([]byte(body))
	require.NoError(t, err)
	return models.Send{ID: id, BusinessID: 1, NumberID: 11, Body: []byte(body), To: m.To, Recipient: m.Recipient, Type: m.Type, Text: m.Text, ReplyTo: m.ReplyTo,
		MediaURL: m.MediaLink, SentBy: by, Tracking: tracking, State: models.SendUnderway, Attempts: 1, StartedAt: startedAt}
}

// own is the gateway's own callback about messages that were sent.
func own(told ...models.ToldSend) models.Callback {
	body, _ := json.Marshal(models.Told{Sends: told})
	return models.Callback{AppID: models.OwnApp, ReceivedAt: startedAt.Add(2 * time.Second), Body: body}
}

func accepted(id int64, wamid string) models.ToldSend {
	return models.ToldSend{ID: id, Wamid: wamid, WaID: "15550177321", UserID: "US.1", At: startedAt.Add(300 * time.Millisecond)}
}

func refused(id int64) models.ToldSend {
	return models.ToldSend{ID: id, Code: "131026", Title: "Message undeliverable", Detail: "They are not on WhatsApp.", At: startedAt.Add(300 * time.Millisecond)}
}

// reported is a status of a message of the number, as the platform posts it.
func reported(wamid, status string, tracking waba.Tracking) models.Callback {
	errors := ""
	if status == waba.StatusFailed {
		errors = `,"errors":[{"code":131026,"title":"Message undeliverable"}]`
	}
	return models.Callback{AppID: ours.ID, ReceivedAt: startedAt, Body: envelope(messages("600", fmt.Sprintf(
		`"contacts":[{"wa_id":"15550177321","user_id":"US.1"}],"statuses":[{"id":%q,"status":%q,"timestamp":"1793491201","recipient_id":"15550177321","recipient_user_id":"US.1","biz_opaque_callback_data":%q%s}]`,
		wamid, status, tracking.String(), errors)))}
}

// translate makes one transaction of some callbacks.
func (o *outbox) translate(callbacks ...models.Callback) {
	o.t.Helper()
	r, subs := onMemory()
	for i := range callbacks {
		o.callbacks++
		callbacks[i].ID = o.callbacks
	}
	answers, ids := answersIn(callbacks)
	for _, id := range ids {
		if s, ok := o.tx.sends[id]; ok {
			answers.sends[id] = s
			for reference, b := range o.tx.broadcasts {
				if b.ID == s.BroadcastID {
					answers.references[b.ID] = reference
				}
			}
		}
	}
	var facts []fact
	seen := map[event.Key]bool{}
	for _, cb := range callbacks {
		fs, waits := answers.factsOf(cb, subs)
		for _, f := range fs {
			if !seen[f.key] {
				seen[f.key] = true
				facts = append(facts, f)
			}
		}
		o.waits = append(o.waits, waits...)
	}
	var changes models.Changes
	require.NoError(o.t, r.write(o.t.Context(), o.tx, facts, subs, &changes))
	o.events, o.work = append(o.events, changes.Events...), append(o.work, changes.Work...)
	for _, d := range changes.Deliveries {
		o.owed[d.EventID] = append(o.owed[d.EventID], d)
	}
}

// types are the events so far, sorted.
func (o *outbox) types() []string {
	types := make([]string, len(o.events))
	for i, e := range o.events {
		types[i] = e.Type
	}
	slices.Sort(types)
	return types
}

// the is the only event of a type.
func (o *outbox) the(typ string) event.Data {
	o.t.Helper()
	var found []event.Data
	for _, e := range o.events {
		if e.Type == typ {
			d, err := eventOf(e, beside{}).Decode()
			require.NoError(o.t, err)
			found = append(found, d)
		}
	}
	require.Len(o.t, found, 1, typ)
	return found[0]
}

// broadcast makes the broadcast that the next messages belong to.
func (o *outbox) broadcast(reference string, total int64) *models.Broadcast {
	b := &models.Broadcast{ID: o.tx.next(), BusinessID: 1, NumberID: 11, Reference: reference, Total: total}
	o.tx.broadcasts[reference] = b
	return b
}

func (o *outbox) kept(wamid string) models.Message {
	return o.tx.messages[models.MessageRef{NumberID: 11, Wamid: wamid}]
}

const hello = `{"messaging_product":"whatsapp","to":"+1 555 017 7321","text":{"body":"Your order is on its way"},"context":{"message_id":"wamid.in"}}`

// Whoever is first, the own callback or any status, alone or together with others, once or twice: the message was sent
// once, with all that the sender said, and ends in one state.
func TestSendsConverge(t *testing.T) {
	for name, c := range map[string]struct {
		by       string
		statuses []string
		types    []string
		status   string
		counts   []int64 // of its broadcast: sent, delivered, read, failed
	}{
		"an answer of a person": {"agent", []string{"sent", "delivered", "read"}, []string{event.ContactCreated, event.ConversationCreated, event.MessageReport,
			event.MessageReport, event.MessageReport, event.MessageSent}, "read", nil},
		"an answer of the AI":      {"ai", []string{"delivered"}, []string{event.AIReplied, event.ContactCreated, event.ConversationCreated, event.MessageReport}, "delivered", nil},
		"accepted, and failed":     {"api", []string{"failed"}, []string{event.ContactCreated, event.ConversationCreated, event.MessageReport, event.MessageSent}, "failed", nil},
		"one of many":              {"broadcast", []string{"sent", "delivered"}, []string{event.MessageReport, event.MessageReport, event.MessageSent}, "delivered", []int64{1, 1, 0, 0}},
		"one of many, that failed": {"broadcast", []string{"sent", "failed"}, []string{event.MessageReport, event.MessageReport, event.MessageSent}, "failed", []int64{0, 0, 0, 1}},
		"nobody heard of it again": {"system", nil, []string{event.ContactCreated, event.ConversationCreated, event.MessageSent}, "", nil},
	} {
		t.Run(name, func(t *testing.T) {
			rng := rand.New(rand.NewPCG(7, 8))
			var first *models.Message
			permutations(len(c.statuses)+1, func(order []int) {
				for batching := range 3 {
					o := newOutbox(t)
					s := send(t, 5, c.by, "order-7", hello)
					tracking := waba.Tracking{Origin: c.by, Send: 5}
					var broadcast *models.Broadcast
					if c.by == sentByBroadcast {
						broadcast = o.broadcast("spring", 9)
						s.BroadcastID, tracking.Broadcast = broadcast.ID, "spring"
						broadcast.ProgressAt = fixedNow // its progress is not what this is about
					}
					o.tx.sends[5] = s
					var callbacks []models.Callback
					for _, i := range append(slices.Clone(order), order[rng.IntN(len(order))]) {
						if i == 0 {
							callbacks = append(callbacks, own(accepted(5, "wamid.out")))
						} else {
							callbacks = append(callbacks, reported("wamid.out", c.statuses[i-1], tracking))
						}
					}
					switch cut := rng.IntN(len(callbacks)); batching {
					case 0:
						o.translate(callbacks...)
					case 1:
						for _, cb := range callbacks {
							o.translate(cb)
						}
					default:
						o.translate(callbacks[:cut]...)
						o.translate(callbacks[cut:]...)
					}
					require.Equal(t, c.types, o.types(), "order %v", order)
					require.Empty(t, o.waits)

					d := o.the(sentType(c.by))
					m := d.Message
					require.Equal(t, []string{"wamid.out", "outbound", "15550100200", "15550177321", "text", "Your order is on its way", c.by, "order-7", "wamid.in"},
						[]string{m.ID, m.Direction, m.From, m.To, m.Type, m.Text, m.SentBy, m.Tracking, m.ReplyTo})
					require.Equal(t, startedAt, m.Timestamp.Time)
					require.JSONEq(t, `{"body":"Your order is on its way"}`, string(m.Content))
					if broadcast == nil {
						require.Equal(t, m, o.the(event.ConversationCreated).Message, "the first message of it")
					}
					for _, e := range o.events {
						if e.Type == event.MessageReport {
							d, err := eventOf(e, beside{}).Decode()
							require.NoError(t, err)
							require.Equal(t, "order-7", d.Status.Tracking, "the sender's own")
						}
					}

					kept := o.kept("wamid.out")
					require.Equal(t, c.status, kept.Status)
					require.Equal(t, []any{"text", "Your order is on its way", "wamid.in", c.by, s.BroadcastID, startedAt, false},
						[]any{kept.Type, kept.Text, kept.ReplyTo, kept.SentBy, kept.BroadcastID, kept.SentAt, kept.Inbound})
					require.Equal(t, broadcast == nil, kept.ConversationID != 0, "a broadcast makes nobody a contact")
					if kept.ConversationID = 0; first == nil {
						first = &kept
					}
					require.Equal(t, *first, kept, "order %v", order)
					after := o.tx.sends[5]
					require.Equal(t, []any{models.SendAccepted, "wamid.out", "15550177321", "US.1"}, []any{after.State, after.Wamid, after.WaID, after.UserID})
					if broadcast != nil {
						require.Equal(t, c.counts, []int64{broadcast.Sent, broadcast.Delivered, broadcast.Read, broadcast.Failed}, "order %v", order)
					}
				}
			})
		})
	}
}

// A message that will not go out is a failed one under its own name, and told as a failed status is.
func TestASendFails(t *testing.T) {
	for _, by := range []string{"api", "broadcast"} {
		t.Run(by, func(t *testing.T) {
			o := newOutbox(t)
			s := send(t, 5, by, "order-7", hello)
			var broadcast *models.Broadcast
			if by == sentByBroadcast {
				broadcast = o.broadcast("spring", 1)
				s.BroadcastID = broadcast.ID
			}
			s.State = models.SendFailed
			o.tx.sends[5] = s
			o.translate(own(refused(5)), own(refused(5)))
			o.translate(own(refused(5)))
			types := []string{event.ContactCreated, event.ConversationCreated, event.MessageReport}
			if broadcast != nil {
				types = []string{event.BroadcastCompleted, event.MessageReport}
				require.Equal(t, []int64{0, 1}, []int64{broadcast.Sent, broadcast.Failed})
			}
			require.Equal(t, types, o.types())
			d := o.the(event.MessageReport)
			require.Equal(t, []string{"snd_5", "failed", "failed", "15550177321", "order-7"},
				[]string{d.Status.MessageID, d.Status.Status, d.Status.Current, d.Status.RecipientID, d.Status.Tracking})
			require.Equal(t, []event.Error{{Code: "131026", Title: "Message undeliverable", Message: "Message undeliverable", Details: "They are not on WhatsApp.",
				Action: "user", Advice: d.Status.Errors[0].Advice}}, d.Status.Errors)
			require.NotEmpty(t, d.Status.Errors[0].Advice)
			kept := o.kept("snd_5")
			require.Equal(t, []any{"failed", "text", "Your order is on its way", by, s.BroadcastID}, []any{kept.Status, kept.Type, kept.Text, kept.SentBy, kept.BroadcastID})
			require.Equal(t, broadcast == nil, kept.ConversationID != 0)
		})
	}
}

// A message was given up because no answer came, and then a status names it after all: it was sent, and its recipient is
// counted as that. The other way round the failure is not told any more.
func TestGivenUpTooEarly(t *testing.T) {
	tracking := waba.Tracking{Origin: "broadcast", Send: 5, Broadcast: "spring"}
	status := func() models.Callback { return reported("wamid.out", "delivered", tracking) }
	for name, c := range map[string]struct {
		said  [][]models.Callback
		types []string
	}{
		"the failure first":     {[][]models.Callback{{own(refused(5))}, {status()}, {status()}}, []string{event.MessageReport, event.MessageReport, event.MessageSent}},
		"together":              {[][]models.Callback{{own(refused(5)), status()}}, []string{event.MessageReport, event.MessageReport, event.MessageSent}},
		"the status first":      {[][]models.Callback{{status()}, {own(refused(5))}}, []string{event.MessageReport, event.MessageSent}},
		"and a late answer too": {[][]models.Callback{{own(refused(5))}, {own(accepted(5, "wamid.out"))}, {status()}}, []string{event.MessageReport, event.MessageReport, event.MessageSent}},
	} {
		t.Run(name, func(t *testing.T) {
			o := newOutbox(t)
			broadcast := o.broadcast("spring", 9)
			broadcast.ProgressAt = fixedNow
			s := send(t, 5, "broadcast", "", hello)
			s.BroadcastID, s.State = broadcast.ID, models.SendFailed
			o.tx.sends[5] = s
			for _, callbacks := range c.said {
				o.translate(callbacks...)
			}
			require.Equal(t, c.types, o.types())
			require.Equal(t, []int64{1, 1, 0, 0}, []int64{broadcast.Sent, broadcast.Delivered, broadcast.Read, broadcast.Failed})
			require.Equal(t, models.SendAccepted, o.tx.sends[5].State)
		})
	}
}

// Where no answer came the message may go out twice. Both are told, and the recipient is counted once.
func TestSentTwice(t *testing.T) {
	tracking := waba.Tracking{Origin: "broadcast", Send: 5, Broadcast: "spring"}
	permutations(3, func(order []int) {
		o := newOutbox(t)
		broadcast := o.broadcast("spring", 9)
		broadcast.ProgressAt = fixedNow
		s := send(t, 5, "broadcast", "", hello)
		s.BroadcastID = broadcast.ID
		o.tx.sends[5] = s
		said := []models.Callback{own(accepted(5, "wamid.b")), reported("wamid.a", "sent", tracking), reported("wamid.b", "sent", tracking)}
		for _, i := range order {
			o.translate(said[i])
		}
		require.Equal(t, []string{event.MessageReport, event.MessageReport, event.MessageSent, event.MessageSent}, o.types())
		require.Equal(t, []int64{1, 0}, []int64{broadcast.Sent, broadcast.Failed}, "order %v", order)
		for _, w := range o.work {
			require.Equal(t, models.Bulk, w.Priority, "nobody waits for one of many")
		}
	})
}

// Tracking strings are written by whoever sends: one that names a message of somebody else, or of nobody, is believed as
// far as any other is.
func TestTrackingStringsThatNameNoSendOfOurs(t *testing.T) {
	stranger := send(t, 6, "agent", "secret", hello)
	stranger.BusinessID, stranger.NumberID = 2, 12
	other := send(t, 7, "agent", "secret", hello)
	other.NumberID = 13
	empty := send(t, 8, "agent", "secret", hello)
	empty.Body, empty.Text = nil, ""
	for name, id := range map[string]int64{"another business's": 6, "another number's": 7, "erased": 8, "gone": 9} {
		t.Run(name, func(t *testing.T) {
			o := newOutbox(t)
			for _, s := range []models.Send{stranger, other, empty} {
				o.tx.sends[s.ID] = s
			}
			o.translate(reported("wamid.out", "sent", waba.Tracking{Origin: "api", Send: id}))
			require.Equal(t, []string{event.ContactCreated, event.ConversationCreated, event.MessageReport, event.MessageSent}, o.types())
			d := o.the(event.MessageSent)
			require.Equal(t, []string{"unknown", "", "api"}, []string{d.Message.Type, d.Message.Text, d.Message.SentBy})
			require.Equal(t, fmt.Sprintf("origin=api;send=%d", id), o.the(event.MessageReport).Status.Tracking)
			require.Equal(t, models.SendUnderway, o.tx.sends[6].State)
			require.Equal(t, models.SendUnderway, o.tx.sends[7].State)
		})
	}
}

// An own callback has messages of several numbers and businesses; what cannot be told is parked and says so.
func TestWhatAnOwnCallbackSays(t *testing.T) {
	theirs := send(t, 6, "ai", "", hello)
	theirs.BusinessID, theirs.NumberID = 2, 12
	lost := send(t, 7, "agent", "", hello)
	lost.NumberID = 99
	a := answers{sends: map[int64]models.Send{5: send(t, 5, "agent", "mine", hello), 6: theirs, 7: lost}}
	group := send(t, 8, "agent", "", `{"to":"GRP01","recipient_type":"group","type":"text","text":{"body":"all of you"}}`)
	a.sends[8] = group
	cb := own(accepted(5, "wamid.5"), accepted(6, "wamid.6"), accepted(7, "wamid.7"), accepted(9, "wamid.9"), refused(6), accepted(8, "wamid.8"))
	cb.ID = 3
	read, ids := answersIn([]models.Callback{{ID: 1, AppID: ours.ID, Body: cb.Body}, cb, {ID: 4, AppID: models.OwnApp, Body: []byte(`[]`)}})
	require.Equal(t, []int64{5, 6, 7, 8, 9}, ids)
	a.told = read.told
	facts, waits := a.facts(cb, testSubs(ours, true))
	require.Equal(t, []parked{{"", "of 6 messages sent, 1 are not kept any more and 1 are of numbers that are not connected"}}, waits)
	type said struct {
		typ              string
		business, number int64
		who              string
		create           bool
		by               string
	}
	var got []said
	for _, f := range facts {
		got = append(got, said{f.typ, f.business, f.number.ID, f.person.WaID + " " + f.person.UserID, f.person.Create, f.sentBy})
		require.Equal(t, startedAt.Add(300*time.Millisecond), f.occurred)
	}
	require.Equal(t, []said{
		{event.MessageSent, 1, 11, "15550177321 US.1", true, "agent"},
		{event.MessageSent, 2, 12, "15550177321 US.1", true, "ai"},
		{event.MessageReport, 2, 12, "15550177321 ", true, "ai"},
		{event.MessageSent, 1, 11, " ", false, "agent"}, // a group is nobody's conversation
	}, got)
	require.Equal(t, sentKey("600", "wamid.5"), facts[0].key, "the identity that an echo of it has")

	facts, waits = a.facts(models.Callback{ID: 4, AppID: models.OwnApp}, testSubs(ours, true))
	require.Empty(t, facts)
	require.Len(t, waits, 1)
}

// What was posted to the platform is the message that is told.
func TestMessageOf(t *testing.T) {
	for name, c := range map[string]struct {
		body string
		want event.Message
	}{
		"a text without its type": {`{"to":"15550177321","text":{"body":"hi \"you\""}}`, event.Message{Type: "text", Text: `hi "you"`, Content: json.RawMessage(`{"body":"hi \"you\""}`)}},
		"a picture by its address": {`{"to":"15550177321","type":"image","image":{"link":"https://example.com/a.jpg","caption":"roof"}}`, event.Message{Type: "image", Text: "roof",
			Media: &event.Media{Kind: "image", Caption: "roof", URL: "https://example.com/a.jpg"}, Content: json.RawMessage(`{"link":"https://example.com/a.jpg","caption":"roof"}`)}},
		"a document by its id": {`{"to":"15550177321","type":"document","document":{"id":"900010","filename":"a.pdf"}}`, event.Message{Type: "document",
			Media: &event.Media{ID: "900010", Kind: "document", Filename: "a.pdf"}, Content: json.RawMessage(`{"id":"900010","filename":"a.pdf"}`)}},
		"a template": {`{"to":"15550177321","type":"template","template":{"name":"order_ready","language":{"code":"en_US"}}}`, event.Message{Type: "template", Text: "order_ready",
			Content: json.RawMessage(`{"name":"order_ready","language":{"code":"en_US"}}`)}},
		"a reaction": {`{"to":"15550177321","type":"reaction","reaction":{"message_id":"wamid.in","emoji":"👍"}}`, event.Message{Type: "reaction", Text: "👍",
			Reaction: &event.Reaction{MessageID: "wamid.in", Emoji: "👍"}, Content: json.RawMessage(`{"message_id":"wamid.in","emoji":"👍"}`)}},
		"an answer": {`{"to":"15550177321","type":"text","text":{"body":"yes"},"context":{"message_id":"wamid.in"}}`, event.Message{Type: "text", Text: "yes", ReplyTo: "wamid.in",
			Content: json.RawMessage(`{"body":"yes"}`), Context: json.RawMessage(`{"message_id":"wamid.in"}`)}},
		"to a user id": {`{"recipient":"US.1","type":"text","text":{"body":"hi"}}`, event.Message{Type: "text", Text: "hi", To: "US.1", Content: json.RawMessage(`{"body":"hi"}`)}},
		"to a group": {`{"to":"GRP01","recipient_type":"group","type":"text","text":{"body":"hi"}}`, event.Message{Type: "text", Text: "hi", To: "GRP01", GroupID: "GRP01",
			Content: json.RawMessage(`{"body":"hi"}`)}},
		"with what only the platform writes": {`{"to":"15550177321","type":"text","text":{"body":"hi"},"id":"wamid.x","from":"1999","group_id":"G","timestamp":"1","errors":[{"code":1}],"referral":{}}`,
			event.Message{Type: "text", Text: "hi", Content: json.RawMessage(`{"body":"hi"}`)}},
		"a list": {`{"to":"15550177321","type":"interactive","interactive":{"type":"button","body":{"text":"OK?"},"action":{"buttons":[{"type":"reply","reply":{"id":"y","title":"Yes"}}]}}}`,
			event.Message{Type: "interactive", Text: "OK?", Content: json.RawMessage(`{"type":"button","body":{"text":"OK?"},"action":{"buttons":[{"type":"reply","reply":{"id":"y","title":"Yes"}}]}}`)}},
	} {
		t.Run(name, func(t *testing.T) {
			s := send(t, 5, "api", "order-7", c.body)
			f := fact{number: testRoutes.Numbers["600"], occurred: startedAt.Add(time.Second), told: &models.ToldSend{ID: 5}}
			want := c.want
			want.ID, want.Direction, want.From, want.SentBy, want.Tracking, want.Timestamp = "wamid.out", "outbound", "15550100200", "api", "order-7", event.Time{Time: startedAt}
			if want.To == "" {
				want.To = "15550177321"
			}
			require.Equal(t, want, *messageData(f.ofMessage(&s, "wamid.out")))
		})
	}
	// What cannot be read is left out, and what was kept stands.
	s := models.Send{Body: []byte(`{"to":"1","text":7}`), Type: "text", Text: "kept", To: "1"}
	require.Equal(t, "kept", messageOf(&s, "wamid.out", startedAt).Text)
	for _, body := range []string{"", "{}", " { } ", "null", "7"} {
		s.Body = []byte(body)
		require.Equal(t, []string{"wamid.out", "text", "kept", "1"}, func(m *waba.Message) []string { return []string{m.ID, m.Type, m.Text, m.To} }(messageOf(&s, "wamid.out", startedAt)), body)
	}
}

// The moment of a message is when it was given to the platform, unless the platform's clock says that it was before that.
func TestWhenAMessageWasSent(t *testing.T) {
	s := send(t, 5, "api", "", hello)
	at := func(occurred time.Time) time.Time {
		f := fact{number: testRoutes.Numbers["600"], occurred: occurred}
		return f.ofMessage(&s, "wamid.out").occurred
	}
	require.Equal(t, startedAt, at(startedAt.Add(time.Hour)))
	require.Equal(t, startedAt, at(startedAt.Truncate(time.Second)), "the platform counts whole seconds")
	earlier := startedAt.Truncate(time.Second).Add(-time.Second) // of an attempt before the last one
	require.Equal(t, earlier, at(earlier))
	s.StartedAt = time.Time{}
	require.Equal(t, startedAt.Add(time.Hour), at(startedAt.Add(time.Hour)))
}

// Dialects that pass on what the platform sent get the statuses, with the sender's own tracking string, and nothing that
// only the gateway says. The others get all of it.
func TestSendsInTheDialects(t *testing.T) {
	_, subs := onMemory()
	tracking := waba.Tracking{Origin: "api", Send: 5}
	for name, own5 := range map[string]string{"with a tracking string": "order-7 & <more>", "without": ""} {
		t.Run(name, func(t *testing.T) {
			o := newOutbox(t)
			o.tx.sends[5] = send(t, 5, "api", own5, hello)
			failed := send(t, 6, "api", own5, hello)
			failed.State = models.SendFailed
			o.tx.sends[6] = failed
			status := reported("wamid.out", "sent", tracking)
			status.ID = o.callbacks + 2
			o.translate(own(accepted(5, "wamid.out"), refused(6)), status)
			for _, e := range o.events {
				var raw, others []string
				for _, d := range o.owed[e.ID] {
					sub := subs.byID[d.WebhookID]
					if sub.dialect.Raw() {
						raw = append(raw, sub.dialect.Name)
					} else {
						others = append(others, sub.dialect.Name)
					}
				}
				fromPlatform := e.CallbackID == status.ID && e.Type == event.MessageReport
				require.Len(t, raw, map[bool]int{true: 2}[fromPlatform], "%s: %v", e.Type, raw)
				require.Subset(t, others, []string{"wabagate", "twabot", "platform", "awalchat"}, e.Type)
				if !fromPlatform {
					continue
				}
				upstream, err := upstreamOf(e, status, subs)
				require.NoError(t, err)
				for _, name := range raw {
					d, _ := dialect.Lookup(name)
					body, err := d.Render(nil, eventOf(e, beside{upstream: upstream}))
					require.NoError(t, err)
					require.NotContains(t, string(body), "send=5")
					require.Contains(t, string(body), `"id":"wamid.out"`)
					if own5 != "" {
						require.Contains(t, string(body), `"biz_opaque_callback_data":"order-7 & <more>"`)
					} else {
						require.NotContains(t, string(body), "biz_opaque_callback_data")
					}
				}
			}
		})
	}
}

// A request for payment that the gateway sends is an order, whoever tells of it first, and once.
func TestASentInvoiceIsAnOrder(t *testing.T) {
	const invoice = `{"to":"15550177321","type":"interactive","interactive":{"type":"order_status","body":{"text":"On its way"},"action":{"name":"review_order","parameters":{"reference_id":"order-7","order":{"status":"shipped"}}}}}`
	said := []models.Callback{own(accepted(5, "wamid.out")), reported("wamid.out", "sent", waba.Tracking{Origin: "api", Send: 5})}
	for _, order := range [][]int{{0, 1}, {1, 0}} {
		o := newOutbox(t)
		o.tx.sends[5] = send(t, 5, "api", "", invoice)
		for _, i := range order {
			o.translate(said[i])
		}
		d := o.the(event.OrderStatusUpdated)
		require.Equal(t, []string{"order-7", "shipped"}, []string{d.Order.Reference, d.Order.Status})
	}
	o := newOutbox(t)
	s := send(t, 5, "api", "", invoice)
	s.State = models.SendFailed
	o.tx.sends[5] = s
	o.translate(own(refused(5)))
	require.Empty(t, o.tx.orders, "what did not go out asks for nothing")
}
