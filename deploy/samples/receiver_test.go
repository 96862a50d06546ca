package samples_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"wabagate/fanout/check"
	"wabagate/fanout/deliver"
	"wabagate/fanout/dialect"
	"wabagate/fanout/event"
	"wabagate/fanout/fanouttest"
	"wabagate/fanout/signature"
)

// soon is how long a receiver may take to handle what it has taken.
const soon = 20 * time.Second

// hello is text that careless programs spoil.
const hello = "مرحبا 👋🏽 é"

// Each sample, in a process of its own.
func TestReceivers(t *testing.T) {
	g := startGateway(t)
	for _, l := range languages {
		t.Run(l.name, func(t *testing.T) {
			t.Parallel()
			l.need(t)
			m := l.make(t)
			secret := signature.NewRandomSecret()
			r := one{m.start(t, secret.Text()), secret}
			t.Run("takes every dialect", r.takesEveryDialect)
			t.Run("gets an A", r.getsAnA)
			t.Run("refuses", r.refuses)
			t.Run("rotation", r.rotation)
			t.Run("once", r.once)
			t.Run("handles every type", r.handlesEveryType)
			t.Run("any letters", r.anyLetters)
			t.Run("large", r.large)
			t.Run("challenge", r.challenge)
			t.Run("real deliveries", func(t *testing.T) { g.deliversTo(t, r) })
			t.Run("other secrets", func(t *testing.T) { otherSecrets(t, m) })
			t.Run("no secret", func(t *testing.T) { noSecret(t, m) })
		})
	}
}

// one is a running sample and its secret.
type one struct {
	*fanouttest.Running
	secret signature.Secret
}

// address is where webhooks of a dialect are pointed.
func (r one) address(name string) string {
	if name == dialect.Default || name == "onprem" { // these have no signature but that of Standard Webhooks
		return r.URL
	}
	return r.URL + "/" + name
}

func must(t *testing.T, name string) dialect.Dialect {
	t.Helper()
	d, ok := dialect.Lookup(name)
	require.True(t, ok, name)
	return d
}

// message is what a customer wrote, as an event that no other is.
func message(t *testing.T, text string) event.Event {
	t.Helper()
	e, err := event.Sample(event.MessageReceived, time.Now())
	require.NoError(t, err)
	d, err := e.Decode()
	require.NoError(t, err)
	d.Message.Text = text
	d.Message.Content, err = json.Marshal(map[string]string{"body": text})
	require.NoError(t, err)
	key, _ := event.ParseID(e.ID)
	e, err = event.New(key, e.Type, d, e.Upstream, e.CreatedAt)
	require.NoError(t, err)
	return e
}

// sign makes the headers of a delivery.
func sign(t *testing.T, name, id string, at time.Time, body []byte, secrets ...signature.Secret) http.Header {
	t.Helper()
	h := http.Header{"Content-Type": {"application/json"}}
	must(t, name).Headers(h, signature.Message{ID: id, Timestamp: at, Body: body}, secrets)
	return h
}

// post sends a request and returns what came back.
func post(t *testing.T, url string, h http.Header, body []byte) (status int, said string) {
	t.Helper()
	status, said, err := try(t, url, h, body)
	require.NoError(t, err)
	return status, said
}

func try(t *testing.T, url string, h http.Header, body []byte) (status int, said string, err error) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, url, bytes.NewReader(body))
	require.NoError(t, err)
	req.Header = h
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return 0, "", err
	}
	defer res.Body.Close()
	b, err := io.ReadAll(res.Body)
	return res.StatusCode, strings.TrimSpace(string(b)), err
}

// takes requires that a body of the default dialect is taken as new, and returns its id.
func (r one) takes(t *testing.T, body []byte) string {
	t.Helper()
	id := fmt.Sprintf("evt_%d", time.Now().UnixNano())
	status, said := post(t, r.URL, sign(t, dialect.Default, id, time.Now(), body, r.secret), body)
	require.Equal(t, http.StatusOK, status, said)
	require.Equal(t, "taken", said)
	return id
}

