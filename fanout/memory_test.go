package fanout

import (
	"context"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"wabagate/fanout/dialect"
	"wabagate/models"
)

// memory is a transaction on nothing but maps: for runs of millions, where who is who does not matter. The stores
// themselves are tested by modelstest and by every other test of this package.
type memory struct {
	people     map[string]*models.Person
	known      map[[16]byte]bool
	messages   map[models.MessageRef]models.Message
	orders     map[string]*models.Order
	broadcasts map[string]*models.Broadcast
	sends      map[int64]models.Send
	ids        int64
	written    models.Changes
}

func newMemory() *memory {
	return &memory{people: map[string]*models.Person{}, known: map[[16]byte]bool{}, messages: map[models.MessageRef]models.Message{},
		orders: map[string]*models.Order{}, broadcasts: map[string]*models.Broadcast{}, sends: map[int64]models.Send{}}
}

func (m *memory) next() int64 { m.ids++; return m.ids }

func (m *memory) People(_ context.Context, refs []models.PersonRef) ([]models.Person, error) {
	people := make([]models.Person, len(refs))
	for i, r := range refs {
		name := r.UserID
		fill(&name, r.ParentUserID)
		fill(&name, r.WaID)
		if name == "" {
			continue
		}
		p := m.people[name]
		if p == nil {
			if !r.Create {
				continue
			}
			p = &models.Person{Contact: models.Contact{ID: m.next(), WaID: r.WaID, UserID: r.UserID, ParentUserID: r.ParentUserID, Name: r.Name, Username: r.Username},
				NewContact: true}
			m.people[name] = p
		}
		if p.Conversation.ID == 0 && r.Create && r.NumberID != 0 {
			p.Conversation, p.NewConversation = models.Conversation{ID: m.next(), NumberID: r.NumberID}, true
		}
		people[i] = *p
		p.NewContact, p.NewConversation = false, false
	}
	return people, nil
}

func (m *memory) Known(_ context.Context, keys [][16]byte) (map[[16]byte]bool, error) {
	known := map[[16]byte]bool{}
	for _, k := range keys {
		if m.known[k] {
			known[k] = true
		}
	}
	return known, nil
}

func (m *memory) Messages(_ context.Context, refs []models.MessageRef) (map[models.MessageRef]models.Message, error) {
	found := map[models.MessageRef]models.Message{}
	for _, r := range refs {
		if msg, ok := m.messages[r]; ok {
			found[r] = msg
		}
	}
	return found, nil
}

func (m *memory) Orders(_ context.Context, refs []models.OrderRef) ([]*models.Order, error) {
	orders := make([]*models.Order, len(refs))
	for i, r := range refs {
		key := r.Wamid + "\n" + r.Reference
		if m.orders[key] == nil {
			o := r.Order
			o.ID, o.New = m.next(), true
			m.orders[key] = &o
		}
		orders[i] = m.orders[key]
	}
	return orders, nil
}

func (m *memory) Broadcasts(_ context.Context, refs []models.BroadcastRef) ([]*models.Broadcast, error) {
	broadcasts := make([]*models.Broadcast, len(refs))
	for i, r := range refs {
		if m.broadcasts[r.Reference] == nil {
			b := r.Broadcast
			b.ID = m.next()
			m.broadcasts[r.Reference] = &b
		}
		broadcasts[i] = m.broadcasts[r.Reference]
	}
	return broadcasts, nil
}

func (m *memory) Recent(context.Context, []int64, int) (map[int64][]models.Message, error) {
	return map[int64][]models.Message{}, nil
}

func (m *memory) Write(_ context.Context, c models.Changes) error {
	m.written = c
	for _, e := range c.Events {
		m.known[e.Key] = true
	}
	for _, msg := range c.Messages {
		m.messages[models.MessageRef{NumberID: msg.NumberID, Wamid: msg.Wamid}] = msg
	}
	for _, r := range c.Sends {
		s := m.sends[r.ID]
		s.State, s.Wamid, s.WaID, s.UserID, s.ErrorCode, s.ErrorTitle, s.ErrorDetails = r.State, r.Wamid, r.WaID, r.UserID, r.ErrorCode, r.ErrorTitle, r.ErrorDetails
		m.sends[r.ID] = s
	}
	return nil
}

// onMemory is a recorder without stores, with a webhook of every dialect. Nothing of it changes, so one is enough.
var onMemory = sync.OnceValues(func() (*Recorder, *subscriptions) {
	routes := &models.Routes{Version: 1, Apps: map[string]models.App{"ours": ours}, Numbers: testRoutes.Numbers,
		Webhooks: map[int64]models.Webhook{}, OfBusiness: map[int64][]int64{}}
	for i, name := range dialect.Names() {
		id := int64(i + 1)
		routes.Webhooks[id] = models.Webhook{ID: id, BusinessID: 1, URL: "https://example.com/", Events: []string{"*"}, Dialect: name, Active: true, Verified: true}
		routes.OfBusiness[1] = append(routes.OfBusiness[1], id)
	}
	log := slog.New(slog.DiscardHandler)
	subs := NewSubscriptions(func() *models.Routes { return routes }, log)
	var ids atomic.Int64
	return &Recorder{subs: subs, queue: &queued{}, log: log, m: NewMetrics(prometheus.NewRegistry()), nextID: func() int64 { return ids.Add(1) },
		now: func() time.Time { return fixedNow }}, subs.current()
})

func (m *memory) Lanes(_ context.Context, refs []models.LaneRef, _ []int64) ([]bool, error) {
	idle := make([]bool, len(refs))
	for i := range idle {
		idle[i] = true
	}
	return idle, nil
}

func (m *memory) Sends(_ context.Context, ids []int64) (map[int64]models.Send, error) {
	found := map[int64]models.Send{}
	for _, id := range ids {
		if s, ok := m.sends[id]; ok {
			found[id] = s
		}
	}
	return found, nil
}
