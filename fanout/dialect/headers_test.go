package dialect_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"

	"wabagate/fanout/dialect"
	"wabagate/fanout/signature"
)

// Whatever the dialect, a stock Standard Webhooks library accepts the delivery.
func TestStandardWebhooksOnEveryDialect(t *testing.T) {
	for _, name := range dialect.Names() {
		for _, secret := range []signature.Secret{signature.NewSecret("my_secret_key_123"), signature.NewRandomSecret()} {
			for _, one := range deliveries(t, mustLookup(t, name), secret, time.Now()) {
				library, err := standardwebhooks.NewWebhook(secret.Text())
				if !strings.HasPrefix(secret.Text(), "whsec_") {
					library, err = standardwebhooks.NewWebhookRaw([]byte(secret.Text()))
				}
				if err != nil {
					t.Fatal(err)
				}
				if err := library.Verify(one.body, one.header); err != nil {
					t.Errorf("%s %s: %v", name, one.name, err)
				}
			}
		}
	}
}

func TestHeaders(t *testing.T) {
	m := signature.Message{ID: "evt_1", Timestamp: noon, Body: []byte(`{}`)}
	own := map[string][]string{
		"wabagate": nil,
		"twabot":   {"X-TwaBot-Signature"},
		"platform": {"X-Webhook-Signature"},
		"awalchat": {"X-Awal-Webhook-Signature", "X-Awal-Webhook-Timestamp"},
		"cloud":    {"X-Hub-Signature-256"},
		"digest":   {"X-Webhook-Signature"},
		"onprem":   nil,
	}
	for _, name := range dialect.Names() {
		d := mustLookup(t, name)
		h := make(http.Header)
		d.Headers(h, m, []signature.Secret{signature.NewSecret("s")})
		for _, header := range append([]string{"webhook-id", "webhook-timestamp", "webhook-signature"}, own[name]...) {
			if h.Get(header) == "" {
				t.Errorf("%s: no %s", name, header)
			}
		}
		if want := 3 + len(own[name]); len(h) != want {
			t.Errorf("%s: %d headers, want %d: %v", name, len(h), want, h)
		}
		if d.SignsOnce() != (len(own[name]) > 0) {
			t.Errorf("%s: signs once: %v", name, d.SignsOnce())
		}
		rotating := make(http.Header)
		d.Headers(rotating, m, []signature.Secret{signature.NewSecret("new"), signature.NewSecret("s")})
		for _, header := range own[name] {
			if rotating.Get(header) != h.Get(header) {
				t.Errorf("%s: %s is not signed with the older secret, which the receiver has", name, header)
			}
		}
		unsigned := make(http.Header)
		d.Headers(unsigned, m, nil)
		if len(unsigned) != 2 || unsigned.Get("webhook-id") != "evt_1" || unsigned.Get("webhook-timestamp") != "1793534400" {
			t.Errorf("%s unsigned: %v", name, unsigned)
		}
	}
}
