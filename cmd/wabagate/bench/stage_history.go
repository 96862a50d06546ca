package bench

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/dustin/go-humanize"
	"github.com/jackc/pgx/v5"

	"wabagate/fanout/signature"
	"wabagate/models"
)

// The ages of the history, which begin their keys.
const (
	ageYoung = "history_young_"
	ageOld   = "history_old_"
)

// youngHistory is how many events there are at first: what everything later is compared with.
const youngHistory = 100_000

// productionPostgres are the settings of a PostgreSQL that a history grows on, which a production server has.
func productionPostgres() map[string]string {
	return map[string]string{"shared_buffers": "1GB", "max_wal_size": "8GB", "wal_compression": "on", "full_page_writes": "on", "fsync": "on", "synchronous_commit": "on"}
}

// history measures the same operations on a database with little history and, later, with a lot, and how it goes again.
func (b *bench) history(ctx context.Context) error {
	st, p, err := b.prepareHistory(ctx)
	if err != nil {
		return err
	}
	defer st.close()
	written := int64(0)
	for _, age := range []struct {
		key    string
		events int64
	}{{ageYoung, youngHistory}, {ageOld, int64(b.o.History)}} {
		if err := b.fill(ctx, st, p, written, age.events); err != nil {
			return fmt.Errorf("fill: %w", err)
		}
		written = age.events
		size, err := st.size(ctx)
		if err != nil {
			return err
		}
		b.report.add(age.key+historySize, size)
		if err := b.readHistory(ctx, st, p, age.key); err != nil {
			return fmt.Errorf("with %s events: %w", humanize.Comma(age.events), err)
		}
		if err := b.addToHistory(ctx, st, age.key); err != nil {
			return fmt.Errorf("with %s events: %w", humanize.Comma(age.events), err)
		}
	}
	if err := b.retention(ctx, st); err != nil {
		return fmt.Errorf("retention: %w", err)
	}
	return nil
}

// otherTenants share the database with the one that is asked for.
const otherTenants = 9

// prepareHistory makes a fresh database with the tenants in it. The first is the setting's single business.
func (b *bench) prepareHistory(ctx context.Context) (*setting, *past, error) {
	b.say.begin("prepare a database")
	st, err := b.empty(ctx)
	if err != nil {
		return nil, nil, err
	}
	st.single.hooks = 1
	if _, err := b.found(ctx, st, &st.single, 0); err != nil {
		return nil, nil, err
	}
	if st.store, err = st.open(ctx); err != nil {
		return nil, nil, err
	}
	p, err := st.settle(ctx, b.receiver.address(0))
	if err != nil {
		st.close()
		return nil, nil, err
	}
	st.single.webhook = p.tenants[0].webhook
	b.say.end("done")
	return st, p, nil
}

// settle gives every business a webhook, after making what is missing of them, and returns them as the tenants of a past.
func (st *setting) settle(ctx context.Context, url string) (*past, error) {
	businesses, err := st.store.Businesses(ctx)
	if err != nil {
		return nil, err
	}
	for i := len(businesses); i <= otherTenants; i++ {
		neighbour, err := st.store.CreateBusiness(ctx, fmt.Sprintf("Neighbour %d", i))
		if err != nil {
			return nil, err
		}
		n := models.Number{BusinessID: neighbour.ID, PhoneNumberID: fmt.Sprintf("6007008009%05d", i), Display: fmt.Sprintf("155502%05d", i), Name: neighbour.Name}
		if _, err := st.store.CreateNumber(ctx, n); err != nil {
			return nil, err
		}
		businesses = append(businesses, neighbour)
	}
	p := &past{}
	for _, owner := range businesses {
		numbers, err := st.store.Numbers(ctx, owner.ID)
		if err != nil {
			return nil, err
		}
		w := models.Webhook{BusinessID: owner.ID, Name: "Receiver", URL: url, Events: []string{"message.*"}, Dialect: "wabagate",
			Secret: models.Secret(signature.NewRandomSecret().Text()), Active: true}
		if w, err = st.store.CreateWebhook(ctx, w); err != nil {
			return nil, err
		}
		p.tenants = append(p.tenants, tenant{business: owner.ID, number: numbers[0].ID, webhook: w.ID, phone: numbers[0].Display, phoneNumberID: numbers[0].PhoneNumberID})
	}
	return p, nil
}

// size of the database is in MiB.
func (st *setting) size(ctx context.Context) (float64, error) {
	conn, err := pgx.Connect(ctx, st.databaseURL)
	if err != nil {
		return 0, err
	}
	defer func() { _ = conn.Close(context.WithoutCancel(ctx)) }()
	var bytes float64
	err = conn.QueryRow(ctx, "SELECT pg_database_size(current_database())").Scan(&bytes)
	return bytes / (1 << 20), err
}

// fill brings the history from one number of events to another.
func (b *bench) fill(ctx context.Context, st *setting, p *past, from, to int64) error {
	began, before := time.Now(), from
	next := func() { b.say.begin("write history") }
	next()
	err := p.write(ctx, st, presentFilling, to-from, func(written int64) {
		b.say.end(fmt.Sprintf("%s events, %s", humanize.Comma(from+written), perSecond(float64(from+written-before)/time.Since(began).Seconds())))
		began, before = time.Now(), from+written
		if from+written < to {
			next()
		} else {
			b.say.begin("vacuum, analyze, checkpoint")
		}
	})
	if err == nil {
		b.say.end("done")
	}
	return err
}

// read is an operation on the history. It complains when it finds nothing: then it was not measured.
type read struct {
	key string
	do  func(ctx context.Context) error
}

var errNothingFound = errors.New("nothing was found")

