package doctor

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"sync"
	"time"

	"wabagate/fanout/deliver"
	"wabagate/fanout/dialect"
	"wabagate/models"
)

// hook is a webhook, and what was found on the way to its receiver.
type hook struct {
	models.Webhook
	// Challenged says that its dialect delivers nothing until the address has answered a challenge.
	Challenged bool
	Refused    error // what the guard has against its URL
	Unresolved error // why its host's name has no address
	// TLS is why no encrypted connection was made; Expires is until when its certificate is valid. Zero: not tried, or fine.
	TLS     error
	Expires time.Time
	// Unreached is why no connection was made at all.
	Unreached error
	// Client is what speaks against its client certificate; empty: nothing.
	Client string
}

// How many webhooks are tried, and how many at once. What is more is counted.
const (
	hooksTried  = 1000
	hooksAtOnce = 64
)

// lookAtWebhooks tries the way to every webhook's receiver, without posting anything.
func (d *doctor) lookAtWebhooks(ctx context.Context) {
	hooks, err := d.webhooks(ctx)
	if err != nil {
		d.say(wrong("webhooks", "cannot be read: "+err.Error(), "look at the database and the master key first"))
		return
	}
	dial := deliver.NewTransport(d.guard, deliver.Options{Proxy: d.Proxy}, 1)
	defer dial.CloseIdleConnections()
	var wg sync.WaitGroup
	turns := make(chan struct{}, hooksAtOnce)
	for i := range hooks[:min(len(hooks), hooksTried)] {
		turns <- struct{}{}
		wg.Go(func() {
			defer func() { <-turns }()
			d.tryHook(ctx, dial, &hooks[i])
		})
	}
	wg.Wait()
	found := 0
	for _, h := range hooks {
		fs := judgeHook(h, d.store.Now())
		found += len(fs)
		d.say(fs...)
	}
	if found == 0 {
		d.say(fine("webhooks", "%s, none of which speaks against being delivered to", plural(len(hooks), "webhook", "webhooks")))
	}
	if len(hooks) > hooksTried {
		d.say(warning("webhooks", fmt.Sprintf("the way to %d of %d was not tried", len(hooks)-hooksTried, len(hooks)), "their pages show how their deliveries end"))
	}
}

// webhooks are those of every business.
func (d *doctor) webhooks(ctx context.Context) ([]hook, error) {
	businesses, err := d.store.Businesses(ctx)
	if err != nil {
		return nil, err
	}
	var hooks []hook
	for _, b := range businesses {
		ws, err := d.store.Webhooks(ctx, b.ID, 0, 0)
		if err != nil {
			return nil, err
		}
		for _, w := range ws {
			speaks, ok := dialect.Lookup(w.Dialect)
			hooks = append(hooks, hook{Webhook: w, Challenged: ok && speaks.Manners.Challenge})
		}
	}
	return hooks, nil
}

// tryHook goes as far as the encrypted connection. One that its owner switched off is left alone.
func (d *doctor) tryHook(ctx context.Context, way *http.Transport, h *hook) {
	if !h.Active && h.DisabledBy == models.ByOwner {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, 6*time.Second)
	defer cancel()
	if c := h.Auth; c.Certificate != "" {
		if pair, err := deliver.ParseCertificate(c.Certificate, c.Key.Text()); err != nil {
			h.Client = err.Error()
		} else if h.Client = deliver.CertificateWarning(pair, d.Now()); h.Client == "" {
			h.Client = deliver.CertificateWarning(pair, d.Now().Add(certificateSoon))
		}
	}
	u, err := url.Parse(h.URL)
	if err != nil {
		h.Refused = errors.New("is no address")
		return
	}
	if h.Refused = d.guard.CheckURL(ctx, h.URL); h.Refused != nil {
		return
	}
	if _, h.Unresolved = d.addresses(ctx, u.Hostname()); h.Unresolved != nil {
		return
	}
	port := u.Port()
	if port == "" {
		port = map[string]string{"http": "80", "https": "443"}[u.Scheme]
	}
	conn, err := way.DialContext(ctx, "tcp", net.JoinHostPort(u.Hostname(), port))
	if err != nil {
		h.Unreached = err
		return
	}
	defer func() { _ = conn.Close() }()
	if u.Scheme != "https" {
		return
	}
	secure := tls.Client(conn, &tls.Config{ServerName: u.Hostname(), RootCAs: d.Roots, MinVersion: tls.VersionTLS12, Time: d.Now})
	if h.TLS = secure.HandshakeContext(ctx); h.TLS == nil {
		h.Expires = secure.ConnectionState().PeerCertificates[0].NotAfter
	}
}

