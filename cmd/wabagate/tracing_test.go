package main

import (
	"bytes"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"wabagate/fanout/fanouttest"
	"wabagate/models"
)

// collected is a span as a collector reads it.
type collected struct {
	TraceID, SpanID, ParentSpanID, Name string
	Kind                                int
	StartTimeUnixNano, EndTimeUnixNano  string
	Attributes                          []struct {
		Key   string
		Value struct{ StringValue, IntValue string }
	}
	Status struct {
		Code    int
		Message string
	}
}

func (c collected) attribute(key string) string {
	for _, a := range c.Attributes {
		if a.Key == key {
			return a.Value.StringValue + a.Value.IntValue
		}
	}
	return ""
}

// collector is an OpenTelemetry collector that keeps what it gets.
type collector struct {
	*httptest.Server
	mu    sync.Mutex
	spans []collected
	raw   bytes.Buffer
}

func startCollector(t *testing.T) *collector {
	c := &collector{}
	c.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		var message struct {
			ResourceSpans []struct{ ScopeSpans []struct{ Spans []collected } }
		}
		if err != nil || r.URL.Path != "/v1/traces" || r.Header.Get("X-Key") != "k" || json.Unmarshal(body, &message) != nil {
			w.WriteHeader(http.StatusBadRequest)
			return
		}
		c.mu.Lock()
		defer c.mu.Unlock()
		c.raw.Write(body)
		for _, rs := range message.ResourceSpans {
			for _, ss := range rs.ScopeSpans {
				c.spans = append(c.spans, ss.Spans...)
			}
		}
		_, _ = w.Write([]byte("{}"))
	}))
	t.Cleanup(c.Close)
	return c
}

// named are the spans so far with a name.
func (c *collector) named(name string) (some []collected) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, s := range c.spans {
		if s.Name == name {
			some = append(some, s)
		}
	}
	return some
}

// One callback is one trace, from its arrival to every attempt of each delivery, through the queue and whichever process; and a
// receiver can make its own work part of it.
func TestTrace(t *testing.T) {
	for name, config := range stores {
		t.Run(name, func(t *testing.T) {
			to := startCollector(t)
			cfg := config(t)
			cfg.Tracing = Tracing{Endpoint: to.URL, Headers: map[string]string{"X-Key": "k"}, Share: 1}
			w := startWhole(t, cfg)
			var mu sync.Mutex
			parents := map[string]string{} // by event id
			answers := 0
			r := fanouttest.NewReceiver(t, func(rw http.ResponseWriter, req *http.Request, d fanouttest.Delivery) {
				mu.Lock()
				defer mu.Unlock()
				parents[req.Header.Get("Webhook-Id")] = req.Header.Get("Traceparent")
				if answers++; answers == 1 {
					rw.WriteHeader(http.StatusInternalServerError) // the first attempt is not the last
				}
			})
			h := w.webhook(models.Webhook{Name: "crm", URL: r.URL, Events: []string{"message.received"}, RetrySchedule: []time.Duration{100 * time.Millisecond}})
			require.Equal(t, http.StatusOK, w.post("a", textCallback(testPNID, "15551230001", "wamid.traced", "private words")))
			require.Eventually(t, func() bool { return len(to.named("delivery")) == 1 && len(to.named("callback translate")) == 1 }, 20*time.Second, 20*time.Millisecond)

			one := func(name string) collected {
				all := to.named(name)
				require.Len(t, all, 1, name)
				return all[0]
			}
			accept, commit, translate, delivery := one("callback accept"), one("callback commit"), one("callback translate"), one("delivery")
			attempts := to.named("delivery attempt")
			require.Len(t, attempts, 2)
			require.Empty(t, accept.ParentSpanID)
			require.Equal(t, accept.SpanID, commit.ParentSpanID)
			require.Equal(t, commit.SpanID, translate.ParentSpanID)
			require.Equal(t, translate.SpanID, delivery.ParentSpanID)
			ids := map[string]bool{}
			for _, s := range append(attempts, accept, commit, translate, delivery) {
				require.Equal(t, accept.TraceID, s.TraceID, s.Name)
				require.Len(t, s.TraceID, 32)
				require.Len(t, s.SpanID, 16)
				require.LessOrEqual(t, s.StartTimeUnixNano, s.EndTimeUnixNano, s.Name)
				require.False(t, ids[s.SpanID])
				ids[s.SpanID] = true
			}
			for i, a := range attempts {
				require.Equal(t, delivery.SpanID, a.ParentSpanID)
				require.Equal(t, []string{"500", "200"}[i], a.attribute("http.response.status_code"))
				require.Equal(t, []int{2, 0}[i], a.Status.Code)
			}
			require.Equal(t, "message.received", delivery.attribute("wabagate.event_type"))
			require.Equal(t, accept.attribute("wabagate.callback_id"), translate.attribute("wabagate.callback_id"))
			mu.Lock()
			require.Equal(t, "00-"+delivery.TraceID+"-"+attempts[1].SpanID+"-01", parents[delivery.attribute("wabagate.event_id")])
			mu.Unlock()
			to.mu.Lock()
			defer to.mu.Unlock()
			for _, secret := range []string{"private words", "15551230001", "wamid.traced", r.URL, h.Secret.Text()} {
				require.False(t, secret != "" && strings.Contains(to.raw.String(), secret), "a span tells %q", secret)
			}
		})
	}
}

