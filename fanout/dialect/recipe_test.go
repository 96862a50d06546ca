package dialect_test

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"net/http"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"

	"wabagate/fanout/dialect"
	"wabagate/fanout/signature"
)

// delivery is a request as a receiver's verification sees it, header names in lower case as Node has them.
type delivery struct {
	Body    string            `json:"body"`
	Headers map[string]string `json:"headers"`
	Secret  string            `json:"secret"`

	name   string
	header http.Header
}

// deliveries are all fixtures that a dialect expresses, rendered and signed now.
func deliveries(t *testing.T, d dialect.Dialect) []delivery {
	t.Helper()
	var all []delivery
	for _, secret := range []signature.Secret{signature.NewSecret("my_secret_key_123"), signature.NewRandomSecret()} {
		for _, f := range fixtures(t) {
			body, err := d.Render(nil, f.Event)
			if err != nil {
				continue // TestRender judges that
			}
			h := make(http.Header)
			d.Headers(h, signature.Message{ID: f.ID, Timestamp: time.Now(), Body: body}, []signature.Secret{secret})
			one := delivery{Body: string(body), Headers: make(map[string]string), Secret: secret.Text(), name: f.name, header: h}
			for name := range h {
				one.Headers[strings.ToLower(name)] = h.Get(name)
			}
			all = append(all, one)
		}
	}
	return all
}

// The verification samples of the products' own pages, as their customers run them.
func TestProductRecipes(t *testing.T) {
	for _, c := range []struct {
		dialect, interpreter, script string
		accepts                      bool
	}{
		{"twabot", "node", "twabot.js", true},
		{"twabot", "python3", "twabot.py", false}, // accepts no sender of compact JSON; see the dialect
		{"platform", "node", "platform.js", true},
		{"platform", "python3", "platform.py", true},
		{"awalchat", "node", "awalchat.js", true},
	} {
		t.Run(c.script, func(t *testing.T) {
			program, err := exec.LookPath(c.interpreter)
			if err != nil {
				t.Skipf("%s is not on PATH: the product's sample is not run", c.interpreter)
			}
			genuine := deliveries(t, mustLookup(t, c.dialect))
			forged := deliveries(t, mustLookup(t, c.dialect))
			for i := range forged {
				forged[i].Secret += "x"
			}
			all := append(genuine, forged...)
			in, err := json.Marshal(all)
			if err != nil {
				t.Fatal(err)
			}
			cmd := exec.CommandContext(t.Context(), program, filepath.Join("testdata", "recipes", c.script))
			cmd.Stdin = bytes.NewReader(in)
			var stderr bytes.Buffer
			cmd.Stderr = &stderr
			out, err := cmd.Output()
			if err != nil {
				t.Fatalf("%v\n%s", err, &stderr)
			}
			var verdicts []bool
			if err := json.Unmarshal(out, &verdicts); err != nil || len(verdicts) != len(all) {
				t.Fatalf("%d verdicts for %d deliveries, %v", len(verdicts), len(all), err)
			}
			for i, ok := range verdicts {
				if want := c.accepts && i < len(genuine); ok != want {
					t.Errorf("%s: accepted %v, want %v", all[i].name, ok, want)
				}
			}
		})
	}
}

// TwaBot's PHP sample is hash_hmac over the raw body, which needs no PHP to run.
func TestTwabotPHPRecipe(t *testing.T) {
	for _, one := range deliveries(t, mustLookup(t, "twabot")) {
		mac := hmac.New(sha256.New, []byte(one.Secret))
		mac.Write([]byte(one.Body))
		if hex.EncodeToString(mac.Sum(nil)) != one.Headers["x-twabot-signature"] {
			t.Errorf("%s is refused", one.name)
		}
	}
}

// A receiver written for the platform compares sha256= and the hex HMAC of the raw body.
func TestCloudRecipe(t *testing.T) {
	for _, one := range deliveries(t, mustLookup(t, "cloud")) {
		mac := hmac.New(sha256.New, []byte(one.Secret))
		mac.Write([]byte(one.Body))
		if "sha256="+hex.EncodeToString(mac.Sum(nil)) != one.Headers["x-hub-signature-256"] {
			t.Errorf("%s is refused", one.name)
		}
	}
}

// Whatever the dialect, a stock Standard Webhooks library accepts the delivery.
func TestStandardWebhooksOnEveryDialect(t *testing.T) {
	for _, name := range dialect.Names() {
		for _, one := range deliveries(t, mustLookup(t, name)) {
			library, err := standardwebhooks.NewWebhook(one.Secret)
			if !strings.HasPrefix(one.Secret, "whsec_") {
				library, err = standardwebhooks.NewWebhookRaw([]byte(one.Secret))
			}
			if err != nil {
				t.Fatal(err)
			}
			if err := library.Verify([]byte(one.Body), one.header); err != nil {
				t.Errorf("%s %s: %v", name, one.name, err)
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
		unsigned := make(http.Header)
		d.Headers(unsigned, m, nil)
		if len(unsigned) != 2 || unsigned.Get("webhook-id") != "evt_1" || unsigned.Get("webhook-timestamp") != "1793534400" {
			t.Errorf("%s unsigned: %v", name, unsigned)
		}
	}
}