// found complains unless something was.
func found(n int, err error) error {
	if err == nil && n == 0 {
		err = errNothingFound
	}
	return err
}

// reads ask for what the busy tenant has, each time for something else.
func (p *past) reads(store *models.Store, rng *rand.Rand) []read {
	c, busy := p.chapters[len(p.chapters)-1], p.tenants[0]
	now := time.Now()
	random := func() int64 { // an event of the busy tenant
		for {
			if k := rng.Int64N(c.n); tenantOf(c.personOf(k), len(p.tenants)) == 0 {
				return k
			}
		}
	}
	list := func(f func() models.DeliveryFilter) func(ctx context.Context) error {
		return func(ctx context.Context) error {
			rows, err := store.Deliveries(ctx, busy.webhook, f())
			return found(len(rows), err)
		}
	}
	search := func(f func() models.EventSearch) func(ctx context.Context) error {
		return func(ctx context.Context) error {
			events, err := store.SearchEvents(ctx, busy.business, f())
			return found(len(events), err)
		}
	}
	failed, place := models.Failed, c.before
	return []read{
		{readList, list(func() models.DeliveryFilter { return models.DeliveryFilter{} })},
		{readListLater, list(func() models.DeliveryFilter { return models.DeliveryFilter{Before: c.eventID(max(c.n/20, random()))} })},
		{readListFailed, list(func() models.DeliveryFilter { return models.DeliveryFilter{State: &failed} })},
		{readListType, list(func() models.DeliveryFilter { return models.DeliveryFilter{Types: []string{"message.received"}} })},
		{readListDay, list(func() models.DeliveryFilter {
			from := now.Add(-time.Duration(2+rng.IntN(pastDays-3)) * 24 * time.Hour)
			return models.DeliveryFilter{From: from, To: from.Add(24 * time.Hour)}
		})},
		{readDelivery, func(ctx context.Context) error {
			d, err := store.Delivery(ctx, busy.business, c.eventID(random()), busy.webhook)
			return found(len(d.Attempts), err)
		}},
		{readEvent, func(ctx context.Context) error {
			_, err := store.EventByKey(ctx, busy.business, c.key(random()))
			return err
		}},
		{readMessage, func(ctx context.Context) error {
			ref := models.MessageRef{NumberID: busy.number, Wamid: c.wamid(random())}
			return store.Translate(ctx, func(tx models.Translation) error {
				known, err := tx.Messages(ctx, []models.MessageRef{ref})
				return found(len(known), err)
			})
		}},
		{readContact, func(ctx context.Context) error {
			people, err := store.Contacts(ctx, busy.business, models.ContactFilter{Search: "+" + waID(c.personOf(random()))})
			return found(len(people), err)
		}},
		{readThread, func(ctx context.Context) error {
			messages, err := store.ConversationMessages(ctx, busy.business, c.personOf(random()), time.Time{}, 50)
			return found(len(messages), err)
		}},
		{readPhone, search(func() models.EventSearch { return models.EventSearch{WaID: "+" + waID(c.personOf(random()))} })},
		{readWamid, search(func() models.EventSearch { return models.EventSearch{Wamid: c.wamid(random())} })},
		{readKey, search(func() models.EventSearch {
			key := c.key(random())
			return models.EventSearch{Key: &key}
		})},
		{readFeed, func(ctx context.Context) error {
			page, err := store.Feed(ctx, busy.business, models.FeedFilter{After: place})
			if place = page.Next; !page.More {
				place = c.before
			}
			return found(len(page.Events), err)
		}},
		{readTimeline, func(ctx context.Context) error {
			t, err := store.Timeline(ctx, busy.business, c.wamid(random()))
			return found(min(len(t.Events), len(t.Callbacks), len(t.Deliveries)), err)
		}},
	}
}

// readHistory measures each read by its median, so that neither a checkpoint nor a neighbour counts.
func (b *bench) readHistory(ctx context.Context, st *setting, p *past, age string) error {
	for _, r := range p.reads(st.store, rand.New(rand.NewPCG(1, 1))) {
		b.say.begin(kindOf(age + r.key).label)
		h := newHistogram()
		for i := range b.s.reads {
			began := time.Now()
			if err := r.do(ctx); err != nil {
				return fmt.Errorf("%s: %w", kindOf(age+r.key).label, err)
			}
			if i >= b.s.reads/10 { // statements are prepared, caches warm
				record(h, time.Since(began))
			}
		}
		b.report.add(age+r.key, quantile(h, 50))
		b.say.end(fmt.Sprintf("p50 %.2f ms, p99 %.2f ms", quantile(h, 50), quantile(h, 99)))
	}
	return nil
}

// addToHistory measures how fast callbacks become part of the history: accepted first, with nothing else going on, then
// translated, delivered and settled. Rates are medians of several times.
func (b *bench) addToHistory(ctx context.Context, st *setting, age string) error {
	var rounds []*Report
	for range b.s.inserts {
		one := *b
		one.report = &Report{}
		drained, err := one.acknowledgeAndDrain(ctx, st)
		for _, n := range one.report.Notes {
			b.report.note(n)
		}
		if err != nil {
			return err
		}
		rounds = append(rounds, one.report)
		if !drained {
			break // what is left over would be in the way of the next
		}
	}
	values := medians(rounds)
	for figure, key := range map[string]string{historyAccepted: keyAcknowledged, historyAdded: keyDrained, historyCommits: keyDrainCommits, historyLost: keyDrainLost, historyDuplicated: keyDrainDuplicated} {
		if v, ok := values[key]; ok {
			b.report.add(age+figure, v)
		}
	}
	return nil
}
