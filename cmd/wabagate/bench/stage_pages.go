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
	webhook := fmt.Sprintf("/webhooks/%d", busy.webhook)
	return []view{
		{pageHome, fixed("/"), `class="stat`},
		{pageWebhooks, fixed("/webhooks"), `href="` + webhook + `"`},
		{pageWebhook, fixed(webhook), `href="/deliveries/dlv_`},
		{pageDelivery, func() string { return fmt.Sprintf("/deliveries/dlv_%d_%d", c.eventID(random()), busy.webhook) }, "wamid."},
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
