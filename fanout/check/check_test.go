package check_test

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/http"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"wabagate/fanout/check"
	"wabagate/fanout/deliver"
	"wabagate/fanout/dialect"
	"wabagate/fanout/fanouttest"
	"wabagate/fanout/signature"
)

const secret = "my_secret_key_123"

func newClient(t *testing.T) *deliver.Client {
	c := deliver.NewClient(deliver.NewGuard(deliver.Allowed{Prefixes: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}}, false), deliver.Options{})
	t.Cleanup(c.Close)
	return c
}

func receiver(t *testing.T, name, url string) check.Receiver {
	t.Helper()
	d, ok := dialect.Lookup(name)
	require.True(t, ok)
	return check.Receiver{BusinessID: 9, URL: url, Dialect: d, Secrets: []signature.Secret{signature.NewSecret(secret)},
		Header: http.Header{"Content-Type": {"application/json"}}, Timeout: 10 * time.Second}
}

func run(t *testing.T, r check.Receiver) check.Report {
	t.Helper()
	var told []check.Finding
	report, err := check.Run(t.Context(), newClient(t), r, time.Now, func(f check.Finding) { told = append(told, f) })
	require.NoError(t, err)
	require.Equal(t, report.Findings, told, "every finding is told when it is made")
	require.LessOrEqual(t, report.Requests, 13)
	return report
}

// results are the findings that are neither passed nor skipped.
func results(report check.Report) map[check.Name]check.Result {
	all := map[check.Name]check.Result{}
	for _, f := range report.Findings {
		if f.Result != check.Passed && f.Result != check.Skipped {
			all[f.Check] = f.Result
		}
	}
	return all
}

func finding(t *testing.T, report check.Report, name check.Name) check.Finding {
	t.Helper()
	i := slices.IndexFunc(report.Findings, func(f check.Finding) bool { return f.Check == name })
	require.GreaterOrEqual(t, i, 0, name)
	return report.Findings[i]
}

// verifies says whether the signature that a dialect's receivers look at is right, as they do: over the body that it is given.
// It is written anew here, apart from the code that signs.
func verifies(name string, h http.Header, body []byte) bool {
	mac := func(text string) []byte {
		m := hmac.New(sha256.New, []byte(secret))
		m.Write([]byte(text))
		return m.Sum(nil)
	}
	hexed := func(text string) string { return hex.EncodeToString(mac(text)) }
	fresh := func(stamp string) bool {
		var at int64
		_, err := fmt.Sscan(stamp, &at)
		return err == nil && time.Since(time.Unix(at, 0)).Abs() < 5*time.Minute
	}
	switch name {
	case "twabot":
		return h.Get("X-TwaBot-Signature") == hexed(string(body))
	case "platform", "digest":
		return h.Get("X-Webhook-Signature") == hexed(string(body))
	case "awalchat":
		stamp := h.Get("X-Awal-Webhook-Timestamp")
		return fresh(stamp) && h.Get("X-Awal-Webhook-Signature") == hexed(stamp+"."+string(body))
	case "cloud":
		return h.Get("X-Hub-Signature-256") == "sha256="+hexed(string(body))
	}
	stamp := h.Get("webhook-timestamp")
	want := "v1," + base64.StdEncoding.EncodeToString(mac(h.Get("webhook-id")+"."+stamp+"."+string(body)))
	return fresh(stamp) && slices.Contains(strings.Fields(h.Get("webhook-signature")), want)
}

// perfect does everything right: it verifies the raw body and takes the rest.
func perfect(name string) func(http.ResponseWriter, *http.Request, fanouttest.Delivery) {
	return func(w http.ResponseWriter, q *http.Request, d fanouttest.Delivery) {
		if !verifies(name, q.Header, d.Body) {
			w.WriteHeader(http.StatusUnauthorized)
		}
	}
}

