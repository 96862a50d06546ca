package modelstest

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"wabagate/models"
)

// person answers one ref.
func (w *world) person(ref models.PersonRef) models.Person {
	w.t.Helper()
	return w.people(ref)[0]
}

// who is the contact that a ref finds; 0: nobody.
func (w *world) who(waID, userID string) int64 {
	w.t.Helper()
	return w.person(w.ref(waID, userID, false)).Contact.ID
}

func testMerge(_ *testing.T, w *world) {
	second, err := w.CreateNumber(w.ctx, models.Number{BusinessID: w.business, PhoneNumberID: "101"})
	w.ok(err)
	third, err := w.CreateNumber(w.ctx, models.Number{BusinessID: w.business, PhoneNumberID: "102"})
	w.ok(err)
	on := func(n models.Number, ref models.PersonRef) models.PersonRef { ref.NumberID = n.ID; return ref }
	older := w.person(w.ref("", "u1", true))
	younger := w.person(w.ref("49170", "", true))
	moved := w.person(on(second, w.ref("49170", "", true)))
	w.equal("one younger contact", moved.Contact.ID, younger.Contact.ID)
	w.write(models.Changes{Conversations: []models.ConversationChange{{ID: moved.Conversation.ID, Sequence: 7}}})

	p := w.person(on(third, w.ref("49170", "u1", true)))
	w.equal("into the older", []any{p.Contact.ID, p.Merged, p.NewContact, p.NewConversation, p.NewUserID}, []any{older.Contact.ID, []int64{younger.Contact.ID}, false, true, false})
	w.equal("by either name", []int64{w.who("49170", ""), w.who("", "u1")}, []int64{older.Contact.ID, older.Contact.ID})
	w.equal("conversation that was free to move", w.person(on(second, w.ref("", "u1", false))).Conversation, models.Conversation{ID: moved.Conversation.ID, NumberID: second.ID,
		Sequence: 7, CreatedAt: moved.Conversation.CreatedAt, ConversationSettings: models.ConversationSettings{Status: models.ConversationOpen}})
	w.equal("conversation of the older stays", w.person(w.ref("49170", "", false)).Conversation.ID, older.Conversation.ID)
	left, err := w.ConversationByID(w.ctx, w.business, younger.Conversation.ID)
	w.ok(err)
	w.equal("the other stays behind, and is theirs", []int64{left.ID, left.Contact.ID}, []int64{younger.Conversation.ID, older.Contact.ID})
	w.equal("once", len(w.person(w.ref("49170", "u1", true)).Merged), 0)

	// The other way round: the number was there first, and a second merge takes the first along.
	oldest := w.person(models.PersonRef{BusinessID: w.otherBusiness(), WaID: "1", Create: true}) // of somebody else
	first := w.person(w.ref("49171", "", true))
	last := w.person(w.ref("", "u2", true))
	p = w.person(w.ref("49171", "u2", true))
	w.equal("into the number", []any{p.Contact.ID, p.Merged, p.NewUserID}, []any{first.Contact.ID, []int64{last.Contact.ID}, true})
	ref := w.ref("", "u2", true)
	ref.Formerly.UserID = "u1"
	p = w.person(ref)
	w.equal("and on into an older one", []any{p.Contact.ID, p.Merged}, []any{older.Contact.ID, []int64{first.Contact.ID}})
	for _, id := range []int64{older.Contact.ID, younger.Contact.ID, first.Contact.ID, last.Contact.ID} {
		c, err := w.ContactByID(w.ctx, w.business, id)
		w.ok(err)
		w.equal("survivor", c.ID, older.Contact.ID)
	}
	w.equal("nobody else", oldest.Contact.ID != 0 && w.who("1", "") == 0, true)
}

