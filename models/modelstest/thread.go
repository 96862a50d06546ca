package modelstest

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"wabagate/models"
)

// second is a moment of the upstream clock.
func second(n int) time.Time { return time.Date(2026, 11, 21, 12, 0, n, 0, time.UTC) }

func testThreads(_ *testing.T, w *world) {
	p, q := w.person(w.ref("1", "", true)), w.person(w.ref("2", "", true))
	var c models.Changes
	for i := range 10 {
		c.Messages = append(c.Messages, models.Message{NumberID: w.number.ID, Wamid: fmt.Sprint("a", i), ConversationID: p.Conversation.ID, Type: "text", Text: fmt.Sprint(i), SentAt: second(10 - i/2)})
	}
	full := models.Message{NumberID: w.number.ID, Wamid: "b", ConversationID: q.Conversation.ID, Type: "image", Text: "b", Status: "read", SentAt: second(1), StatusAt: second(2),
		EditedAt: second(3), SentBy: "agent", BroadcastID: 7, ReplyTo: "a1", MediaURL: "https://x"}
	c.Messages = append(c.Messages, full, models.Message{NumberID: w.number.ID, Wamid: "only a report", ConversationID: q.Conversation.ID, Status: "sent", SentAt: second(9)})
	w.write(c)
	recent := func(n int, conversations ...int64) (found map[int64][]models.Message) {
		w.translate(func(tx models.Translation) (err error) {
			found, err = tx.Recent(w.ctx, conversations, n)
			return err
		})
		return found
	}
	wamids := func(ms []models.Message) (ids []string) {
		for _, m := range ms {
			ids = append(ids, m.Wamid)
		}
		return ids
	}
	found := recent(5, q.Conversation.ID, p.Conversation.ID, p.Conversation.ID, 4711)
	w.equal("the last, oldest first", wamids(found[p.Conversation.ID]), []string{"a5", "a2", "a3", "a0", "a1"})
	w.equal("whole, and no mere reports", found[q.Conversation.ID], []models.Message{full})
	w.equal("of two", len(found), 2)
	w.equal("none", []int{len(recent(5)), len(recent(0, p.Conversation.ID))}, []int{0, 0})

	thread := func(before time.Time, limit int) []string {
		ms, err := w.ConversationMessages(w.ctx, w.business, p.Conversation.ID, before, limit)
		w.ok(err)
		return wamids(ms)
	}
	w.equal("newest first", thread(time.Time{}, 3), []string{"a1", "a0", "a3"})
	w.equal("before", thread(second(7), 0), []string{"a9", "a8"})
	ms, err := w.ConversationMessages(w.ctx, w.business, q.Conversation.ID, time.Time{}, 0)
	w.ok(err)
	w.equal("whole", ms, []models.Message{full})
	_, err = w.ConversationMessages(w.ctx, w.otherBusiness(), p.Conversation.ID, time.Time{}, 0)
	w.is(err, models.ErrNotFound)
}

// testMessageRules: each rule of Changes.Messages, and that it is the same within one write as over several.
func testMessageRules(_ *testing.T, w *world) {
	text := models.Message{Type: "text", Text: "hi", Inbound: true, SentAt: second(1), ConversationID: 3, ReplyTo: "r", MediaURL: "https://x"}
	edit := func(at int, text string) models.Message {
		return models.Message{Text: text, EditedAt: second(at), SentAt: second(at)}
	}
	deletion := models.Message{DeletedAt: second(5), SentAt: second(5)}
	report := models.Message{Status: "read", StatusAt: second(4), SentAt: second(4), SentBy: "agent", BroadcastID: 8}
	type want struct {
		text, typ, status, media, sentBy string
		broadcast                        int64
		edited, deleted                  int
	}
	n := 0
	apply := func(together bool, ms ...models.Message) models.Message {
		n++
		wamid := fmt.Sprint("m", n)
		var all []models.Message
		for _, m := range ms {
			m.NumberID, m.Wamid = w.number.ID, wamid
			all = append(all, m)
			if !together {
				w.write(models.Changes{Messages: []models.Message{m}})
			}
		}
		if together {
			w.write(models.Changes{Messages: all})
		}
		m := w.messages(wamid)[models.MessageRef{NumberID: w.number.ID, Wamid: wamid}]
		m.Wamid = ""
		return m
	}
	seconds := func(t time.Time) int {
		if t.IsZero() {
			return 0
		}
		return t.Second()
	}
	other := models.Message{Type: "image", Text: "other", SentAt: second(9), ConversationID: 9, ReplyTo: "s", SentBy: "app", BroadcastID: 9}
	for _, c := range []struct {
		what string
		ms   []models.Message
		want want
	}{
		{"the message", []models.Message{text}, want{text: "hi", typ: "text", media: "https://x"}},
		{"again, different", []models.Message{text, other}, want{text: "hi", typ: "text", media: "https://x", sentBy: "app", broadcast: 9}},
		{"a report before it", []models.Message{report, text}, want{text: "hi", typ: "text", status: "read", media: "https://x", sentBy: "agent", broadcast: 8}},
		{"a report after it", []models.Message{text, report, other}, want{text: "hi", typ: "text", status: "read", media: "https://x", sentBy: "agent", broadcast: 8}},
		{"an edit", []models.Message{text, edit(2, "ho")}, want{text: "ho", typ: "text", media: "https://x", edited: 2}},
		{"an edit before it", []models.Message{edit(2, "ho"), text}, want{text: "ho", typ: "text", media: "https://x", edited: 2}},
		{"edits out of order", []models.Message{text, edit(3, "new"), edit(2, "old")}, want{text: "new", typ: "text", media: "https://x", edited: 3}},
		{"edits out of order before it", []models.Message{edit(3, "new"), edit(2, "old"), text}, want{text: "new", typ: "text", media: "https://x", edited: 3}},
		{"a deletion", []models.Message{text, deletion}, want{typ: "text", deleted: 5}},
		{"a deletion before it", []models.Message{deletion, text, edit(6, "no")}, want{typ: "text", edited: 6, deleted: 5}},
	} {
		for _, together := range []bool{false, true} {
			m := apply(together, c.ms...)
			w.equal(fmt.Sprint(c.what, together), want{m.Text, m.Type, m.Status, m.MediaURL, m.SentBy, m.BroadcastID, seconds(m.EditedAt), seconds(m.DeletedAt)}, c.want)
		}
	}
	w.equal("only what was not known", apply(false, text, other), apply(true, text, models.Message{SentBy: "app", BroadcastID: 9, SentAt: second(2)}))

	for range 150 {
		var ms []models.Message
		for range 2 + rand.IntN(5) {
			ms = append(ms, []models.Message{text, other, edit(2, "two"), edit(3, "three"), deletion, report, {Status: "sent", StatusAt: second(2), SentAt: second(2)}}[rand.IntN(7)])
		}
		w.equal(fmt.Sprintf("%+v", ms), apply(true, ms...), apply(false, ms...))
	}
}

