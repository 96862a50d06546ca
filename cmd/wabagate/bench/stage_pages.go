package bench

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"time"

	"wabagate/fanout/event"
)

// pages measures the pages of the dashboard, as the owner of the busy business sees them.
func (b *bench) pages(ctx context.Context) (err error) {
	st, p, err := b.prepareHistory(ctx)
	if err != nil {
		return err
	}
	defer st.close()
	if err := b.fill(ctx, st, p, 0, int64(b.o.Pages)); err != nil {
		return fmt.Errorf("fill: %w", err)
	}
	g, err := b.serve(ctx, "pages", st, "api")
	if err != nil {
		return err
	}
	defer g.ending(&err)
	v, err := enter(ctx, g.base, st.single)
	if err != nil {
		return fmt.Errorf("log in: %w", err)
	}
	defer v.client.CloseIdleConnections()
	prefix := pagesFew
	if b.o.Pages > fewPages {
		prefix = pagesMany
	}
	for _, page := range p.views(rand.New(rand.NewPCG(1, 1))) {
		b.say.begin("page: " + kindOf(prefix+page.key).label)
		h := newHistogram()
		for i := range b.s.views {
			took, err := v.load(ctx, page)
			if err != nil {
				return fmt.Errorf("%s: %w", kindOf(prefix+page.key).label, err)
			}
			if i >= b.s.views/10 { // statements are prepared, caches warm
				record(h, took)
			}
		}
		b.report.add(prefix+page.key, quantile(h, 95))
		b.say.end(fmt.Sprintf("p50 %.1f ms, p95 %.1f ms, p99 %.1f ms", quantile(h, 50), quantile(h, 95), quantile(h, 99)))
	}
	return nil
}

// view is a page. What it shows is in it: a page without that was not worth measuring.
type view struct {
	key   string
	path  func() string
	shows string
}

// views are pages about what the busy tenant has, each time about something else.
func (p *past) views(rng *rand.Rand) []view {
	c, busy := p.chapters[len(p.chapters)-1], p.tenants[0]
	random, _ := p.draws(rng)
	fixed := func(path string) func() string { return func() string { return path } }
	person := func() int64 { return c.personOf(random()) }
	const delivery = `href="/deliveries/dlv_`
	number := fmt.Sprintf("/numbers/%d", busy.number)
	webhook := fmt.Sprintf("/webhooks/%d", busy.webhook)
	return []view{
		{pageHome, fixed("/"), `class="card stat`},
		{pageWebhooks, fixed("/webhooks"), `href="` + webhook + `"`},
		{pageWebhook, fixed(webhook), delivery},
		{pageDeliveries, func() string {
			return fmt.Sprintf("%s/deliveries?cursor=%d", webhook, c.eventID(max(c.n/20, random())))
		}, delivery},
		{pageDeliveriesFailed, fixed(webhook + "/deliveries?status=failed"), delivery},
		{pageReplay, func() string {
			return webhook + "/replay?status=failed&since=" + time.Now().UTC().Add(-24*time.Hour).Format("2006-01-02T15:04")
		}, `id="count"`},
		{pageDelivery, func() string { return fmt.Sprintf("/deliveries/dlv_%d_%d", c.eventID(random()), busy.webhook) }, "wamid."},
		{pageMessages, fixed("/messages"), delivery},
		{pageMessagesFailed, fixed("/messages?status=failed&event=message.report"), delivery},
		{pageMessagesPhone, func() string { return "/messages?q=" + waID(person()) }, delivery},
		{pageMessagesWamid, func() string { return "/messages?q=" + c.wamid(random()) }, delivery},
		{pageLive, fixed("/live"), `href="/events/`},
		{pageEvent, func() string { return "/events/" + event.Key(c.key(random())).EventID() }, delivery},
		{pageTimeline, func() string { return "/timeline/" + c.wamid(random()) }, `id="timeline"`},
		{pageBroadcasts, fixed("/broadcasts"), "Spring"},
		{pageBroadcast, fixed("/broadcasts/1"), "Spring"},
		{pageUsage, fixed("/usage"), busy.phone},
		{pageConversations, fixed("/conversations"), `href="/conversations/`},
		{pageConversationsFound, func() string { return "/conversations?search=" + waID(person()) }, `href="/conversations/`},
		{pageThread, func() string { return fmt.Sprintf("/conversations/%d", person()) }, "Could you send a new cup"},
		{pageContacts, fixed("/contacts"), `href="/contacts/`},
		{pageContactsFound, func() string { return "/contacts?search=" + waID(person()) }, `href="/contacts/`},
		{pageContact, func() string { return fmt.Sprintf("/contacts/%d", person()) }, "Customer "},
		{pageOrders, fixed("/orders"), `href="/orders/`},
		{pageForms, fixed("/forms"), `id="main"`},
		{pageNumbers, fixed("/numbers"), number},
		{pageNumber, fixed(number), busy.phoneNumberID},
		{pageReport, fixed(number + "/report"), busy.phone},
		{pageTeam, fixed("/team"), "bench0@example.com"},
		{pageAudit, fixed("/team/audit"), "Receiver"},
	}
}

// visitor is a browser that is logged in.
type visitor struct {
	client *http.Client
	base   string
}

// enter logs the owner of a business in.
func enter(ctx context.Context, base string, bz business) (*visitor, error) {
	jar, err := cookiejar.New(nil)
	if err != nil {
		return nil, err
	}
	v := &visitor{&http.Client{Jar: jar, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}, base}
	form := url.Values{"email": {bz.email}, "password": {bz.password}, "next": {"/"}}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, base+"/login", bytes.NewBufferString(form.Encode()))
	if err != nil {
		return nil, err
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	res, err := v.client.Do(req)
	if err != nil {
		return nil, err
	}
	if err := res.Body.Close(); err != nil {
		return nil, err
	}
	if res.StatusCode != http.StatusSeeOther {
		return nil, fmt.Errorf("the answer was %d", res.StatusCode)
	}
	return v, nil
}

// load answers how long a page took, to its last byte. One that does not show what it should is an error.
func (v *visitor) load(ctx context.Context, page view) (time.Duration, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, v.base+page.path(), nil)
	if err != nil {
		return 0, err
	}
	began := time.Now()
	res, err := v.client.Do(req)
	if err != nil {
		return 0, err
	}
	body, err := io.ReadAll(res.Body)
	took := time.Since(began)
	if err = errors.Join(err, res.Body.Close()); err != nil {
		return 0, err
	}
	if res.StatusCode != http.StatusOK || !bytes.Contains(body, []byte(page.shows)) {
		return 0, fmt.Errorf("%s was answered %d and did not show %s", req.URL.RequestURI(), res.StatusCode, page.shows)
	}
	return took, nil
}
