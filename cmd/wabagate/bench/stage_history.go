package bench

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"strconv"
	"time"

	"github.com/dustin/go-humanize"
	"github.com/jackc/pgx/v5"

	"wabagate/fanout/event"
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

// productionPostgres are the settings of a PostgreSQL that a history grows on, which a production server has: a quarter of
// the memory is its own, as its manual advises.
func productionPostgres(memory uint64) map[string]string {
	return map[string]string{"shared_buffers": strconv.FormatUint(max(memory/4>>20, 128), 10) + "MB", "max_wal_size": "8GB", "wal_compression": "on", "full_page_writes": "on", "fsync": "on", "synchronous_commit": "on"}
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
	if err != nil {
		return err
	}
	b.say.end("done")
	b.say.begin("read what is recent")
	if err := st.warm(ctx); err != nil {
		b.report.note("the recent days are not in memory, which they would be in a server that wrote them as they passed: " + err.Error())
		b.say.end("not possible")
		return ctx.Err()
	}
	b.say.end("done")
	return nil
}

// warmDays are the days that are in memory before the history is read: nearly all of what is asked for (see askedAge).
const warmDays = 5

// warm brings the recent days into the memory of PostgreSQL, the newest last. A server that has run for a month has them
// there, because it wrote them lately; this one has written and vacuumed all of its month in minutes.
func (st *setting) warm(ctx context.Context) error {
	conn, err := pgx.Connect(ctx, st.databaseURL)
	if err != nil {
		return err
	}
	defer func() { _ = conn.Close(context.WithoutCancel(ctx)) }()
	if _, err := conn.Exec(ctx, "CREATE EXTENSION IF NOT EXISTS pg_prewarm"); err != nil {
		return err
	}
	_, err = conn.Exec(ctx, `WITH leaf AS (SELECT c.oid, right(c.relname, 8) AS day FROM pg_class c JOIN pg_inherits h ON h.inhrelid = c.oid
			WHERE c.relkind = 'r' AND c.relname ~ '_[0-9]{8}$' AND to_date(right(c.relname, 8), 'YYYYMMDD') BETWEEN current_date - $1::int AND current_date)
		SELECT sum(pg_prewarm(r.oid::regclass)) FROM (SELECT oid, day FROM leaf UNION ALL SELECT i.indexrelid, day FROM leaf JOIN pg_index i ON i.indrelid = leaf.oid
			ORDER BY day) AS r`, warmDays)
	return err
}

// read is a question to the gateway, as a program of the business asks it. What it finds is under a name in the answer: an
// answer without it was not worth measuring.
type read struct {
	key   string
	path  func() string
	under string // "": the answer is one thing
	seen  func(answer []byte)
}

// askedAge is how old what people ask for is on average: they ask for what went wrong today and yesterday, sometimes for
// what was said last week, and seldom for more.
const askedAge = 2 * 24 * time.Hour

// draws answers with events of the busy tenant in the newest chapter: those of askedAge on average, and those of any day.
func (p *past) draws(rng *rand.Rand) (random, anyDay func() int64) {
	c := p.chapters[len(p.chapters)-1]
	own := func(draw func() int64) func() int64 { // an event of the busy tenant
		return func() int64 {
			for {
				if k := draw(); k >= 0 && tenantOf(c.personOf(k), len(p.tenants)) == 0 {
					return k
				}
			}
		}
	}
	anyDay = own(func() int64 { return rng.Int64N(c.n) })
	random = own(func() int64 {
		age := rng.ExpFloat64() * float64(askedAge.Milliseconds())
		return c.n - 1 - int64(age*float64(c.n)/float64(pastSpan))
	})
	return random, anyDay
}