func testSettings(_ *testing.T, w *world) {
	p := w.person(w.ref("1", "", true))
	w.equal("a new one", p.Conversation, models.Conversation{ID: p.Conversation.ID, NumberID: w.number.ID, CreatedAt: p.Conversation.CreatedAt,
		ConversationSettings: models.ConversationSettings{Status: models.ConversationOpen}})
	set := models.ConversationSettings{Status: models.ConversationClosed, Labels: []string{"vip", `a "quoted" <é>`, "\xff"}, Note: "n\x00", Assignee: "Ann"}
	w.write(models.Changes{Conversations: []models.ConversationChange{{ID: p.Conversation.ID, Sequence: 2, LastInboundAt: second(5), Set: &set}}})
	kept := set
	kept.Labels, kept.Note = []string{"vip", `a "quoted" <é>`, "\uFFFD"}, "n\uFFFD"
	want := models.Conversation{ID: p.Conversation.ID, NumberID: w.number.ID, Sequence: 2, CreatedAt: p.Conversation.CreatedAt, LastInboundAt: second(5), ConversationSettings: kept}
	w.equal("set", w.person(w.ref("1", "", false)).Conversation, want)
	w.write(models.Changes{Conversations: []models.ConversationChange{{ID: p.Conversation.ID, Sequence: 3, LastInboundAt: second(4)}}})
	want.Sequence = 3
	w.equal("unchanged", w.person(w.ref("1", "", true)).Conversation, want)
	w.write(models.Changes{Conversations: []models.ConversationChange{{ID: p.Conversation.ID, Sequence: 3, Set: &models.ConversationSettings{Status: models.ConversationOpen}}}})
	want.ConversationSettings = models.ConversationSettings{Status: models.ConversationOpen}
	w.equal("taken back", w.person(w.ref("1", "", true)).Conversation, want)
}

func testDigests(_ *testing.T, w *world) {
	first, again, other := w.event("a"), w.event("a"), w.event("b")
	w.write(models.Changes{Events: []models.Event{first}, Digests: []models.Digest{{EventID: first.ID, Data: []byte(`{"d":1}`)}}})
	w.write(models.Changes{Events: []models.Event{again, other}, Digests: []models.Digest{{EventID: again.ID, Data: []byte(`{"d":2}`)}, {EventID: other.ID, Data: []byte("\xff")}}})
	found, err := w.DigestsByEvent(w.ctx, []int64{other.ID, again.ID, first.ID, 4711})
	w.ok(err)
	got := map[int64]string{}
	for id, d := range found {
		got[id] = string(d)
	}
	w.equal("of events that are really there", got, map[int64]string{first.ID: `{"d":1}`, other.ID: "\uFFFD"})
	found, err = w.DigestsByEvent(w.ctx, nil)
	w.ok(err)
	w.equal("of none", len(found), 0)
}