func (r one) takesEveryDialect(t *testing.T) {
	for _, name := range dialect.Names() {
		e := message(t, hello)
		body, err := must(t, name).Render(nil, e)
		require.NoError(t, err)
		status, said := post(t, r.address(name), sign(t, name, e.ID, time.Now(), body, r.secret), body)
		require.Equal(t, http.StatusOK, status, "%s: %s", name, said)
		require.Equal(t, "taken", said, name)
		r.WaitPrinted(t, e.ID, soon)
		// Every dialect's deliveries verify by Standard Webhooks too.
		status, said = post(t, r.URL, sign(t, name, e.ID, time.Now(), body, r.secret), body)
		require.Equal(t, http.StatusOK, status, "%s: %s", name, said)
		require.Equal(t, "had it already", said, name)
	}
}

// The receiver check of the product, which forges, respells, repeats, swells and crowds.
func (r one) getsAnA(t *testing.T) {
	client := deliver.NewClient(deliver.NewGuard(deliver.Allowed{Prefixes: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}}, false), deliver.Options{})
	defer client.Close()
	for _, name := range dialect.Names() {
		report, err := check.Run(t.Context(), client, check.Receiver{BusinessID: 1, URL: r.address(name), Dialect: must(t, name),
			Secrets: []signature.Secret{r.secret}, Header: http.Header{"Content-Type": {"application/json"}}, Timeout: 30 * time.Second}, time.Now, nil)
		require.NoError(t, err)
		for _, f := range report.Findings {
			// How fast it answers says nothing here, where several languages share a processor with other tests.
			if f.Check != check.Latency && f.Result != check.Passed && f.Result != check.Skipped {
				t.Errorf("%s: %s: %s. %s %s", name, f.Check, f.Result, f.Answered, f.Change)
			}
		}
		if report.Latency.Max < 1000 && report.Grade != check.A {
			t.Errorf("%s: grade %s: %s", name, report.Grade, report.Summary)
		}
	}
}

// While a secret is changed the receiver has the old one or the new.
func (r one) rotation(t *testing.T) {
	other := signature.NewRandomSecret()
	for _, secrets := range [][]signature.Secret{{r.secret, other}, {other, r.secret}} {
		e := message(t, hello)
		body, err := must(t, dialect.Default).Render(nil, e)
		require.NoError(t, err)
		h := sign(t, dialect.Default, e.ID, time.Now(), body, secrets...)
		require.Contains(t, h.Get("webhook-signature"), " ")
		status, said := post(t, r.URL, h, body)
		require.Equal(t, http.StatusOK, status, said)
		require.Equal(t, "taken", said)
	}
	for _, name := range []string{"twabot", "platform", "digest", "awalchat", "cloud"} { // these sign with the old one alone
		e := message(t, hello)
		body, err := must(t, name).Render(nil, e)
		require.NoError(t, err)
		status, said := post(t, r.address(name), sign(t, name, e.ID, time.Now(), body, other, r.secret), body)
		require.Equal(t, http.StatusOK, status, "%s: %s", name, said)
	}
}

// The same event, several times at once and afterwards, is handled once.
func (r one) once(t *testing.T) {
	e := message(t, "once")
	body, err := must(t, dialect.Default).Render(nil, e)
	require.NoError(t, err)
	h := sign(t, dialect.Default, e.ID, time.Now(), body, r.secret)
	var group sync.WaitGroup
	said := make([]string, 6)
	for i := range said {
		group.Go(func() {
			status, text, err := try(t, r.URL, h.Clone(), body)
			said[i] = fmt.Sprint(status, " ", text, " ", err)
		})
	}
	group.Wait()
	taken := 0
	for _, s := range said {
		if s != "200 had it already <nil>" {
			require.Equal(t, "200 taken <nil>", s)
			taken++
		}
	}
	require.Equal(t, 1, taken)
	h.Set("X-Wabagate-Skipped", "15,16") // a header of a later attempt; nobody signs it
	_, again := post(t, r.URL, h, body)
	require.Equal(t, "had it already", again)

	h = sign(t, dialect.Default, "evt_after_"+e.ID, time.Now(), body, r.secret)
	h.Set("X-Wabagate-Skipped", "15,16")
	_, next := post(t, r.URL, h, body)
	require.Equal(t, "taken", next)
	r.WaitPrinted(t, `wrote "once", before 15,16`, soon)
	require.Equal(t, 1, strings.Count(r.Printed(), "message.received "+e.ID), "handled once")
}