// certificateSoon is how long before its end a certificate is talked about.
const certificateSoon = 14 * 24 * time.Hour

// failingLong is how long a webhook fails before it is more than a bad hour.
const failingLong = 24 * time.Hour

// judgeHook says why deliveries to a webhook fail, or will. Nil: nothing speaks against it.
func judgeHook(h hook, now time.Time) []Finding {
	check := fmt.Sprintf("webhook %d", h.ID)
	name := fmt.Sprintf("%.60q ", h.Name)
	if !h.Active {
		switch h.DisabledBy {
		case models.ByReceiver:
			return []Finding{warning(check, name+"was switched off "+since(h.DisabledAt, now)+" ago: its receiver answered 410", "ask its owner; switched on again, it can catch up")}
		case models.ByFailures:
			return []Finding{warning(check, name+"was switched off "+since(h.DisabledAt, now)+" ago, after days of failures: "+quoted(h.DisabledReason), "ask its owner; it heals by itself once its receiver takes what is tried once an hour")}
		}
		return nil
	}
	var fs []Finding
	certificate := (*tls.CertificateVerificationError)(nil)
	switch {
	case h.Refused != nil:
		fs = append(fs, wrong(check, name+"cannot be delivered to: its URL "+h.Refused.Error(), "let its owner change the URL, or allow the address in WABAGATE_ALLOW_PRIVATE"))
	case h.Unresolved != nil:
		fs = append(fs, wrong(check, name+"has a host name that does not resolve: "+h.Unresolved.Error(), "let its owner correct the URL, or the name's records"))
	case h.Unreached != nil:
		fs = append(fs, warning(check, name+"is not reached: "+cause(h.Unreached), "let its owner start the receiver; look at the network policies of the workers' own side, too"))
	case errors.As(h.TLS, &certificate):
		fs = append(fs, wrong(check, name+"has a certificate that is refused: "+certificate.Err.Error(), "let its owner renew the certificate, with its whole chain"))
	case h.TLS != nil:
		fs = append(fs, warning(check, name+"makes no encrypted connection: "+h.TLS.Error(), "let its owner offer TLS 1.2 or newer at that port"))
	case !h.Expires.IsZero() && h.Expires.Sub(now) < certificateSoon:
		fs = append(fs, warning(check, name+"has a certificate that expires on "+h.Expires.UTC().Format(time.DateOnly), "let its owner renew it"))
	}
	if h.Client != "" {
		fs = append(fs, warning(check, name+"shows a client certificate that is or will soon be refused: "+h.Client, "let its owner give it another"))
	}
	if h.Challenged && !h.Verified {
		fs = append(fs, wrong(check, name+"gets nothing: its receiver has not answered its dialect's challenge", "POST /api/client/webhooks/"+fmt.Sprint(h.ID)+"/verify tries again, and says what is missing"))
	}
	if failing := h.Health.FailingSince; !failing.IsZero() && now.Sub(failing) >= failingLong {
		percent, _ := h.Health.Disabling(now)
		fs = append(fs, warning(check, fmt.Sprintf("%shas failed for %s without one success, %d %% of the way to being switched off", name, since(failing, now), percent), "its page shows what its receiver answers; its owner has been told by webhook.failing"))
	}
	return fs
}