func testContacts(_ *testing.T, w *world) {
	var ids []int64
	other := w.otherBusiness()
	for _, c := range []models.PersonRef{{WaID: "5511987654321", Name: "Ann Lee", Username: "ann.l"}, {UserID: "u1", Name: "ANNA_", Username: "@Bo"}, {WaID: "49170", ParentUserID: "p1", Name: "100% Bo"},
		{UserID: "u2", Name: "49170 and more"}} {
		c.BusinessID, c.Create = w.business, true
		ids = append(ids, w.person(c).Contact.ID)
		c.BusinessID = other
		w.person(c)
	}
	dead := w.person(models.PersonRef{BusinessID: w.business, UserID: "u9", Create: true}).Contact.ID
	w.equal("merged", w.person(w.ref("49170", "u9", true)).Merged, []int64{dead})
	list := func(f models.ContactFilter) (got []int64) {
		cs, err := w.Contacts(w.ctx, w.business, f)
		w.ok(err)
		for _, c := range cs {
			got = append(got, c.ID)
		}
		return got
	}
	ann, anna, bo, more := ids[0], ids[1], ids[2], ids[3]
	w.equal("newest first, without the merged", list(models.ContactFilter{}), []int64{more, bo, anna, ann})
	w.equal("pages", [][]int64{list(models.ContactFilter{Limit: 2}), list(models.ContactFilter{Limit: 2, Before: anna})}, [][]int64{{more, bo}, {ann}})
	for search, want := range map[string][]int64{"551187654321": {ann}, "+55 (11) 98765-4321": {ann}, "49170": {bo}, "49170 and": {more}, "4917": {more}, "u1": {anna}, "p1": {bo}, "u9": {bo}, "ANN.L": {ann}, "@bo": {anna}, "bo": {anna},
		"ann": {anna, ann}, "ann ": {anna, ann}, "anna_": {anna}, "ann_": nil, "100%": {bo}, "10%": nil, "Lee": nil, "!": nil, "'": nil, "\x00\xff": nil} {
		w.equal("search "+search, list(models.ContactFilter{Search: search}), want)
	}
	c, err := w.ContactByID(w.ctx, w.business, ann)
	w.ok(err)
	w.equal("contact", c, models.Contact{ID: ann, WaID: "5511987654321", Name: "Ann Lee", Username: "ann.l"})
	_, err = w.ContactByID(w.ctx, w.otherBusiness(), ann)
	w.is(err, models.ErrNotFound)
	_, err = w.ContactByID(w.ctx, w.business, 4711)
	w.is(err, models.ErrNotFound)
}

func testConversations(_ *testing.T, w *world) {
	second, err := w.CreateNumber(w.ctx, models.Number{BusinessID: w.business, PhoneNumberID: "101"})
	w.ok(err)
	a, b := w.person(w.ref("1", "", true)), w.person(w.ref("2", "", true))
	on := w.ref("1", "", true)
	on.NumberID = second.ID
	c := w.person(on)
	set := &models.ConversationSettings{Status: models.ConversationClosed, Labels: []string{"vip", "x y"}}
	w.write(models.Changes{Conversations: []models.ConversationChange{{ID: b.Conversation.ID, Set: set}}})
	list := func(f models.ConversationFilter) (got []int64) {
		vs, err := w.Conversations(w.ctx, w.business, f)
		w.ok(err)
		for _, v := range vs {
			got = append(got, v.ID)
		}
		return got
	}
	x, y, z := a.Conversation.ID, b.Conversation.ID, c.Conversation.ID
	for _, l := range []struct {
		what string
		f    models.ConversationFilter
		want []int64
	}{
		{"newest first", models.ConversationFilter{}, []int64{z, y, x}},
		{"page", models.ConversationFilter{Limit: 1, Before: z}, []int64{y}},
		{"number", models.ConversationFilter{NumberID: w.number.ID}, []int64{y, x}},
		{"contact", models.ConversationFilter{ContactID: a.Contact.ID}, []int64{z, x}},
		{"closed", models.ConversationFilter{Status: models.ConversationClosed}, []int64{y}},
		{"open", models.ConversationFilter{Status: models.ConversationOpen}, []int64{z, x}},
		{"label", models.ConversationFilter{Label: "x y"}, []int64{y}},
		{"another case", models.ConversationFilter{Label: "VIP"}, nil},
		{"part of a label", models.ConversationFilter{Label: "vi"}, nil},
		{"another number", models.ConversationFilter{NumberID: 4711}, nil},
	} {
		w.equal(l.what, list(l.f), l.want)
	}
	v, err := w.ConversationByID(w.ctx, w.business, y)
	w.ok(err)
	want := b.Conversation
	want.ConversationSettings = *set
	w.equal("with its contact", v, models.ConversationRow{Conversation: want, Contact: b.Contact})
	other := w.otherBusiness()
	_, err = w.ConversationByID(w.ctx, other, y)
	w.is(err, models.ErrNotFound)
	vs, err := w.Conversations(w.ctx, other, models.ConversationFilter{})
	w.ok(err)
	w.equal("of another", len(vs), 0)
}
