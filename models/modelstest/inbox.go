package modelstest

import (
	"fmt"
	"testing"
	"time"

	"wabagate/models"
)

func testInbox(_ *testing.T, w *world) {
	second2, err := w.CreateNumber(w.ctx, models.Number{BusinessID: w.business, PhoneNumberID: "101"})
	w.ok(err)
	at := func(minutes int) time.Time { return time.Date(2026, 11, 21, 12, minutes, 0, 0, time.UTC) }
	var all, contacts []int64
	var c models.Changes
	for i := range 6 {
		ref := w.ref(fmt.Sprint("4917", i), "", true)
		if i%2 == 1 {
			ref.NumberID = second2.ID
		}
		p := w.person(ref)
		all, contacts = append(all, p.Conversation.ID), append(contacts, p.Contact.ID)
		change := models.ConversationChange{ID: p.Conversation.ID, LastInboundAt: at(10 - i), Set: &models.ConversationSettings{Status: models.ConversationOpen, Assignee: fmt.Sprint("user", i%3)}}
		if i == 4 {
			change.Set.Status, change.Set.Labels = models.ConversationClosed, []string{"vip"}
		}
		c.Conversations = append(c.Conversations, change)
		c.Messages = append(c.Messages, models.Message{NumberID: ref.NumberID, Wamid: fmt.Sprint("m", i), ConversationID: p.Conversation.ID, Type: "text", Text: "old", SentAt: at(1)},
			models.Message{NumberID: ref.NumberID, Wamid: fmt.Sprint("n", i), ConversationID: p.Conversation.ID, Type: "text", Text: fmt.Sprint("new", i), SentAt: at(2)},
			models.Message{NumberID: ref.NumberID, Wamid: fmt.Sprint("r", i), ConversationID: p.Conversation.ID, Status: "sent", SentAt: at(3)})
	}
	w.write(c)
	silent := w.person(w.ref("49180", "", true)) // began just now and never wrote
	page := func(f models.InboxFilter) (ids []int64, next models.InboxPlace) {
		rows, next, err := w.Inbox(w.ctx, w.business, f)
		w.ok(err)
		for _, r := range rows {
			ids = append(ids, r.ID)
		}
		return ids, next
	}
	want := append([]int64{}, all...)
	if silent.Conversation.CreatedAt.After(at(10)) {
		want = append([]int64{silent.Conversation.ID}, want...)
	} else {
		want = append(want, silent.Conversation.ID)
	}
	got, next := page(models.InboxFilter{})
	w.equal("who wrote last first, over both numbers", got, want)
	w.equal("the last page", next, models.InboxPlace{})
	var walked []int64
	for f := (models.InboxFilter{Limit: 2}); ; {
		got, next := page(f)
		walked = append(walked, got...)
		if next == (models.InboxPlace{}) {
			break
		}
		f.Before = next
	}
	w.equal("page by page", walked, want)
	for what, l := range map[string]struct {
		f    models.InboxFilter
		want []int64
	}{
		"number":        {models.InboxFilter{NumberID: second2.ID}, []int64{all[1], all[3], all[5]}},
		"assignee":      {models.InboxFilter{Assignee: "user1"}, []int64{all[1], all[4]}},
		"closed":        {models.InboxFilter{Status: models.ConversationClosed}, []int64{all[4]}},
		"label":         {models.InboxFilter{Label: "vip"}, []int64{all[4]}},
		"no such label": {models.InboxFilter{Label: "vi"}, nil},
		"wrote since":   {models.InboxFilter{WroteAfter: at(9), WroteBefore: at(11)}, []int64{all[0], all[1]}},
		"contacts":      {models.InboxFilter{Contacts: []int64{contacts[5], contacts[0]}}, []int64{all[0], all[5]}},
		"nobody":        {models.InboxFilter{Contacts: []int64{}}, nil},
		"foreign":       {models.InboxFilter{NumberID: 4711}, nil},
	} {
		got, _ := page(l.f)
		w.equal(what, got, l.want)
	}
	rows, _, err := w.Inbox(w.ctx, w.otherBusiness(), models.InboxFilter{Contacts: contacts})
	w.ok(err)
	w.equal("of another", len(rows), 0)

	last, err := w.LastMessages(w.ctx, append(all, silent.Conversation.ID))
	w.ok(err)
	w.equal("their last words", []any{len(last), last[all[2]].Text, last[all[5]].Text}, []any{6, "new2", "new5"})
	found, err := w.MessagesOf(w.ctx, w.number.ID, []string{"m0", "m1", "none"})
	w.ok(err)
	w.equal("by wamid, of the number only", []any{len(found), found["m0"].Text}, []any{1, "old"})
}