func TestAnHonestReceiverOfEachDialectGetsA(t *testing.T) {
	skipped := map[string][]check.Name{
		"wabagate": {check.TLS}, "onprem": {check.TLS},
		"twabot":   {check.TLS, check.OldTimestamp, check.Rotation},
		"platform": {check.TLS, check.OldTimestamp, check.Rotation},
		"digest":   {check.TLS, check.OldTimestamp, check.Rotation},
		"cloud":    {check.TLS, check.OldTimestamp, check.Rotation},
		"awalchat": {check.TLS, check.Rotation},
	}
	for _, name := range dialect.Names() {
		t.Run(name, func(t *testing.T) {
			server := fanouttest.NewReceiver(t, perfect(name))
			report := run(t, receiver(t, name, server.URL))
			require.Empty(t, results(report))
			require.Equal(t, check.A, report.Grade, report.Summary)
			var not []check.Name
			for _, f := range report.Findings {
				if f.Result == check.Skipped {
					not = append(not, f.Check)
					require.NotEmpty(t, f.Answered)
				} else {
					require.NotEmpty(t, f.Sent)
				}
			}
			require.ElementsMatch(t, skipped[name], not)
			require.Len(t, server.Got(), report.Requests)
			require.GreaterOrEqual(t, report.Latency.Answers, 5)
			first := server.Got()[0]
			for _, d := range server.Got() {
				require.NotEmpty(t, d.Header.Get(check.TestHeader))
				require.True(t, json.Valid(d.Body))
				if name == "wabagate" {
					require.Contains(t, string(respaced(t, d.Body)), `"business_id":9`)
				}
			}
			require.Equal(t, 2, server.Counts()[first.ID()], "one event comes twice")
			require.Len(t, server.Counts(), report.Requests-1)
		})
	}
}

// respaced is a body without white space.
func respaced(t *testing.T, body []byte) []byte {
	t.Helper()
	var b bytes.Buffer
	require.NoError(t, json.Compact(&b, body))
	return b.Bytes()
}