// Whatever is sent is understood, or at least does no harm.
func (r one) handlesEveryType(t *testing.T) {
	all := event.Samples(time.Now())
	for _, e := range all {
		body, err := must(t, dialect.Default).Render(nil, e.Event)
		require.NoError(t, err)
		h := sign(t, dialect.Default, e.ID, time.Now(), body, r.secret)
		h.Set(check.TestHeader, "sample")
		status, said := post(t, r.URL, h, body)
		require.Equal(t, http.StatusOK, status, "%s: %s", e.Name, said)
		require.Equal(t, "taken", said, e.Name)
	}
	deep := strings.Repeat("[", 10_000) // no deeper: Go's own reader, and so the gateway, takes no more
	for _, body := range []string{`{"half":"\ud83d"}`, `{"type":"message.received"}`, `[]`, `"x"`, `null`, `no JSON`, deep} {
		r.takes(t, []byte(body)) // signed by us, whatever it is: sending it again would change nothing
	}
	r.WaitPrinted(t, r.takes(t, []byte(`{"type":"end.of.all","data":{}}`)), soon) // it is alive
	printed := r.Printed()
	for _, e := range all {
		if want := e.Type + " " + e.ID; strings.Count(printed, want) != 1 || strings.Contains(printed, e.ID+" failed") {
			t.Errorf("%s is not handled", e.Name)
		}
	}
	for _, want := range []string{`: 15550177321 wrote "Hi! Is my order 1042 on its way? 🙏" (a test)`, " is delivered (a test)", ": 1250 SAR (a test)"} {
		require.Contains(t, printed, want)
	}
}

func (r one) anyLetters(t *testing.T) {
	for i, text := range []string{hello, "日本語", "שלום", "a\u0000b\u2028c\x7f"} {
		body, err := must(t, dialect.Default).Render(nil, message(t, text))
		require.NoError(t, err)
		id := r.takes(t, body)
		want := "message.received " + id
		if i < 3 {
			want += `: 15550177321 wrote "` + text + `"`
		}
		r.WaitPrinted(t, want, soon)
		require.NotContains(t, r.Printed(), id+" failed")
	}
}

func (r one) large(t *testing.T) {
	text := strings.Repeat(hello+" ", 3<<20/(len(hello)+1))
	body, err := must(t, dialect.Default).Render(nil, message(t, text))
	require.NoError(t, err)
	require.Greater(t, len(body), 3<<20)
	r.WaitPrinted(t, r.takes(t, body)+`: 15550177321 wrote "`+hello+" "+hello, soon)

	huge := bytes.Repeat([]byte("x"), 10<<20)
	status, said, err := try(t, r.URL, sign(t, dialect.Default, "evt_huge", time.Now(), huge, r.secret), huge)
	if err == nil { // the connection may end before all is written
		require.GreaterOrEqual(t, status, 400, said)
	}
	r.takes(t, []byte(`{"type":"after.a.huge.one"}`))
}

// AwalChat asks a new receiver to prove that it wants events.
func (r one) challenge(t *testing.T) {
	body := []byte(`{"type":"verification","challenge":"ABC234XYZ"}`)
	h := sign(t, "awalchat", "verification_1", time.Now(), body, r.secret)
	status, said := post(t, r.address("awalchat"), h, body)
	require.Equal(t, http.StatusOK, status, said)
	require.JSONEq(t, `{"challenge":"ABC234XYZ"}`, said)
	h.Set(signature.HeaderAwalSignature, strings.Repeat("0", 64))
	status, said = post(t, r.address("awalchat"), h, body)
	require.Equal(t, http.StatusUnauthorized, status, said)
}