// testInboxFiltered: a filter that lets nearly nothing through ends pages early and loses nobody.
func testInboxFiltered(t *testing.T, w *world) {
	if testing.Short() {
		t.Skip("makes thousands of conversations")
	}
	const n = 4500
	refs := make([]models.PersonRef, n)
	for i := range refs {
		refs[i] = w.ref(fmt.Sprint("49170", 10_000+i), "", true)
	}
	people := w.people(refs...)
	var c models.Changes
	for i, p := range people {
		change := models.ConversationChange{ID: p.Conversation.ID, LastInboundAt: second(0).Add(time.Duration(i/7) * time.Second)}
		if i == 0 || i == 2200 || i == n-1 {
			change.Set = &models.ConversationSettings{Status: models.ConversationClosed}
		}
		c.Conversations = append(c.Conversations, change)
	}
	w.write(c)
	var got []int64
	pages := 0
	for f := (models.InboxFilter{Status: models.ConversationClosed, Limit: 10}); ; pages++ {
		rows, next, err := w.Inbox(w.ctx, w.business, f)
		w.ok(err)
		for _, r := range rows {
			got = append(got, r.Contact.ID)
		}
		if next == (models.InboxPlace{}) {
			break
		}
		f.Before = next
	}
	w.equal("all of them", got, []int64{people[n-1].Contact.ID, people[2200].Contact.ID, people[0].Contact.ID})
	w.equal("in pages", pages >= 2, true)
}

func testForms(_ *testing.T, w *world) {
	day := time.Now().Truncate(24 * time.Hour)
	var ids []int64
	var c models.Changes
	for i := range 5 {
		for _, typ := range []string{"message.received", "form.submitted"} {
			e := w.event(fmt.Sprint(typ, i))
			e.Type, e.ID = typ, models.FirstID(day.Add(time.Duration(i-4)*26*time.Hour))+int64(len(c.Events))
			c.Events = append(c.Events, e)
			if typ == "form.submitted" {
				ids = append(ids, e.ID)
			}
		}
	}
	foreign := w.event("foreign")
	foreign.BusinessID, foreign.Type = w.otherBusiness(), "form.submitted"
	c.Events = append(c.Events, foreign)
	w.write(c)
	list := func(f models.FormFilter) (got []int64) {
		es, err := w.Forms(w.ctx, w.business, f)
		w.ok(err)
		for _, e := range es {
			got = append(got, e.ID)
		}
		return got
	}
	w.equal("newest first", list(models.FormFilter{}), []int64{ids[4], ids[3], ids[2], ids[1], ids[0]})
	w.equal("page", list(models.FormFilter{Before: ids[3], Limit: 2}), []int64{ids[2], ids[1]})
	w.equal("range", list(models.FormFilter{From: models.IDTime(ids[1]), To: models.IDTime(ids[3])}), []int64{ids[2], ids[1]})
}

func testContactChanges(_ *testing.T, w *world) {
	a, b := w.person(w.ref("1", "A", true)), w.person(w.ref("2", "", true))
	var c models.Changes
	for i, id := range []int64{a.Contact.ID, b.Contact.ID, a.Contact.ID} {
		e := w.event(fmt.Sprint("change", i))
		e.Type, e.Data = "contact.updated", []byte(fmt.Sprintf(`{"business_id":1,"contact":{"id":%d,"name":"n%d"},"previous":{"name":"x"}}`, id, i))
		c.Events = append(c.Events, e)
	}
	w.write(c)
	list := func(business, contact int64) (got []int64) {
		es, err := w.ContactChanges(w.ctx, business, contact, 0)
		w.ok(err)
		for _, e := range es {
			got = append(got, e.ID)
		}
		return got
	}
	w.equal("newest first", list(w.business, a.Contact.ID), []int64{c.Events[2].ID, c.Events[0].ID})
	w.equal("of another business", list(w.otherBusiness(), a.Contact.ID), []int64(nil))
	merged := w.person(w.ref("2", "A", true)) // b is a, as it turns out
	w.equal("with those of who was merged", len(list(w.business, merged.Contact.ID)), 3)
	names, err := w.ContactNames(w.ctx, w.business, merged.Contact.ID)
	w.ok(err)
	w.equal("names", names, []models.ContactName{{Kind: "wa_id", Value: "1"}, {Kind: "wa_id", Value: "2"}, {Kind: "user_id", Value: "A"}})
}