// Receivers with one mistake each. The check names it, and no other.
func TestMistakes(t *testing.T) {
	take := func(w http.ResponseWriter, q *http.Request, d fanouttest.Delivery, then func()) {
		if !verifies("wabagate", q.Header, d.Body) {
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		then()
	}
	var mu sync.Mutex
	known := map[string]bool{}
	newest := map[int64]int64{} // by conversation
	var inside atomic.Int32
	for _, c := range []struct {
		name   string
		answer func(w http.ResponseWriter, q *http.Request, d fanouttest.Delivery)
		want   map[check.Name]check.Result
		grade  check.Grade
		says   string // somewhere in what to change
	}{
		{"verifies nothing", func(http.ResponseWriter, *http.Request, fanouttest.Delivery) {},
			map[check.Name]check.Result{check.WrongSignature: check.Serious, check.NoSignature: check.Serious}, check.F, "compare it in constant time"},
		{"lets unsigned events in", func(w http.ResponseWriter, q *http.Request, d fanouttest.Delivery) {
			if q.Header.Get("webhook-signature") != "" && !verifies("wabagate", q.Header, d.Body) {
				w.WriteHeader(http.StatusUnauthorized)
			}
		}, map[check.Name]check.Result{check.NoSignature: check.Serious}, check.D, "is missing"},
		{"throws instead of refusing", func(w http.ResponseWriter, q *http.Request, d fanouttest.Delivery) {
			if !verifies("wabagate", q.Header, d.Body) {
				w.WriteHeader(http.StatusInternalServerError)
			}
		}, map[check.Name]check.Result{check.WrongSignature: check.Advice, check.NoSignature: check.Advice, check.OldTimestamp: check.Advice}, check.B, "Answer 401 instead of 500"},
		{"parses and writes before it verifies", func(w http.ResponseWriter, q *http.Request, d fanouttest.Delivery) {
			if !verifies("wabagate", q.Header, respaced(t, d.Body)) {
				w.WriteHeader(http.StatusUnauthorized)
			}
		}, map[check.Name]check.Result{check.RawBody: check.Warning}, check.C, "express.raw"},
		{"forgets the time", func(w http.ResponseWriter, q *http.Request, d fanouttest.Delivery) {
			for _, r := range signature.Verify(q.Header, d.Body, []signature.Secret{signature.NewSecret(secret)}, stampOf(q.Header)) {
				if r.Scheme == "standard" && r.OK {
					return
				}
			}
			w.WriteHeader(http.StatusUnauthorized)
		}, map[check.Name]check.Result{check.OldTimestamp: check.Advice}, check.B, "five minutes"},
		{"reads one signature", func(w http.ResponseWriter, q *http.Request, d fanouttest.Delivery) {
			first, _, _ := strings.Cut(q.Header.Get("webhook-signature"), " ")
			q.Header.Set("webhook-signature", first)
			take(w, q, d, func() {})
		}, map[check.Name]check.Result{check.Rotation: check.Warning}, check.C, "at its spaces"},
		{"refuses duplicates", func(w http.ResponseWriter, q *http.Request, d fanouttest.Delivery) {
			take(w, q, d, func() {
				mu.Lock()
				defer mu.Unlock()
				if known[d.ID()] {
					w.WriteHeader(http.StatusConflict)
				}
				known[d.ID()] = true
			})
		}, map[check.Name]check.Result{check.Duplicate: check.Warning}, check.C, "webhook-id"},
		{"refuses what is late", func(w http.ResponseWriter, q *http.Request, d fanouttest.Delivery) {
			take(w, q, d, func() {
				var e struct {
					Data struct {
						Sequence     int64
						Conversation struct{ ID int64 }
					}
				}
				_ = json.Unmarshal(d.Body, &e)
				mu.Lock()
				defer mu.Unlock()
				if e.Data.Sequence < newest[e.Data.Conversation.ID] {
					w.WriteHeader(http.StatusConflict)
				}
				newest[e.Data.Conversation.ID] = max(newest[e.Data.Conversation.ID], e.Data.Sequence)
			})
		}, map[check.Name]check.Result{check.Order: check.Warning}, check.C, "in any order"},
		{"has a strict schema", func(w http.ResponseWriter, q *http.Request, d fanouttest.Delivery) {
			take(w, q, d, func() {
				var e struct {
					ID         string          `json:"id"`
					Type       string          `json:"type"`
					APIVersion string          `json:"api_version"`
					CreatedAt  time.Time       `json:"created_at"`
					LiveMode   bool            `json:"live_mode"`
					Data       json.RawMessage `json:"data"`
				}
				strict := json.NewDecoder(bytes.NewReader(d.Body))
				strict.DisallowUnknownFields()
				if err := strict.Decode(&e); err != nil || e.Type != "message.received" {
					w.WriteHeader(http.StatusUnprocessableEntity)
				}
			})
		}, map[check.Name]check.Result{check.Unknown: check.Warning}, check.C, "does not know"},
		{"takes small bodies", func(w http.ResponseWriter, q *http.Request, d fanouttest.Delivery) {
			if len(d.Body) > 64<<10 {
				w.WriteHeader(http.StatusRequestEntityTooLarge)
				return
			}
			take(w, q, d, func() {})
		}, map[check.Name]check.Result{check.Large: check.Warning}, check.C, "client_max_body_size"},
		{"does one thing at a time", func(w http.ResponseWriter, q *http.Request, d fanouttest.Delivery) {
			take(w, q, d, func() {
				defer inside.Add(-1)
				if inside.Add(1) > 1 {
					w.WriteHeader(http.StatusServiceUnavailable)
					return
				}
				time.Sleep(100 * time.Millisecond)
			})
		}, map[check.Name]check.Result{check.Concurrent: check.Warning}, check.C, "several requests at once"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			server := fanouttest.NewReceiver(t, c.answer)
			report := run(t, receiver(t, "wabagate", server.URL))
			require.Equal(t, c.want, results(report))
			require.Equal(t, c.grade, report.Grade, report.Summary)
			changes := report.Summary
			for _, f := range report.Findings {
				changes += "\n" + f.Change
				if f.Result != check.Passed && f.Result != check.Skipped {
					require.NotEmpty(t, f.Change, f.Check)
					require.NotEmpty(t, f.Why, f.Check)
					require.NotEmpty(t, f.Answered, f.Check)
				}
			}
			require.Contains(t, changes, c.says)
			if c.name == "verifies nothing" {
				for _, name := range []check.Name{check.RawBody, check.OldTimestamp, check.Rotation} {
					require.Equal(t, check.Skipped, finding(t, report, name).Result, "%s cannot be judged", name)
				}
			}
		})
	}
}

