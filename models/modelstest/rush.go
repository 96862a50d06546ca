package modelstest

import (
	"fmt"
	"math/rand/v2"
	"sort"
	"sync"
	"testing"
	"time"

	"wabagate/models"
)

const rushers = 8

// rush runs fn in several goroutines at once, several times in each, and fails the test with the first error.
func (w *world) rush(rounds int, fn func(worker, round int) error) {
	w.t.Helper()
	var wg sync.WaitGroup
	errs := make(chan error, rushers)
	for worker := range rushers {
		wg.Go(func() {
			for round := range rounds {
				if err := fn(worker, round); err != nil {
					errs <- err
					return
				}
			}
		})
	}
	wg.Wait()
	select {
	case err := <-errs:
		w.t.Fatalf("escaped: %v", err)
	default:
	}
}

// testRush: groups that speak of the same people, conversations and facts at once. Nobody is made twice, sequences have
// no gaps, a fact is one event, and no deadlock is seen.
func testRush(_ *testing.T, w *world) {
	second, err := w.CreateNumber(w.ctx, models.Number{BusinessID: w.business, PhoneNumberID: "101"})
	w.ok(err)
	const people, facts = 12, 40
	rounds := 12
	if w.Embedded() { // one at a time anyway
		rounds = 3
	}
	var mu sync.Mutex
	newContacts, newConversations := map[int64]int{}, map[int64]int{}
	ids := map[string]map[int64]bool{} // by person: contacts that were answered
	w.rush(rounds, func(worker, round int) error {
		type fact struct {
			person, key string
			free        bool // of no conversation
		}
		var group []fact
		var refs []models.PersonRef
		for range facts {
			n := rand.IntN(people)
			f := fact{fmt.Sprint(n), fmt.Sprintf("%d of %d", rand.IntN(30), n), rand.IntN(4) == 0}
			ref := w.ref("49"+f.person, "", true)
			if rand.IntN(2) == 0 {
				ref.UserID = "u" + f.person
			}
			if rand.IntN(2) == 0 {
				ref.NumberID = second.ID
				f.key += " on 2"
			}
			group, refs = append(group, f), append(refs, ref)
		}
		var fresh []models.Person
		err := w.Translate(w.ctx, func(tx models.Translation) error {
			fresh = fresh[:0]
			answers, err := tx.People(w.ctx, refs)
			if err != nil {
				return err
			}
			var keys [][16]byte
			for _, f := range group {
				keys = append(keys, eventKey(f.key))
			}
			known, err := tx.Known(w.ctx, keys)
			if err != nil {
				return err
			}
			c := models.Changes{}
			sequences := map[int64]int64{}
			for i, f := range group {
				p := answers[i]
				fresh = append(fresh, p)
				p.Contact.Name = fmt.Sprint(worker, round)
				c.Contacts = append(c.Contacts, p.Contact)
				if known[keys[i]] {
					continue
				}
				known[keys[i]] = true
				e := w.event(f.key)
				e.NumberID = refs[i].NumberID
				if f.free { // nothing locks it: the key alone decides
					e.Key, e.ConversationID = eventKey("free "+f.key), 0
				} else {
					if _, ok := sequences[p.Conversation.ID]; !ok {
						sequences[p.Conversation.ID] = p.Conversation.Sequence
					}
					sequences[p.Conversation.ID]++
					e.ConversationID, e.Sequence = p.Conversation.ID, sequences[p.Conversation.ID]
				}
				c.Events = append(c.Events, e)
				c.Deliveries = append(c.Deliveries, models.Delivery{EventID: e.ID, WebhookID: w.webhook.ID})
				c.Messages = append(c.Messages, models.Message{NumberID: e.NumberID, Wamid: f.key, Type: "text", SentAt: time.Now()})
			}
			for id, s := range sequences {
				c.Conversations = append(c.Conversations, models.ConversationChange{ID: id, Sequence: s, LastInboundAt: time.Now()})
			}
			return tx.Write(w.ctx, c)
		})
		mu.Lock()
		defer mu.Unlock()
		for i, p := range fresh {
			if p.NewContact {
				newContacts[p.Contact.ID]++
			}
			if p.NewConversation {
				newConversations[p.Conversation.ID]++
			}
			name := group[i].person
			if ids[name] == nil {
				ids[name] = map[int64]bool{}
			}
			ids[name][p.Contact.ID] = true
		}
		return err
	})
	w.equal("contacts announced", len(newContacts), people)
	w.equal("conversations announced", len(newConversations), 2*people)
	for _, announced := range []map[int64]int{newContacts, newConversations} {
		for id, n := range announced {
			if n != 1 {
				w.t.Errorf("%d announced %d times", id, n)
			}
		}
	}
	for name, contacts := range ids {
		if len(contacts) != 1 {
			w.t.Errorf("person %s is the contacts %v", name, contacts)
		}
	}
	w.checkSequences()
}

// checkSequences reads every event by way of its delivery: each conversation counts 1, 2, 3, and each event is there once.
func (w *world) checkSequences() {
	w.t.Helper()
	sequences := map[int64][]int{}
	keys := map[[16]byte]bool{}
	var before int64
	for {
		rows, err := w.Deliveries(w.ctx, w.webhook.ID, models.DeliveryFilter{Limit: 200, Before: before})
		w.ok(err)
		if len(rows) == 0 {
			break
		}
		var ids []int64
		for _, r := range rows {
			ids = append(ids, r.EventID)
		}
		before = ids[len(ids)-1]
		due, err := w.LoadGroup(w.ctx, models.Work{WebhookID: w.webhook.ID, Members: ids}, time.Now().Add(time.Hour))
		w.ok(err)
		w.equal("all due", len(due), len(rows))
		for _, d := range due {
			if keys[d.Event.Key] {
				w.t.Errorf("event %x twice", d.Event.Key)
			}
			keys[d.Event.Key] = true
			if d.Event.ConversationID != 0 {
				sequences[d.Event.ConversationID] = append(sequences[d.Event.ConversationID], int(d.Event.Sequence))
			}
		}
	}
	if len(sequences) == 0 {
		w.t.Fatal("no events")
	}
	for id, s := range sequences {
		sort.Ints(s)
		for i, n := range s {
			if n != i+1 {
				w.t.Fatalf("conversation %d counts %v", id, s)
			}
		}
	}
}

// testStatusRush: reports of messages that nobody knew, at once. None turns a status back.
func testStatusRush(_ *testing.T, w *world) {
	const messages = 5
	w.rush(6, func(worker, round int) error {
		refs := make([]models.MessageRef, messages)
		for i := range refs {
			refs[i] = models.MessageRef{NumberID: w.number.ID, Wamid: fmt.Sprint("wamid ", round, " ", i)}
		}
		rand.Shuffle(len(refs), func(i, j int) { refs[i], refs[j] = refs[j], refs[i] })
		return w.Translate(w.ctx, func(tx models.Translation) error {
			known, err := tx.Messages(w.ctx, refs)
			if err != nil {
				return err
			}
			var c models.Changes
			for _, r := range refs {
				if status := string(rune('a' + worker)); status > known[r].Status {
					c.Messages = append(c.Messages, models.Message{NumberID: r.NumberID, Wamid: r.Wamid, Status: status, SentAt: time.Now(), StatusAt: time.Now()})
				}
			}
			return tx.Write(w.ctx, c)
		})
	})
	for round := range 6 {
		for i := range messages {
			id := fmt.Sprint("wamid ", round, " ", i)
			w.equal(id, w.messages(id)[models.MessageRef{NumberID: w.number.ID, Wamid: id}].Status, string(rune('a'+rushers-1)))
		}
	}
}