// Without a collector a request carries no traceparent. With the most talkative log there is a line for each group of callbacks
// and each attempt, and none has what people wrote, their numbers or a secret.
func TestLogLines(t *testing.T) {
	for name, config := range stores {
		t.Run(name, func(t *testing.T) {
			var log lines
			w := startLogging(t, config(t), slog.New(slog.NewJSONHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug})))
			r := fanouttest.NewReceiver(t, nil)
			h := w.webhook(models.Webhook{Name: "crm", URL: r.URL + "/hook?key=in-the-address", Events: []string{"message.received"}, Secret: "whsec_dGhlIHNlY3JldCBvZiB0aGUgd2ViaG9vaw=="})
			away := w.webhook(models.Webhook{Name: "away", URL: "http://127.0.0.1:1/?key=in-the-address", Events: []string{"message.received"}})
			require.Equal(t, http.StatusOK, w.post("a", textCallback(testPNID, "15551230001", "wamid.logged", "private words")))
			status, err := postSigned(t.Context(), w.url+"/webhooks/cloud/a", "another secret", textCallback(testPNID, "15551230001", "wamid.forged", "private words"))
			require.NoError(t, err)
			require.Equal(t, http.StatusUnauthorized, status)
			find := func(msg string, with map[string]any) map[string]any {
				var found map[string]any
				require.Eventually(t, func() bool { found = log.find(msg, with); return found != nil }, 20*time.Second, 20*time.Millisecond, "%s %v", msg, with)
				return found
			}
			kept := find("callbacks kept", nil)
			require.Equal(t, 1.0, kept["callbacks"])
			require.Equal(t, "database", kept["store"])
			require.Equal(t, kept["work_id"], find("callbacks translated", nil)["work_id"])
			delivered := find("attempt", map[string]any{"webhook_id": float64(h.ID)})
			require.Equal(t, "DEBUG", delivered["level"])
			require.Equal(t, "delivered", delivered["outcome"])
			require.Equal(t, "message.received", delivered["type"])
			require.Equal(t, "INFO", find("attempt", map[string]any{"webhook_id": float64(away.ID)})["level"])
			for _, d := range r.Got() {
				require.Empty(t, d.Header.Get("Traceparent"))
			}
			all := log.String()
			for _, secret := range []string{"private words", "15551230001", testSecret, "another secret", "dGhlIHNlY3JldCBvZiB0aGUgd2ViaG9vaw", "in-the-address", "correct horse"} {
				require.NotContains(t, all, secret)
			}
		})
	}
}

// lines is a log in JSON that is read while it is written.
type lines struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lines) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lines) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

// find is the first line with a message and some values; nil: there is none.
func (l *lines) find(msg string, with map[string]any) map[string]any {
next:
	for line := range strings.Lines(l.String()) {
		var one map[string]any
		if json.Unmarshal([]byte(line), &one) != nil || one["msg"] != msg {
			continue
		}
		for key, value := range with {
			if one[key] != value {
				continue next
			}
		}
		return one
	}
	return nil
}