// reads ask for what the busy tenant has, each time for something else.
func (p *past) reads(rng *rand.Rand) []read {
	c, busy := p.chapters[len(p.chapters)-1], p.tenants[0]
	random, anyDay := p.draws(rng)
	list := func(key string, query func() string) read {
		return read{key: key, path: func() string { return fmt.Sprintf("webhooks/%d/deliveries%s", busy.webhook, query()) }, under: "deliveries"}
	}
	events := func(key string, query func() string) read {
		return read{key: key, path: func() string { return "events?" + query() }, under: "events"}
	}
	place := "" // each page goes on where the one before ended
	follow := func(answer []byte) {
		var page struct {
			Next string `json:"next_cursor"`
			More bool   `json:"has_more"`
		}
		if err := json.Unmarshal(answer, &page); err != nil || !page.More {
			page.Next = ""
		}
		place = page.Next
	}
	eventID := func(k int64) string { return event.Key(c.key(k)).EventID() }
	return []read{
		list(readList, func() string { return "" }),
		list(readListLater, func() string { return fmt.Sprint("?cursor=", c.eventID(max(c.n/20, random()))) }),
		list(readListFailed, func() string { return "?status=failed" }),
		list(readListType, func() string { return "?event=message.received" }),
		list(readListDay, func() string {
			from := time.Now().Add(-time.Duration(2+rng.IntN(pastDays-3)) * 24 * time.Hour).UTC()
			return "?from=" + from.Format(time.RFC3339) + "&to=" + from.Add(24*time.Hour).Format(time.RFC3339)
		}),
		{key: readDelivery, path: func() string { return fmt.Sprintf("deliveries/dlv_%d_%d", c.eventID(random()), busy.webhook) }},
		{key: readEvent, path: func() string { return "events/" + eventID(random()) }},
		{key: readContact, path: func() string { return "contacts?search=" + waID(c.personOf(random())) }, under: "contacts"},
		{key: readThread, path: func() string { return fmt.Sprintf("conversations/%d/messages", c.personOf(random())) }, under: "messages"},
		events(readPhone, func() string { return "limit=20&phone=" + waID(c.personOf(random())) }),
		events(readWamid, func() string { return "wamid=" + c.wamid(random()) }),
		events(readKey, func() string { return "event_id=" + eventID(random()) }),
		{key: readFeed, path: func() string { return "events?after=" + place }, under: "events", seen: follow},
		{key: readTimeline, path: func() string { return "timeline/" + c.wamid(random()) }, under: "steps"},
		events(readWamidAny, func() string { return "wamid=" + c.wamid(anyDay()) }),
		events(readKeyAny, func() string { return "event_id=" + eventID(anyDay()) }),
		{key: readTimelineAny, path: func() string { return "timeline/" + c.wamid(anyDay()) }, under: "steps"},
	}
}

// asking is a program of the busy tenant.
type asking struct {
	client    *http.Client
	base, key string
}

// ask answers how long a question took. Nothing found is an error.
func (a *asking) ask(ctx context.Context, r read) (time.Duration, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, a.base+"/api/client/"+r.path(), nil)
	if err != nil {
		return 0, err
	}
	req.Header.Set("Authorization", "Bearer "+a.key)
	began := time.Now()
	res, err := a.client.Do(req)
	if err != nil {
		return 0, err
	}
	body, err := io.ReadAll(res.Body)
	took := time.Since(began)
	if err = errors.Join(err, res.Body.Close()); err != nil {
		return 0, err
	}
	if res.StatusCode != http.StatusOK || r.under != "" && !bytes.Contains(body, []byte(`"`+r.under+`":[{`)) {
		return 0, fmt.Errorf("%s was answered %d and nothing was found: %.200s", req.URL.Path, res.StatusCode, body)
	}
	if r.seen != nil {
		r.seen(body)
	}
	return took, nil
}

// readHistory measures each read by its median, so that neither a checkpoint nor a neighbour counts.
func (b *bench) readHistory(ctx context.Context, st *setting, p *past, age string) (err error) {
	g, err := b.serve(ctx, "read", st, "api")
	if err != nil {
		return err
	}
	defer g.ending(&err)
	a := asking{&http.Client{}, g.base, st.single.key}
	defer a.client.CloseIdleConnections()
	for _, r := range p.reads(rand.New(rand.NewPCG(1, 1))) {
		b.say.begin(kindOf(age + r.key).label)
		h := newHistogram()
		for i := range b.s.reads {
			took, err := a.ask(ctx, r)
			if err != nil {
				return fmt.Errorf("%s: %w", kindOf(age+r.key).label, err)
			}
			if i >= b.s.reads/10 { // statements are prepared, caches warm
				record(h, took)
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
