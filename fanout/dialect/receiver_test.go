package dialect_test

import (
	"bytes"
	"errors"
	"io"
	"net/http"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"wabagate/fanout/dialect"
	"wabagate/fanout/event"
	"wabagate/fanout/fanouttest"
	"wabagate/fanout/signature"
)

// delivery is what is posted to a receiver.
type delivery struct {
	name string
	event.Event
	header http.Header
	body   []byte
}

// deliveries are all fixtures that a dialect has a form for, rendered and signed.
func deliveries(t testing.TB, d dialect.Dialect, secret signature.Secret, now time.Time) []delivery {
	t.Helper()
	var all []delivery
	for _, f := range fixtures(t) {
		body, err := d.Render(nil, f.Event)
		if errors.Is(err, dialect.ErrNoShape) {
			continue
		}
		if err != nil {
			t.Fatal(err)
		}
		h := http.Header{"Content-Type": {"application/json"}}
		d.Headers(h, signature.Message{ID: f.ID, Timestamp: now, Body: body}, []signature.Secret{secret})
		all = append(all, delivery{f.Name, f.Event, h, body})
	}
	return all
}

// The events that the products' pages name, on the wire. Receivers take the others and do nothing about them.
var pageEvents = map[string][]string{
	"twabot":   {"message.received", "message.sent", "conversation.created", "broadcast.completed", "ai.replied"},
	"platform": {"message.incoming", "message.report", "form.submitted"},
	"awalchat": {"message.received", "message.status.updated", "conversation.created", "conversation.updated", "order.created",
		"order.status.updated", "contact.created", "contact.updated"},
	"digest": {"message.received"},
}

// Receivers written from the products' own pages, with the pages' own verification samples, run for real. They accept
// and understand every event, and refuse what is forged.
func TestReceivers(t *testing.T) {
	text, random := signature.NewSecret("my_secret_key_123"), signature.NewRandomSecret()
	for _, c := range []struct {
		dialect string
		command []string
		secret  signature.Secret
	}{
		{"twabot", []string{"node", "twabot.js"}, text},
		{"twabot", []string{"python3", "twabot.py"}, random},
		{"twabot", []string{"php", "-S", "127.0.0.1:0", "twabot.php"}, text},
		{"platform", []string{"node", "platform.js"}, random},
		{"platform", []string{"python3", "platform.py"}, random},
		{"awalchat", []string{"node", "awalchat.js"}, random},
		{"digest", []string{"node", "digest.js"}, random},
		{"cloud", []string{"python3", "cloud.py"}, text},
		{"onprem", []string{"python3", "onprem.py"}, text},
	} {
		t.Run(c.command[len(c.command)-1], func(t *testing.T) {
			d := mustLookup(t, c.dialect)
			url := startReceiver(t, c.secret, c.command...)
			all := deliveries(t, d, c.secret, time.Now())
			for _, one := range all {
				status, said := post(t, url, one.header, one.body)
				if one.name == half && c.command[0] == "php" {
					// json_decode takes no half of a surrogate pair, whoever sends it. The signature is right all the same.
					if status != http.StatusInternalServerError {
						t.Errorf("%s: %d %s; PHP has learned it", one.name, status, said)
					}
					continue
				}
				if !d.Manners.Success(status) {
					t.Errorf("%s: %d %s", one.name, status, said)
				} else if want := understood(d, one); !strings.HasPrefix(said, want) || strings.HasSuffix(said, "not handled") != strings.HasSuffix(want, "not handled") {
					t.Errorf("%s: understood as %q, want %q", one.name, said, want)
				}
			}
			if c.dialect == "onprem" {
				return // it has no signature to forge
			}
			stranger := deliveries(t, d, signature.NewSecret("my_secret_key_124"), time.Now())
			for i, one := range all {
				other := all[(i+1)%len(all)]
				if status, said := post(t, url, stranger[i].header, one.body); status != http.StatusUnauthorized {
					t.Errorf("%s with another's signature: %d %s", one.name, status, said)
				}
				if status, said := post(t, url, one.header, other.body); status != http.StatusUnauthorized && !bytes.Equal(one.body, other.body) {
					t.Errorf("%s with the signature of %s: %d %s", other.name, one.name, status, said)
				}
			}
		})
	}
}

// understood is how a receiver begins its answer to a delivery that it took in.
func understood(d dialect.Dialect, one delivery) string {
	name := d.EventName(one.Type)
	switch {
	case d.Name == "onprem":
		return ""
	case d.Name == "cloud":
		return name
	case slices.Contains(pageEvents[d.Name], name):
		return name + ": "
	}
	return name + ": not handled"
}

// TwaBot's Python sample hashes what json.dumps writes, with a space after each comma and colon. It refuses every sender
// whose bytes the Node sample accepts; see the dialect.
func TestTwabotPythonSampleRefusesCompactJSON(t *testing.T) {
	secret := signature.NewRandomSecret()
	url := startReceiver(t, secret, "python3", "twabot.py", "sample")
	for _, one := range deliveries(t, mustLookup(t, "twabot"), secret, time.Now()) {
		if status, said := post(t, url, one.header, one.body); status != http.StatusUnauthorized {
			t.Errorf("%s: %d %s", one.name, status, said)
		}
	}
}

func TestAwalchatReceiverManners(t *testing.T) {
	secret := signature.NewRandomSecret()
	url := startReceiver(t, secret, "node", "awalchat.js")
	old := deliveries(t, mustLookup(t, "awalchat"), secret, time.Now().Add(-6*time.Minute))[0]
	if status, said := post(t, url, old.header, old.body); status != http.StatusUnauthorized {
		t.Errorf("from six minutes ago: %d %s", status, said)
	}
	status, said := post(t, url, http.Header{}, []byte(`{"type":"verification","challenge":"abc123"}`))
	if status != http.StatusOK || said != `{"challenge":"abc123"}` {
		t.Errorf("the challenge: %d %s", status, said)
	}
}

// startReceiver runs a receiver of testdata/receivers until the test ends and returns its address.
func startReceiver(t *testing.T, secret signature.Secret, command ...string) string {
	t.Helper()
	return fanouttest.Program(t, filepath.Join("testdata", "receivers"), secret.Text(), command...)
}

func post(t *testing.T, url string, header http.Header, body []byte) (status int, said string) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, url, bytes.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	req.Header = header.Clone()
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	answer, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode, string(answer)
}
