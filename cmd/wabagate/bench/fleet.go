package bench

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"

	"wabagate/fanout/event"
	"wabagate/fanout/signature"
	"wabagate/models"
	"wabagate/waba"
	"wabagate/waba/simulator"
)

// fleet is a business with many numbers, each with a webhook of its own.
type fleet struct {
	business
	id       int64
	ids      []int64  // of its numbers, as here
	numbers  []string // phone number ids
	webhooks []int64  // by number
}

// In a fleet with bad webhooks the first two are bad. They count among nobody's healthy ones, in other fleets neither.
const (
	deadHook = iota
	slowHook
	badHooks
)

// prepareFleet makes a fresh database with a fleet in it. The addresses say where the dead and the slow webhook are; an
// empty one is healthy.
func (b *bench) prepareFleet(ctx context.Context, bad [badHooks]string) (_ *setting, f fleet, err error) {
	st, err := b.empty(ctx)
	if err != nil {
		return nil, f, err
	}
	businessID, err := b.found(ctx, st, &f.business, 0)
	if err != nil {
		return nil, f, err
	}
	store, err := st.open(ctx)
	if err != nil {
		return nil, f, err
	}
	defer func() { err = errors.Join(err, store.Close()) }()
	for i := 1; i < b.s.fleet; i++ {
		n := models.Number{BusinessID: businessID, PhoneNumberID: fmt.Sprintf("6007008009%05d", i), Display: fmt.Sprintf("155502%05d", i), Name: fmt.Sprintf("Branch %d", i)}
		if _, err := store.CreateNumber(ctx, n); err != nil {
			return nil, f, err
		}
	}
	numbers, err := store.Numbers(ctx, businessID)
	if err != nil {
		return nil, f, err
	}
	for i, n := range numbers {
		w := models.Webhook{BusinessID: businessID, NumberID: &n.ID, Name: n.Name, URL: b.receiver.counting(), Events: []string{event.MessageReceived, event.MessageReport},
			Dialect: "wabagate", Secret: models.Secret(signature.NewRandomSecret().Text()), Active: true}
		if i < badHooks && bad[i] != "" {
			w.URL = bad[i]
		}
		if w, err = store.CreateWebhook(ctx, w); err != nil {
			return nil, f, err
		}
		f.id, f.ids = businessID, append(f.ids, n.ID)
		f.numbers, f.webhooks = append(f.numbers, n.PhoneNumberID), append(f.webhooks, w.ID)
	}
	return st, f, nil
}

// owing are callbacks each of which one webhook of a fleet is owed one event of.
type owing struct {
	*callbacks
	hooks  []int
	events []string // ids
}

func makeOwing(n int) owing {
	return owing{callbacks: makeCallbacks(n), hooks: make([]int, n), events: make([]string, n)}
}

func (o owing) owe(i int, f fleet, hook int, body []byte, key event.Key) {
	o.set(i, f.business, body)
	o.hooks[i], o.events[i] = hook, key.EventID()
}

// acknowledgedOf are the ids of the acknowledged events of the hooks that are wanted.
func (o owing) acknowledgedOf(wanted func(hook int) bool) []string {
	var ids []string
	for i, id := range o.events {
		if o.acked[i].Load() && wanted(o.hooks[i]) {
			ids = append(ids, id)
		}
	}
	return ids
}

func healthyHook(hook int) bool { return hook >= badHooks }

// simulators are one for each number, which never make the same wamid.
func (f fleet) simulators() []*simulator.Simulator {
	sims := make([]*simulator.Simulator, len(f.numbers))
	for i, number := range f.numbers {
		sims[i] = simulator.New(simulator.Options{PhoneNumberID: number, Contacts: 1, Seed: uint64(i + 1)})
	}
	return sims
}

// chat makes n callbacks, each one text message of a customer, to the healthy numbers in turns. A number has one customer at a
// time, who writes so many messages.
func (f fleet) chat(n, each int) owing {
	sims, o := f.simulators(), makeOwing(n)
	for i := range n {
		hook := badHooks + i%(len(f.numbers)-badHooks)
		who := i / (len(f.numbers) - badHooks) / each % contacts
		fact := sims[hook].Text(fmt.Sprintf("447700900%03d", who), fmt.Sprintf("Customer %03d", who), "Could you send a new cup, please?")
		o.owe(i, f, hook, sims[hook].Callback(fact), event.NewKey(event.MessageReceived, f.numbers[hook], fact.ID))
	}
	return o
}

// broadcast makes the callbacks of the statuses of a template that was sent to many, by all numbers in turns, a certain
// number of recipients each second.
func (f fleet) broadcast(recipients, perSecond int) owing {
	sims, o := f.simulators(), makeOwing(len(statuses)*recipients)
	now := strconv.FormatInt(time.Now().Unix(), 10)
	tracking := fmt.Sprintf("origin=broadcast;broadcast=89;template=spring;recipients=%d", recipients)
	for i, r := range reports(recipients, perSecond) {
		hook := r.recipient % len(f.numbers)
		wamid := fmt.Sprintf("wamid.HBgMNDQ3NzAwOTAwMDAw%012d", r.recipient)
		body := fmt.Sprintf(`{"id":%q,"status":%q,"timestamp":%q,"recipient_id":"4477009%05d","biz_opaque_callback_data":%q,`+
			`"pricing":{"billable":true,"pricing_model":"PMP","type":"regular","category":"marketing"}}`, wamid, r.status, now, r.recipient, tracking)
		fact := simulator.Fact{Kind: simulator.KindStatus, ID: wamid + ":" + r.status, Field: waba.FieldMessages, Body: []byte(body)}
		// As the gateway identifies a status: the two parts that groups have are empty.
		o.owe(i, f, hook, sims[hook].Callback(fact), event.NewKey(event.MessageReport, f.numbers[hook], wamid, r.status, "", ""))
	}
	return o
}

// statuses are what becomes of each message, and how long after it was sent the platform says so.
var statuses = [...]struct {
	name  string
	after time.Duration
}{{waba.StatusSent, 0}, {waba.StatusDelivered, time.Second}, {waba.StatusRead, 3 * time.Second}}

// report is one status of one recipient's message.
type report struct {
	recipient int
	status    string
}

// reports are the statuses of a broadcast in the order in which they come.
func reports(recipients, perSecond int) []report {
	var rs []report
	for step := 0; len(rs) < len(statuses)*recipients; step++ {
		for _, s := range statuses {
			if who := step - int(s.after.Seconds()*float64(perSecond)); who >= 0 && who < recipients {
				rs = append(rs, report{who, s.name})
			}
		}
	}
	return rs
}
