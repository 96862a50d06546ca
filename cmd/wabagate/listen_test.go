package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"
	"github.com/stretchr/testify/require"

	"wabagate/cmd/wabagate/listen"
	"wabagate/cmd/wabagate/remote"
	"wabagate/fanout/dialect"
	"wabagate/fanout/fanouttest"
	"wabagate/fanout/signature"
	"wabagate/models"
)

// notes keeps what listen says besides the events.
type notes struct {
	mu   sync.Mutex
	text strings.Builder
}

func (n *notes) Write(b []byte) (int, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.text.Write(b)
}

func (n *notes) String() string {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.text.String()
}

func newRemote(t *testing.T, address, key string) *remote.Client {
	t.Helper()
	c, err := remote.New(address, models.Secret(key), "wabagate-test")
	require.NoError(t, err)
	return c
}

// feedIDs are the ids of all events of a business, in the order of its feed.
func feedIDs(t *testing.T, c *remote.Client) (ids []string) {
	t.Helper()
	for after := ""; ; {
		var page struct {
			Events []struct{ ID string }
			Next   string `json:"next_cursor"`
			More   bool   `json:"has_more"`
		}
		require.NoError(t, c.Call(t.Context(), http.MethodGet, "/api/client/events?limit=200&after="+url.QueryEscape(after), nil, &page))
		for _, e := range page.Events {
			ids = append(ids, e.ID)
		}
		if after = page.Next; !page.More {
			return ids
		}
	}
}

// The gateway is killed and stopped under traffic, the receiver goes away, and listen itself is ended and started again: every event
// comes, each once, in the order of the feed.
func TestListenSurvivesRestarts(t *testing.T) {
	kills := 2
	if os.Getenv("WABAGATE_TEST_LONG") != "" {
		kills = 10
	}
	for name, env := range map[string]func(t *testing.T) []string{
		"embedded":           func(*testing.T) []string { return nil },
		"postgres and redis": func(t *testing.T) []string { _, _, env := realStores(t); return env },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := newProcess(t, env(t))
			p.run("migrate")
			made := p.bootstrap()
			p.start()

			var mu sync.Mutex
			var got []string
			var away atomic.Bool
			secret := signature.NewRandomSecret()
			library, err := standardwebhooks.NewWebhook(secret.Text())
			require.NoError(t, err)
			receiver := fanouttest.NewReceiver(t, func(w http.ResponseWriter, q *http.Request, d fanouttest.Delivery) {
				if away.Load() {
					panic(http.ErrAbortHandler) // the receiver is gone before it has taken anything
				}
				mu.Lock()
				defer mu.Unlock()
				if err := library.Verify(d.Body, d.Header); err != nil {
					t.Errorf("%s: %v", d.ID(), err)
				}
				got = append(got, d.ID())
			})
			say := &notes{}
			o := listen.Options{Gateway: newRemote(t, p.url(), made.APIKey), After: listen.FromOldest, State: filepath.Join(t.TempDir(), "listen.json"), Out: io.Discard, Notes: say,
				Receiver: listen.Receiver{URL: receiver.URL, Dialect: "wabagate", Secret: secret}}
			ctx, stop := context.WithCancel(t.Context())
			var end context.CancelFunc
			var ended chan error
			begin := func() {
				var running context.Context
				running, end = context.WithCancel(ctx)
				ended = make(chan error, 1)
				go func() {
					_, err := listen.Run(running, o)
					ended <- err
				}()
			}
			begin()
			u := newUpstream(p.url(), "l")
			flow, dry := context.WithCancel(t.Context())
			var load sync.WaitGroup
			load.Go(func() { u.run(flow, 8, 150) })
			// heard waits until listen has gone on.
			heard := func() {
				mu.Lock()
				before := len(got)
				mu.Unlock()
				require.Eventually(t, func() bool {
					mu.Lock()
					defer mu.Unlock()
					return len(got) > before+10
				}, 30*time.Second, 10*time.Millisecond, "%s", say)
				time.Sleep(rand.N(100 * time.Millisecond))
			}
			for i := range kills {
				heard()
				p.kill() // as a crash does
				p.start()
				heard()
				require.NoError(t, p.cmd.Process.Signal(syscall.SIGTERM)) // as a deployment does
				_ = p.cmd.Wait()
				p.start()
				heard()
				away.Store(true)
				require.Eventually(t, func() bool { return strings.Count(say.String(), "The receiver is down") > i }, 30*time.Second, 10*time.Millisecond, "%s", say)
				away.Store(false)
				heard()
				end() // as Ctrl-C does
				require.NoError(t, <-ended)
				var kept listen.State
				text, err := os.ReadFile(o.State)
				require.NoError(t, err)
				require.NoError(t, json.Unmarshal(text, &kept))
				o.After = kept.Place
				begin()
			}
			dry()
			load.Wait()
			var want []string
			require.Eventually(t, func() bool {
				// Everything that was acknowledged has become events, and all of them were forwarded.
				want = feedIDs(t, o.Gateway)
				acked, _ := u.counts()
				mu.Lock()
				defer mu.Unlock()
				return acked > 0 && len(want) >= acked && len(got) >= len(want)
			}, 60*time.Second, 100*time.Millisecond, "%s", say)
			time.Sleep(500 * time.Millisecond) // for what would come too much
			stop()
			require.NoError(t, <-ended)
			want = feedIDs(t, o.Gateway)
			mu.Lock()
			defer mu.Unlock()
			acked, refused := u.counts()
			t.Logf("%d callbacks acknowledged (refused: %v), %d events in the feed, %d forwarded", acked, refused, len(want), len(got))
			require.Equal(t, len(want), len(slices.Compact(slices.Sorted(slices.Values(want)))), "the feed has each once")
			require.Equal(t, want, got, "%s", say)
			require.Contains(t, say.String(), "The gateway is gone")
			require.Contains(t, say.String(), "The gateway is back")
			require.Contains(t, say.String(), "The receiver is down")
			require.Contains(t, say.String(), "The receiver is back")
		})
	}
}