// testRecycled: a number that belongs to a contact with another user id has got a new owner.
func testRecycled(_ *testing.T, w *world) {
	first := w.person(w.ref("49170", "u1", true))
	w.equal("asking moves nothing", []int64{w.who("49170", "u2"), w.who("49170", "")}, []int64{0, first.Contact.ID})
	second := w.person(w.ref("49170", "u2", true))
	w.equal("somebody else", []any{second.NewContact, second.Contact.ID != first.Contact.ID, len(second.Merged), second.Contact.WaID}, []any{true, true, 0, "49170"})
	w.equal("the number's owner", []int64{w.who("49170", ""), w.who("", "u1"), w.who("", "u2"), w.who("49170", "u1")},
		[]int64{second.Contact.ID, first.Contact.ID, second.Contact.ID, first.Contact.ID})
	w.equal("the first has it no more", w.person(w.ref("", "u1", false)).Contact.WaID, "")
	// A third who is known already, in one call with the second.
	third := w.person(w.ref("49171", "u3", true))
	people := w.people(w.ref("49170", "", true), w.ref("49170", "u3", true), w.ref("49170", "", true), w.ref("49170", "u2", true), w.ref("49170", "", false))
	var got []int64
	for _, p := range people {
		got = append(got, p.Contact.ID)
	}
	two, three := second.Contact.ID, third.Contact.ID
	w.equal("each its present owner", got, []int64{two, three, three, two, two})
	w.equal("back where it was", w.who("49170", ""), two)
}

func testFormerly(_ *testing.T, w *world) {
	p := w.person(w.ref("49170", "u1", true))
	change := w.ref("49171", "u2", true)
	change.Formerly.WaID, change.Formerly.UserID = "49170", "u1"
	q := w.person(change)
	w.equal("the same person", []any{q.Contact.ID, q.Conversation.ID, q.NewContact, q.NewUserID, len(q.Merged)}, []any{p.Contact.ID, p.Conversation.ID, false, true, 0})
	for _, name := range [][2]string{{"49170", ""}, {"49171", ""}, {"", "u1"}, {"", "u2"}} {
		w.equal("by any name", w.who(name[0], name[1]), p.Contact.ID)
	}
	// The new number wrote before the change was told.
	early := w.person(w.ref("49173", "u4", true))
	later := w.person(w.ref("49172", "u3", true))
	change = w.ref("49172", "u3", true)
	change.Formerly.WaID, change.Formerly.UserID = "49173", "u4"
	q = w.person(change)
	w.equal("merged by a former name", []any{q.Contact.ID, q.Merged}, []any{early.Contact.ID, []int64{later.Contact.ID}})
	// Nobody knows the former names yet: late traffic under them will.
	change = w.ref("49175", "", true)
	change.Formerly.WaID, change.Formerly.UserID = "49174", "u5"
	q = w.person(change)
	w.equal("late traffic", []int64{w.who("49174", ""), w.who("", "u5"), w.person(w.ref("49174", "u5", true)).Contact.ID}, []int64{q.Contact.ID, q.Contact.ID, q.Contact.ID})
	// The former number has an owner by now, who is not them.
	owner := w.person(w.ref("49180", "u8", true))
	mover := w.person(w.ref("49181", "u9", true))
	change = w.ref("49182", "u10", true)
	change.Formerly.WaID, change.Formerly.UserID = "49180", "u9"
	q = w.person(change)
	w.equal("the owner is left alone", []any{q.Contact.ID, len(q.Merged), w.who("49180", "")}, []any{mover.Contact.ID, 0, owner.Contact.ID})
}

func testParents(_ *testing.T, w *world) {
	ref := w.ref("49170", "u1", true)
	ref.ParentUserID = "p1"
	p := w.person(ref)
	ref = w.ref("", "u2", true)
	ref.ParentUserID = "p1"
	q := w.person(ref)
	w.equal("a parent id finds", []any{q.Contact.ID, q.NewUserID}, []any{p.Contact.ID, true})
	ref = w.ref("49170", "u3", true)
	ref.ParentUserID = "p1"
	w.equal("and says that the number's owner is the same", w.person(ref).Contact.ID, p.Contact.ID)
	other := w.person(w.ref("", "u4", true))
	ref = w.ref("", "u4", true)
	ref.ParentUserID = "p1"
	q = w.person(ref)
	w.equal("merges", []any{q.Contact.ID, q.Merged}, []any{p.Contact.ID, []int64{other.Contact.ID}})
	ref = w.ref("49170", "u5", true)
	ref.ParentUserID = "p2"
	w.equal("another's", w.person(ref).NewContact, true)
	w.equal("a user id is no parent id", w.who("", "p1"), 0)
}