func stampOf(h http.Header) time.Time {
	var at int64
	_, _ = fmt.Sscan(h.Get("webhook-timestamp"), &at)
	return time.Unix(at, 0)
}

func TestASlowReceiver(t *testing.T) {
	server := fanouttest.NewReceiver(t, func(w http.ResponseWriter, q *http.Request, d fanouttest.Delivery) {
		if !verifies("wabagate", q.Header, d.Body) {
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		time.Sleep(350 * time.Millisecond)
	})
	r := receiver(t, "wabagate", server.URL)
	r.Timeout = time.Second
	report := run(t, r)
	require.Equal(t, map[check.Name]check.Result{check.Latency: check.Warning}, results(report))
	require.Equal(t, check.C, report.Grade)
	f := finding(t, report, check.Latency)
	require.Contains(t, f.Change, "more than a third of the 1s")
	require.Contains(t, f.Answered, "ms")
	require.GreaterOrEqual(t, report.Latency.P50, int64(350))
}

// A receiver that takes nothing is told why, and nothing else is asked.
func TestAReceiverThatTakesNothing(t *testing.T) {
	refusing := fanouttest.NewReceiver(t, func(w http.ResponseWriter, _ *http.Request, _ fanouttest.Delivery) {
		w.WriteHeader(http.StatusUnauthorized)
	})
	sampling := fanouttest.NewReceiver(t, func(w http.ResponseWriter, q *http.Request, d fanouttest.Delivery) {
		var spaced []byte // as json.dumps writes what this test's samples hold
		inside := false
		for i, c := range d.Body {
			if c == '"' && (i == 0 || d.Body[i-1] != '\\') {
				inside = !inside
			}
			spaced = append(spaced, c)
			if !inside && (c == ',' || c == ':') && i+1 < len(d.Body) && d.Body[i+1] != ' ' {
				spaced = append(spaced, ' ')
			}
		}
		if !verifies("wabagate", q.Header, spaced) {
			w.WriteHeader(http.StatusUnauthorized)
		}
	})
	silent := fanouttest.NewReceiver(t, func(http.ResponseWriter, *http.Request, fanouttest.Delivery) { time.Sleep(400 * time.Millisecond) })
	leaving := fanouttest.NewReceiver(t, func(w http.ResponseWriter, _ *http.Request, _ fanouttest.Delivery) { w.WriteHeader(http.StatusGone) })
	closed := fanouttest.NewReceiver(t, nil)
	closed.Close()
	for _, c := range []struct {
		name, dialect, url string
		timeout            time.Duration
		requests           int
		want               map[check.Name]check.Result
		says               string
	}{
		{"refuses", "wabagate", refusing.URL, time.Second, 2, map[check.Name]check.Result{check.Delivery: check.Fatal}, "Compare the secret"},
		{"dumps", "wabagate", sampling.URL, time.Second, 2, map[check.Name]check.Result{check.Delivery: check.Fatal, check.RawBody: check.Serious}, "json.dumps"},
		{"is silent", "wabagate", silent.URL, 100 * time.Millisecond, 1, map[check.Name]check.Result{check.Delivery: check.Fatal}, "Answer within 100ms"},
		{"is gone", "wabagate", leaving.URL, time.Second, 2, map[check.Name]check.Result{check.Delivery: check.Fatal}, "410"},
		{"is closed", "wabagate", closed.URL, time.Second, 1, map[check.Name]check.Result{check.Delivery: check.Fatal}, "start the server"},
		{"is nobody's", "wabagate", "http://10.0.0.1/", time.Second, 1, map[check.Name]check.Result{check.Delivery: check.Fatal}, "URL"},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := receiver(t, c.dialect, c.url)
			r.Timeout = c.timeout
			report := run(t, r)
			require.Equal(t, c.want, results(report))
			require.Equal(t, check.F, report.Grade)
			require.Equal(t, c.requests, report.Requests)
			text := ""
			for _, f := range report.Findings {
				text += f.Change
			}
			require.Contains(t, text, c.says)
			require.NotContains(t, text+report.Summary, secret)
		})
	}
}

