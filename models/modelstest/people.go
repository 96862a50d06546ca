package modelstest

import (
	"fmt"
	"testing"

	"wabagate/models"
)

func testPeople(_ *testing.T, w *world) {
	w.equal("nobody", w.people(models.PersonRef{}, w.ref("", "", true)), []models.Person{{}, {}})
	w.equal("not made", w.people(w.ref("49170", "u1", false)), []models.Person{{}})

	ref := w.ref("49170", "", true)
	ref.Name, ref.Username = "Ann", "ann"
	p := w.people(ref)[0]
	if p.Contact.ID == 0 || p.Conversation.ID == 0 || !p.NewContact || !p.NewConversation || p.Conversation.Sequence != 0 || p.Conversation.CreatedAt.IsZero() {
		w.t.Fatalf("made %+v", p)
	}
	w.equal("contact", p.Contact, models.Contact{ID: p.Contact.ID, WaID: "49170", Name: "Ann", Username: "ann"})
	again := w.people(w.ref("49170", "", true), w.ref("49170", "", false))
	for _, a := range again {
		w.equal("found", []any{a.Contact, a.Conversation.ID, a.NewContact, a.NewConversation}, []any{p.Contact, p.Conversation.ID, false, false})
	}

	// The same customer on another number of the business, and of another business.
	number, err := w.CreateNumber(w.ctx, models.Number{BusinessID: w.business, PhoneNumberID: "101"})
	w.ok(err)
	ref = w.ref("49170", "", false)
	ref.NumberID = number.ID
	q := w.people(ref)[0]
	w.equal("known contact, no conversation", []any{q.Contact.ID, q.Conversation.ID}, []any{p.Contact.ID, 0})
	ref.Create = true
	q = w.people(ref)[0]
	w.equal("new conversation only", []any{q.Contact.ID, q.NewContact, q.NewConversation, q.Conversation.ID != p.Conversation.ID}, []any{p.Contact.ID, false, true, true})
	ref = w.ref("49170", "", true)
	ref.BusinessID = w.otherBusiness()
	if r := w.people(ref)[0]; !r.NewContact || r.Contact.ID == p.Contact.ID {
		w.t.Fatalf("a contact of another business: %+v", r)
	}
}

func testNames(_ *testing.T, w *world) {
	p := w.people(w.ref("49170", "", true))[0]
	// A user id appears beside the known number, from somebody who only asks and then from somebody who tells.
	w.equal("asking teaches nothing", w.people(w.ref("49170", "u1", false))[0].Contact.ID, p.Contact.ID)
	w.equal("not learnt", w.people(w.ref("", "u1", false))[0].Contact.ID, 0)
	w.equal("known by number", w.people(w.ref("49170", "u1", true))[0].NewContact, false)
	w.equal("learnt", w.people(w.ref("", "u1", false))[0].Contact.ID, p.Contact.ID)
	// The number changes, the user id stays.
	w.equal("new number", w.people(w.ref("49171", "u1", true))[0].Contact.ID, p.Contact.ID)
	w.equal("by new number", w.people(w.ref("49171", "", false))[0].Conversation.ID, p.Conversation.ID)
	w.equal("by old number", w.people(w.ref("49170", "", false))[0].Contact.ID, p.Contact.ID)
	// A number of which nothing else is known turns out to be theirs.
	other := w.people(w.ref("49999", "", true))[0]
	w.equal("asking merges nobody", w.people(w.ref("49999", "u1", false))[0].Contact.ID, p.Contact.ID)
	w.equal("not merged", w.people(w.ref("49999", "", false))[0].Contact.ID, other.Contact.ID)
	q := w.people(w.ref("49999", "u1", true))[0]
	w.equal("merged", []any{q.Contact.ID, q.Conversation.ID, q.Merged, q.NewUserID}, []any{p.Contact.ID, p.Conversation.ID, []int64{other.Contact.ID}, false})
	w.equal("by the number", w.people(w.ref("49999", "", false))[0].Contact.ID, p.Contact.ID)

	c := p.Contact
	c.Name, c.UserID = "Ann", "u1"
	w.write(models.Changes{Contacts: []models.Contact{c}})
	w.equal("changed", w.people(w.ref("49170", "", false))[0].Contact, c)
}

func testPeopleTogether(_ *testing.T, w *world) {
	type made struct {
		contact      int64
		conversation bool
		newContact   bool
		newConv      bool
	}
	// As if one after the other: who only asks does not see what a later one makes.
	people := w.people(
		w.ref("1", "", false), w.ref("1", "", true), w.ref("1", "a", true), w.ref("", "a", false), w.ref("1", "", true),
		w.ref("2", "", true), w.ref("", "", true), w.ref("", "b", true), w.ref("2", "b", true), w.ref("2", "", false))
	one, two, three := people[1].Contact.ID, people[5].Contact.ID, people[7].Contact.ID
	want := []made{
		{}, {one, true, true, true}, {one, true, false, false}, {one, true, false, false}, {one, true, false, false},
		{two, true, true, true}, {}, {three, true, true, false}, {two, true, false, false}, {two, true, false, false},
	}
	for i, p := range people {
		w.equal("person", made{p.Contact.ID, p.Conversation.ID != 0, p.NewContact, p.NewConversation}, want[i])
	}
	if one == 0 || one == two || two == three {
		w.t.Fatal("people are mixed up")
	}
	w.equal("conversation of one", people[4].Conversation.ID, people[1].Conversation.ID)
	w.equal("merged", [][]int64{people[8].Merged, people[9].Merged}, [][]int64{{three}, nil})
	w.equal("conversation of two", people[7].Conversation.ID, people[5].Conversation.ID)
	w.equal("later, by either name", w.people(w.ref("", "a", false))[0].Contact.ID, one)

	// Many at once: more than a server has locks for.
	many := 6000
	if w.Embedded() {
		many = 300
	}
	var refs []models.PersonRef
	for i := range many {
		refs = append(refs, w.ref(fmt.Sprint("many ", i), "", true))
	}
	fresh := 0
	for _, p := range w.people(append(refs, refs...)...) {
		if p.NewContact && p.NewConversation {
			fresh++
		}
	}
	w.equal("made once", fresh, many)
}
