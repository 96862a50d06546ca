package wabatest_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"wabagate/waba"
	"wabagate/waba/wabatest"
)

const (
	verifyToken = "verify-1"
	customer    = "15550177321"
)

// gateway is an app's callback address: it answers the handshake, verifies, parses and remembers.
type gateway struct {
	*httptest.Server
	mu       sync.Mutex
	changes  []waba.Change
	bodies   [][]byte
	headers  []http.Header
	status   int // of the answers; 0 → 200
	unsigned bool
	anything bool     // also what nobody understands
	wrong    []string // what should not have come
}

func newGateway(t testing.TB) *gateway {
	g := &gateway{}
	g.Server = httptest.NewServer(g)
	t.Cleanup(func() {
		g.Close()
		for _, w := range g.wrong {
			t.Error(w)
		}
	})
	return g
}

func (g *gateway) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.Method == http.MethodGet {
		q := r.URL.Query()
		challenge, status := waba.Handshake(q.Get("hub.mode"), q.Get("hub.verify_token"), q.Get("hub.challenge"), verifyToken)
		w.WriteHeader(status)
		_, _ = io.WriteString(w, challenge)
		return
	}
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	signature := r.Header.Get(waba.SignatureHeader)
	if g.unsigned != (signature == "") || !g.unsigned && !waba.Verify(body, signature, []byte(wabatest.DefaultAppSecret)) {
		g.wrong = append(g.wrong, fmt.Sprintf("signature %q of %s", signature, body))
	}
	if g.status != 0 {
		w.WriteHeader(g.status)
		return
	}
	parse := waba.Parse
	if r.URL.Path == "/onprem" {
		parse = func(b []byte) (waba.Callback, error) {
			return waba.ParseOnPremises(b, wabatest.DefaultNumberID, wabatest.DefaultDisplay)
		}
	}
	callback, err := parse(body)
	if err != nil {
		g.wrong = append(g.wrong, fmt.Sprintf("%v: %s", err, body))
	}
	for _, c := range callback.Changes {
		for _, u := range c.Unrecognized {
			if g.anything {
				continue
			}
			g.wrong = append(g.wrong, fmt.Sprintf("unrecognized %s: %s", u.Reason, u.Raw))
		}
	}
	g.changes = append(g.changes, callback.Changes...)
	g.bodies = append(g.bodies, body)
	g.headers = append(g.headers, r.Header)
}

// answers sets the status of the answers from now on.
func (g *gateway) answers(status int) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.status = status
}

// statuses lists what came of each message, by wamid, in the order of arrival.
func (g *gateway) statuses() map[string][]waba.Status {
	g.mu.Lock()
	defer g.mu.Unlock()
	got := map[string][]waba.Status{}
	for _, c := range g.changes {
		for _, s := range c.Statuses {
			got[s.ID] = append(got[s.ID], s)
		}
	}
	return got
}

func (g *gateway) messages() []waba.Message {
	g.mu.Lock()
	defer g.mu.Unlock()
	var got []waba.Message
	for _, c := range g.changes {
		got = append(got, c.Messages...)
	}
	return got
}

// words lists the statuses of one message.
func words(statuses []waba.Status) string {
	var list []string
	for _, s := range statuses {
		list = append(list, s.Status)
	}
	return strings.Join(list, " ")
}

// bench is a simulator with an app that listens.
type bench struct {
	t    testing.TB
	sim  *wabatest.Server
	base string
	*gateway
}

// start runs a simulator whose callbacks come to a gateway. Unless the options say otherwise, nothing takes time, every
// window is open and there is no limit to one user.
func start(t testing.TB, o wabatest.Options) *bench {
	t.Helper()
	b := &bench{t: t, gateway: newGateway(t)}
	if o.CallbackURL == "" {
		o.CallbackURL = b.URL
	}
	if o.Latency == (wabatest.Latency{}) {
		o.Latency = wabatest.At(0)
	}
	if o.PairEvery == 0 {
		o.PairEvery = -1
	}
	if o.Throughput == 0 {
		o.Throughput = 100_000
	}
	if o.Connections == 0 {
		o.Connections = 1 // so that callbacks keep their order
	}
	if o.Gather == 0 {
		o.Gather = time.Millisecond
	}
	b.sim = wabatest.New(o)
	var err error
	if b.base, err = b.sim.Start("127.0.0.1:0"); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(b.sim.Close)
	return b
}

// answer is what came back.
type answer struct {
	status int
	header http.Header
	body   []byte
	err    error
}

// member reads a member of the answer, such as "error.code" or "messages.0.id", as text.
func (a answer) member(path string) string {
	var v any
	d := json.NewDecoder(bytes.NewReader(a.body))
	d.UseNumber()
	if d.Decode(&v) != nil {
		return "(no JSON)"
	}
	for key := range strings.SplitSeq(path, ".") {
		switch node := v.(type) {
		case map[string]any:
			v = node[key]
		case []any:
			var i int
			if _, err := fmt.Sscan(key, &i); err != nil || i >= len(node) {
				return ""
			}
			v = node[i]
		default:
			return ""
		}
	}
	if v == nil {
		return ""
	}
	return fmt.Sprint(v)
}

// call makes a request. Body is text, bytes, or anything that becomes JSON; headers come in pairs.
func (b *bench) call(method, path string, body any, headers ...string) answer {
	b.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	return b.callContext(ctx, method, path, body, headers...)
}

func (b *bench) callContext(ctx context.Context, method, path string, body any, headers ...string) answer {
	b.t.Helper()
	var raw []byte
	switch v := body.(type) {
	case nil:
	case string:
		raw = []byte(v)
	case []byte:
		raw = v
	default:
		var err error
		if raw, err = json.Marshal(v); err != nil {
			b.t.Fatal(err)
		}
	}
	if !strings.HasPrefix(path, "http") {
		path = b.base + path
	}
	req, err := http.NewRequestWithContext(ctx, method, path, bytes.NewReader(raw))
	if err != nil {
		b.t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("Authorization", "Bearer "+wabatest.DefaultToken)
	for i := 0; i+1 < len(headers); i += 2 {
		req.Header.Set(headers[i], headers[i+1])
		if headers[i+1] == "" {
			req.Header.Del(headers[i])
		}
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return answer{err: err}
	}
	defer func() { _ = res.Body.Close() }()
	got, err := io.ReadAll(res.Body)
	return answer{res.StatusCode, res.Header, got, err}
}

const messages = "/v26.0/" + wabatest.DefaultNumberID + "/messages"

// text is the body of a text message.
func text(to, words string, more ...string) map[string]any {
	body := map[string]any{"messaging_product": "whatsapp", "to": to, "type": "text", "text": map[string]string{"body": words}}
	for i := 0; i+1 < len(more); i += 2 {
		body[more[i]] = more[i+1]
	}
	return body
}

// send sends a message that must be accepted, and returns its id.
func (b *bench) send(body any) string {
	b.t.Helper()
	got := b.call("POST", messages, body)
	if got.err != nil || got.status != 200 || got.member("messages.0.id") == "" {
		b.t.Fatalf("%d %v %s", got.status, got.err, got.body)
	}
	return got.member("messages.0.id")
}

// settle waits until nothing travels any more.
func (b *bench) settle() {
	b.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	if err := b.sim.Settle(ctx); err != nil {
		b.t.Fatal(err)
	}
}

// wants checks an answer.
func (b *bench) wants(got answer, status int, code string) {
	b.t.Helper()
	if got.err != nil || got.status != status || got.member("error.code") != code {
		b.t.Errorf("answered %d %v %s, not %d with code %s", got.status, got.err, got.body, status, code)
	}
}