func TestAnUnsignedWebhook(t *testing.T) {
	server := fanouttest.NewReceiver(t, nil)
	r := receiver(t, "wabagate", server.URL)
	r.Secrets = nil
	report := run(t, r)
	require.Equal(t, map[check.Name]check.Result{check.WrongSignature: check.Advice}, results(report))
	require.Equal(t, check.B, report.Grade)
	require.Contains(t, finding(t, report, check.WrongSignature).Change, "Give the webhook a secret")
	require.Contains(t, finding(t, report, check.RawBody).Answered, "no secret")
	for _, d := range server.Got() {
		require.Empty(t, d.Header.Get("webhook-signature"))
	}
}

// Who calls may be known by other means than a signature.
func TestAReceiverBehindAPassword(t *testing.T) {
	server := fanouttest.NewReceiver(t, nil)
	r := receiver(t, "wabagate", server.URL)
	r.Header.Set("Authorization", "Bearer x")
	require.Equal(t, map[check.Name]check.Result{check.WrongSignature: check.Warning, check.NoSignature: check.Warning}, results(run(t, r)))
	r = receiver(t, "onprem", server.URL)
	require.Equal(t, map[check.Name]check.Result{check.WrongSignature: check.Advice, check.NoSignature: check.Advice}, results(run(t, r)))
}

// While a secret changes the receiver has one of two, and either is fine.
func TestDuringARotation(t *testing.T) {
	server := fanouttest.NewReceiver(t, perfect("wabagate"))
	for _, secrets := range [][]string{{"new", secret}, {secret, "old"}} {
		r := receiver(t, "wabagate", server.URL)
		r.Secrets = []signature.Secret{signature.NewSecret(secrets[0]), signature.NewSecret(secrets[1])}
		require.Equal(t, check.A, run(t, r).Grade)
	}
}

// The time of a check is bounded whatever the receiver takes, and so is its patience for a caller who leaves.
func TestTimeIsUp(t *testing.T) {
	now := time.Now()
	slow := posterFunc(func(_ context.Context, r deliver.Request) deliver.Answer {
		now = now.Add(9 * time.Second)
		require.Equal(t, 10*time.Second, r.Timeout)
		return deliver.Answer{Status: 200, Duration: 9 * time.Second}
	})
	began := now
	report, err := check.Run(t.Context(), slow, receiver(t, "wabagate", "http://127.0.0.1/"), func() time.Time { return now }, nil)
	require.NoError(t, err)
	require.Less(t, now.Sub(began), time.Minute)
	require.Equal(t, "Not asked: the receiver is so slow that the time of the whole check was up.", finding(t, report, check.Large).Answered)
	require.Equal(t, check.Warning, finding(t, report, check.Latency).Result)

	ctx, cancel := context.WithCancel(t.Context())
	left := posterFunc(func(context.Context, deliver.Request) deliver.Answer {
		cancel()
		return deliver.Answer{Status: 200}
	})
	report, err = check.Run(ctx, left, receiver(t, "wabagate", "http://127.0.0.1/"), time.Now, nil)
	require.NoError(t, err)
	require.Equal(t, 1, report.Requests)
}

type posterFunc func(context.Context, deliver.Request) deliver.Answer

func (f posterFunc) Post(ctx context.Context, r deliver.Request) deliver.Answer { return f(ctx, r) }