// What listen posts is what a webhook of the dialect is posted: the same bytes, the same headers, and signatures that verify.
func TestListenIsAWebhook(t *testing.T) {
	w := startWhole(t, testConfig(t, "", ""))
	secret := signature.NewRandomSecret()
	library, err := standardwebhooks.NewWebhook(secret.Text())
	require.NoError(t, err)
	hooks, local := map[string]*fanouttest.Receiver{}, map[string]*fanouttest.Receiver{}
	ctx, stop := context.WithCancel(t.Context())
	var running sync.WaitGroup
	for _, name := range dialect.Names() {
		hooks[name], local[name] = fanouttest.NewReceiver(t, nil), fanouttest.NewReceiver(t, nil)
		w.webhook(models.Webhook{Name: name, URL: hooks[name].URL, Dialect: name, Secret: models.Secret(secret.Text()), Verified: true})
		out := &notes{}
		running.Go(func() {
			_, err := listen.Run(ctx, listen.Options{Gateway: newRemote(t, w.url, w.made.APIKey), After: listen.FromOldest, Out: out, Notes: out,
				Receiver: listen.Receiver{URL: local[name].URL, Dialect: name, Secret: secret}})
			if err != nil {
				t.Errorf("%s: %v: %s", name, err, out)
			}
		})
	}
	const messages = 5
	for i := range messages {
		require.Equal(t, http.StatusOK, w.post("a", textCallback(testPNID, "15550177321", fmt.Sprintf("wamid.same%d", i), "مرحبا <b>&</b> é \u2028")))
	}
	for _, name := range dialect.Names() {
		least := messages
		hooks[name].Wait(t, least, 20*time.Second)
		local[name].Wait(t, least, 20*time.Second)
		require.Eventually(t, func() bool { return len(hooks[name].Counts()) == len(local[name].Counts()) }, 20*time.Second, 20*time.Millisecond, name)
		sent := map[string]fanouttest.Delivery{}
		for _, d := range hooks[name].Got() {
			sent[d.ID()] = d
		}
		for _, d := range local[name].Got() {
			same, ok := sent[d.ID()]
			require.True(t, ok, "%s: %s", name, d.ID())
			require.Equal(t, string(same.Body), string(d.Body), name)
			require.NoError(t, library.Verify(d.Body, d.Header), name)
			for _, r := range signature.Verify(d.Header, d.Body, []signature.Secret{secret}, time.Now()) {
				require.True(t, r.OK, "%s: %s %s", name, r.Header, r.Reason)
			}
			require.Equal(t, steady(same.Header), steady(d.Header), name)
		}
		for id, n := range local[name].Counts() {
			require.Equal(t, 1, n, "%s: %s", name, id)
		}
	}
	stop()
	running.Wait()
}

// steady are the names of headers, and the values of those that do not change from attempt to attempt.
func steady(h http.Header) map[string]string {
	all := map[string]string{}
	for name := range h {
		if strings.Contains(name, "Timestamp") || strings.Contains(name, "Signature") {
			all[name] = "…"
		} else {
			all[name] = h.Get(name)
		}
	}
	return all
}

// From the answer to WhatsApp until the event is with the receiver.
func TestListenIsQuick(t *testing.T) {
	for name, config := range stores {
		t.Run(name, func(t *testing.T) {
			w := startWhole(t, config(t))
			arrived := make(chan time.Time, 10)
			receiver := fanouttest.NewReceiver(t, func(_ http.ResponseWriter, _ *http.Request, d fanouttest.Delivery) { arrived <- d.At })
			out := &notes{}
			ctx, stop := context.WithCancel(t.Context())
			ended := make(chan error, 1)
			ready := &first{said: make(chan struct{})}
			go func() {
				_, err := listen.Run(ctx, listen.Options{Gateway: newRemote(t, w.url, w.made.APIKey), After: listen.FromOldest, Types: "message.received", Out: ready, Notes: out,
					Receiver: listen.Receiver{URL: receiver.URL, Dialect: "wabagate", Secret: signature.NewRandomSecret()}})
				ended <- err
			}()
			require.Equal(t, http.StatusOK, w.post("a", textCallback(testPNID, "15550177321", "wamid.first", "hello")))
			<-arrived
			<-ready.said
			var took []time.Duration
			for i := range 15 {
				require.Equal(t, http.StatusOK, w.post("a", textCallback(testPNID, "15550177321", fmt.Sprintf("wamid.quick%d", i), "hello")))
				began := time.Now()
				select {
				case at := <-arrived:
					took = append(took, at.Sub(began))
				case <-time.After(20 * time.Second):
					t.Fatalf("not heard: %s", out)
				}
				time.Sleep(time.Duration(i*7) * time.Millisecond) // not always at the same point of a look
			}
			slices.Sort(took)
			t.Logf("median %s, slowest %s", took[len(took)/2], took[len(took)-1])
			require.Less(t, took[len(took)/2], time.Second, "a person does not wait")
			stop()
			require.NoError(t, <-ended)
		})
	}
}

// first says when something was written.
type first struct {
	once sync.Once
	said chan struct{}
}

func (f *first) Write(b []byte) (int, error) {
	f.once.Do(func() { close(f.said) })
	return len(b), nil
}