// testSpellings: see waba.CanonicalNumber.
func testSpellings(_ *testing.T, w *world) {
	for _, spellings := range [][]string{{"551187654321", "5511987654321", "+55 11 98765-4321"}, {"5215512345678", "525512345678"}, {"5491112345678", "541112345678"}} {
		p := w.person(w.ref(spellings[0], "", true))
		w.equal("as it came", p.Contact.WaID, spellings[0])
		for _, s := range spellings {
			w.equal(s, w.person(w.ref(s, "", true)).Contact.ID, p.Contact.ID)
		}
	}
	w.equal("a name that is no number", w.person(w.ref("tester", "", true)).Contact.ID, w.who("tester", ""))
	w.equal("and not another", w.who("tester2", ""), 0)
}

func testLink(_ *testing.T, w *world) {
	link := func(waID, userID string) models.PersonRef {
		r := w.ref(waID, userID, false)
		r.Link = true
		return r
	}
	w.equal("makes nobody", w.person(link("49170", "u1")), models.Person{})
	p := w.person(w.ref("49170", "", true))
	w.equal("names", []any{w.person(link("49170", "u1")).NewUserID, w.who("", "u1")}, []any{true, p.Contact.ID})
	other := w.person(w.ref("49171", "", true))
	q := w.person(link("49171", "u1"))
	w.equal("merges", []any{q.Contact.ID, q.Merged}, []any{p.Contact.ID, []int64{other.Contact.ID}})
	w.equal("nobody for a stranger", []int64{w.person(link("49170", "u2")).Contact.ID, w.who("49170", "")}, []int64{0, p.Contact.ID})

	ref := models.PersonRef{BusinessID: w.business, UserID: "u7", Create: true, At: time.Now()}
	q = w.person(ref)
	w.equal("a contact alone", []any{q.NewContact, q.Conversation.ID, q.NewConversation}, []any{true, 0, false})
	w.equal("when", w.person(ref).Contact.ProfileAt, ref.At.UTC().Truncate(time.Microsecond))
}

func testPointed(_ *testing.T, w *world) {
	p := w.person(w.ref("49170", "", true))
	other := w.person(w.ref("", "u1", true))
	point := func(contact, conversation int64) models.PersonRef {
		return models.PersonRef{BusinessID: w.business, NumberID: w.number.ID, ContactID: contact, ConversationID: conversation}
	}
	people := w.people(point(p.Contact.ID, 0), w.ref("49170", "", false), point(0, p.Conversation.ID), point(4711, 0), point(0, 4711))
	for _, q := range people[:3] {
		w.equal("found", []any{q.Contact, q.Conversation}, []any{p.Contact, p.Conversation})
	}
	w.equal("unknown", people[3:], []models.Person{{}, {}})
	foreign := []models.PersonRef{point(p.Contact.ID, 0), point(0, p.Conversation.ID)}
	business := w.otherBusiness()
	for i := range foreign {
		foreign[i].BusinessID = business
	}
	w.equal("another business's", w.people(foreign...), []models.Person{{}, {}})

	w.person(w.ref("49170", "u1", true))
	q := w.person(point(other.Contact.ID, 0))
	w.equal("the survivor", []int64{q.Contact.ID, q.Conversation.ID}, []int64{p.Contact.ID, p.Conversation.ID})
	q = w.person(point(0, other.Conversation.ID))
	w.equal("the conversation that was asked for", []int64{q.Contact.ID, q.Conversation.ID}, []int64{p.Contact.ID, other.Conversation.ID})
}

// testAnyOrder: whatever order and batching traffic comes in, two people never share a contact, and one person who was
// linked by any ref ends as one contact.
func testAnyOrder(_ *testing.T, w *world) {
	rounds := 12
	if w.Embedded() {
		rounds = 40
	}
	for round := range rounds {
		seed := rand.Uint64()
		random := rand.New(rand.NewPCG(seed, 1))
		refs, whose, probes := w.population(random, fmt.Sprint(round))
		random.Shuffle(len(refs), func(i, j int) { refs[i], refs[j] = refs[j], refs[i]; whose[i], whose[j] = whose[j], whose[i] })
		owner := map[int64]int{}
		claim := func(contact int64, person int) {
			if had, ok := owner[contact]; ok && had != person {
				w.t.Fatalf("seed %d: contact %d is both %d and %d", seed, contact, had, person)
			}
			owner[contact] = person
		}
		for at := 0; at < len(refs); {
			n := min(1+random.IntN(9), len(refs)-at)
			for i, p := range w.people(refs[at : at+n]...) {
				if p.Contact.ID == 0 || p.Conversation.ID == 0 {
					w.t.Fatalf("seed %d: nobody for %+v", seed, refs[at+i])
				}
				claim(p.Contact.ID, whose[at+i])
				for _, dead := range p.Merged {
					claim(dead, whose[at+i])
				}
			}
			at += n
		}
		for person, names := range probes {
			found := map[int64]bool{}
			for _, p := range w.people(names...) {
				claim(p.Contact.ID, person)
				found[p.Contact.ID] = true
			}
			if len(found) != 1 {
				w.t.Fatalf("seed %d: person %d is the contacts %v", seed, person, found)
			}
		}
	}
}

// population makes people of every kind with their traffic: refs with whose they are, and refs that have to find one
// contact per person afterwards.
func (w *world) population(random *rand.Rand, tag string) (refs []models.PersonRef, whose []int, probes map[int][]models.PersonRef) {
	probes = map[int][]models.PersonRef{}
	add := func(person int, r models.PersonRef) {
		for range 1 + random.IntN(3) {
			refs, whose = append(refs, r), append(whose, person)
		}
	}
	ref := func(waID, userID, parent string) models.PersonRef {
		r := w.ref(waID, userID, true)
		r.ParentUserID = parent
		return r
	}
	const kinds = 6
	for person := range 12 {
		id := fmt.Sprintf("%s%03d", tag, person)
		number, user, parent := "4917"+id, "u"+id, "p"+id
		var known []models.PersonRef
		switch person % kinds {
		case 0: // by number only
			known = []models.PersonRef{ref(number, "", "")}
		case 1: // by id only
			known = []models.PersonRef{ref("", user, ""), ref("", user, parent)}
		case 2: // from the number to the id, mid-thread
			known = []models.PersonRef{ref(number, "", ""), ref(number, user, ""), ref("", user, "")}
		case 3: // another portfolio's id of the same parent
			known = []models.PersonRef{ref("", user, parent), ref("", user+"b", parent), ref(number, user, ""), ref("", "", parent)}
		case 4: // changes the number, which gives another user id
			change := ref(number+"9", user+"9", "")
			change.Formerly.WaID, change.Formerly.UserID = number, user
			known = []models.PersonRef{ref(number, user, ""), change, ref(number+"9", user+"9", ""), ref("", user, ""), ref("", user+"9", "")}
		case 5: // has the number that somebody else had, and both show their ids
			other := person + 1000
			add(other, ref(number, user+"x", ""))
			add(other, ref("", user+"x", ""))
			probes[other] = []models.PersonRef{w.ref("", user+"x", false)}
			known = []models.PersonRef{ref(number, user, parent), ref("", user, "")}
		}
		for _, r := range known {
			add(person, r)
			probe := r
			probe.Create, probe.Formerly = false, models.PersonRef{}.Formerly
			probes[person] = append(probes[person], probe)
		}
	}
	return refs, whose, probes
}

// testMergeRush: the names of the same people come together in several groups at once.
func testMergeRush(_ *testing.T, w *world) {
	const people = 6
	rounds := 6
	w.rush(rounds, func(worker, round int) error {
		var refs []models.PersonRef
		for person := range people {
			number, user, parent := fmt.Sprintf("49%d%d", round, person), fmt.Sprintf("u%d%d", round, person), fmt.Sprintf("p%d%d", round, person)
			all := []models.PersonRef{w.ref(number, "", true), w.ref("", user, true), w.ref(number, user, true), w.ref("", "", true), w.ref(number+"9", user, true)}
			all[3].ParentUserID, all[4].ParentUserID = parent, parent
			refs = append(refs, all[worker%len(all)], all[rand.IntN(len(all))])
		}
		rand.Shuffle(len(refs), func(i, j int) { refs[i], refs[j] = refs[j], refs[i] })
		return w.Translate(w.ctx, func(tx models.Translation) error {
			answers, err := tx.People(w.ctx, refs)
			if err != nil {
				return err
			}
			var c models.Changes
			next := map[int64]int64{}
			for i, p := range answers {
				if p.Conversation.ID == 0 {
					return fmt.Errorf("no conversation for %+v", refs[i])
				}
				next[p.Conversation.ID] = max(next[p.Conversation.ID], p.Conversation.Sequence) + 1
				e := w.event(fmt.Sprint("rush ", worker, round, i))
				e.ConversationID, e.Sequence = p.Conversation.ID, next[p.Conversation.ID]
				c.Events, c.Deliveries = append(c.Events, e), append(c.Deliveries, models.Delivery{EventID: e.ID, WebhookID: w.webhook.ID})
			}
			for id, s := range next {
				c.Conversations = append(c.Conversations, models.ConversationChange{ID: id, Sequence: s})
			}
			return tx.Write(w.ctx, c)
		})
	})
	for round := range rounds {
		for person := range people {
			number, user := fmt.Sprintf("49%d%d", round, person), fmt.Sprintf("u%d%d", round, person)
			linked := w.person(w.ref(number+"9", user, true))
			by := []int64{w.who(number+"9", ""), w.who("", user)}
			w.equal("one contact", by, []int64{linked.Contact.ID, linked.Contact.ID})
			all, err := w.Conversations(w.ctx, w.business, models.ConversationFilter{ContactID: linked.Contact.ID})
			w.ok(err)
			if !slices.ContainsFunc(all, func(v models.ConversationRow) bool { return v.ID == linked.Conversation.ID }) {
				w.t.Errorf("conversation %d is not among %v", linked.Conversation.ID, all)
			}
		}
	}
	w.checkSequences()
}

// testMeanwhile: what one translation finds out about somebody, another that is under way goes by.
func testMeanwhile(_ *testing.T, w *world) {
	second, err := w.CreateNumber(w.ctx, models.Number{BusinessID: w.business, PhoneNumberID: "101"})
	w.ok(err)
	// during answers ref in a transaction that begins before the one of decided ends.
	during := func(decided, ref models.PersonRef) (p models.Person) {
		done := make(chan error, 1)
		w.translate(func(tx models.Translation) error {
			if _, err := tx.People(w.ctx, []models.PersonRef{decided}); err != nil {
				return err
			}
			go func() {
				done <- w.Translate(w.ctx, func(tx models.Translation) error {
					people, err := tx.People(w.ctx, []models.PersonRef{ref})
					if err == nil {
						p = people[0]
					}
					return err
				})
			}()
			time.Sleep(50 * time.Millisecond)
			return nil
		})
		w.ok(<-done)
		return p
	}
	on := func(n models.Number, r models.PersonRef) models.PersonRef { r.NumberID = n.ID; return r }

	first := w.person(w.ref("1", "", true))
	p := during(w.ref("1", "u1", true), w.ref("1", "u2", true))
	w.equal("two who claim a number", []any{p.NewContact, w.who("", "u1"), w.who("", "u2") == p.Contact.ID}, []any{true, first.Contact.ID, true})

	older := w.person(w.ref("", "u3", true))
	w.person(w.ref("3", "", true))
	p = during(w.ref("3", "u3", true), on(second, w.ref("3", "", true)))
	w.equal("no conversation for somebody who was merged", p.Contact.ID, older.Contact.ID)
	w.equal("a conversation of the survivor", w.person(on(second, w.ref("", "u3", false))).Conversation.ID, p.Conversation.ID)

	older = w.person(w.ref("", "u4", true))
	moved := w.person(on(second, w.ref("4", "", true)))
	p = during(w.ref("4", "u4", true), on(second, w.ref("4", "", false)))
	w.equal("nor for who asks", []int64{p.Contact.ID, p.Conversation.ID}, []int64{older.Contact.ID, moved.Conversation.ID})

	w.person(on(second, w.ref("", "u5", true)))
	w.person(w.ref("5", "", true))
	late := w.ref("", "u5", true)
	late.ParentUserID = "p5"
	p = during(w.ref("5", "u5", true), late)
	w.equal("a new name of the survivor", w.who("5", ""), p.Contact.ID)

	older = w.person(w.ref("", "u6", true))
	w.person(w.ref("6", "", true))
	late = w.ref("6", "", true)
	late.ParentUserID = "p6"
	p = during(w.ref("6", "u6", true), late)
	ref := w.ref("", "", false)
	ref.ParentUserID = "p6"
	w.equal("a new name of the merged", []int64{p.Contact.ID, w.person(ref).Contact.ID}, []int64{older.Contact.ID, older.Contact.ID})

	w.person(w.ref("", "u7", true))
	w.person(w.ref("7", "", true))
	p = during(on(second, w.ref("7", "", true)), w.ref("7", "u7", true))
	w.equal("a conversation of the merged moves", w.person(on(second, w.ref("", "u7", false))).Conversation.ID != 0, true)
}
