package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/http"
	"path/filepath"
	"strings"
	"testing"
	"time"

	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"
	"github.com/stretchr/testify/require"

	"wabagate/fanout/dialect"
	"wabagate/fanout/fanouttest"
	"wabagate/fanout/signature"
	"wabagate/models"
	"wabagate/waba/simulator"
)

// Signed callbacks go in, signed deliveries come out, in every dialect, each to a receiver that was written from its
// product's page alone and knows nothing of the gateway: whatever WhatsApp sends, it verifies and understands it.
func TestEveryDialectEndToEnd(t *testing.T) {
	receivers := filepath.Join("..", "..", "fanout", "dialect", "testdata", "receivers")
	for name, config := range stores {
		t.Run(name, func(t *testing.T) {
			w := startWhole(t, config(t))
			secrets, hooks := map[string]string{}, map[string]models.Webhook{}
			for _, r := range []struct {
				dialect string
				command []string
			}{
				{"twabot", []string{"node", "twabot.js"}}, {"twabot", []string{"php", "-S", "127.0.0.1:0", "twabot.php"}},
				{"platform", []string{"node", "platform.js"}}, {"platform", []string{"python3", "platform.py"}}, {"awalchat", []string{"node", "awalchat.js"}},
				{"digest", []string{"node", "digest.js"}}, {"cloud", []string{"python3", "cloud.py"}}, {"onprem", []string{"python3", "onprem.py"}},
			} {
				secret := signature.NewRandomSecret().Text()
				if r.dialect == "twabot" {
					secret = "my_secret_key_123"
				}
				program := r.command[len(r.command)-1]
				secrets[program] = secret
				hooks[program] = w.webhook(models.Webhook{Name: program, URL: fanouttest.Program(t, receivers, secret, r.command...), Dialect: r.dialect,
					Secret: models.Secret(secret), Verified: true, RetrySchedule: []time.Duration{}})
			}
			// Our own dialect, and that any of them can be verified with a stock library.
			ours := map[string]*fanouttest.Receiver{}
			for _, d := range dialect.Names() {
				ours[d] = fanouttest.NewReceiver(t, nil)
				secrets[d] = signature.NewRandomSecret().Text()
				w.webhook(models.Webhook{Name: d, URL: ours[d].URL, Dialect: d, Secret: models.Secret(secrets[d]), Verified: true})
			}

			sim := simulator.New(simulator.Options{PhoneNumberID: testPNID, WABAID: testWABA, DisplayPhoneNumber: "15550100200", Contacts: 8})
			facts := []simulator.Fact{sim.Text("15550177321", "آدا \u2028", "مرحبا 👋🏽 <b>\"&'</b> \\ \u2028 \t line\nbreak é")}
			for _, k := range simulator.Kinds() {
				if !k.OnPremises {
					fact, err := sim.Kind(k.Name)
					require.NoError(t, err)
					facts = append(facts, fact)
				}
			}
			for _, fact := range facts {
				require.Equal(t, http.StatusOK, w.post("a", sim.Callback(fact)))
			}
			w.idle(60 * time.Second)

			for program, h := range hooks {
				stats, err := w.store.Stats(t.Context(), h.ID, time.Time{})
				require.NoError(t, err)
				state := models.Failed
				failed, err := w.store.Deliveries(t.Context(), h.ID, models.DeliveryFilter{State: &state})
				require.NoError(t, err)
				for _, f := range failed {
					d, err := w.store.Delivery(t.Context(), w.made.BusinessID, f.EventID, h.ID)
					require.NoError(t, err)
					t.Errorf("%s refused %s: %d %s %s\n%s", program, f.Type, *f.LastStatus, *f.LastReason, d.Attempts[0].Answer, d.Event.Data)
				}
				require.Greater(t, stats.Total, int64(60), program)
			}
			for d, r := range ours {
				got := r.Got()
				require.NotEmpty(t, got, d)
				wh, err := standardwebhooks.NewWebhook(secrets[d])
				require.NoError(t, err)
				for _, one := range got {
					require.NoError(t, wh.Verify(one.Body, one.Header), "%s: %s", d, one.Body)
					require.NotContains(t, string(one.Body), `\u003c`)
				}
			}
		})
	}
}

// The same thousand facts, three times, in other batches and another order, from two apps: a thousand events.
func TestAThousandFactsThreeTimes(t *testing.T) {
	for name, config := range everyRedis {
		t.Run(name, func(t *testing.T) {
			w := startWhole(t, config(t))
			r := fanouttest.NewReceiver(t, nil)
			w.webhook(models.Webhook{Name: "crm", URL: r.URL, Events: []string{"message.received", "message.report"}})
			sim := simulator.New(simulator.Options{PhoneNumberID: testPNID, WABAID: testWABA, Contacts: 60, Mix: simulator.Mix{Messages: 1, Statuses: 3, Failed: 0.02}})
			var facts []simulator.Fact
			seen := map[string]bool{}
			for len(facts) < 1000 {
				f := sim.Next()
				if !seen[f.ID] && f.Kind != simulator.KindError {
					seen[f.ID] = true
					facts = append(facts, f)
				}
			}
			rng := rand.New(rand.NewPCG(7, 7))
			posts := make(chan func(), 16)
			done := make(chan struct{})
			for range 8 { // the platform posts in parallel
				go func() {
					for p := range posts {
						p()
					}
					done <- struct{}{}
				}()
			}
			for round, most := range []int{1, 7, 40} {
				for i, batch := range simulator.Rebatch(facts, rng, most) {
					app := []string{"a", "b"}[(i+round)%2]
					body := sim.Callback(batch...)
					posts <- func() {
						if status := w.post(app, body); status != http.StatusOK {
							t.Errorf("callback answered %d", status)
						}
					}
				}
			}
			close(posts)
			for range 8 {
				<-done
			}
			r.Wait(t, 1000, 60*time.Second)
			w.idle(30 * time.Second)
			counts := r.Counts()
			require.Len(t, counts, 1000)
			for id, n := range counts {
				require.Equal(t, 1, n, id)
			}
			w.requireSequences(r.Got())
		})
	}
}

// idle waits until nothing is unfinished.
func (w *whole) idle(limit time.Duration) {
	w.t.Helper()
	require.Eventually(w.t, func() bool {
		b, err := w.store.Backlog(w.t.Context())
		return err == nil && b.Callbacks == 0 && b.Deliveries == 0
	}, limit, 20*time.Millisecond, "work left over")
}

// requireSequences: within a conversation every sequence is different.
func (w *whole) requireSequences(ds []fanouttest.Delivery) {
	w.t.Helper()
	seen := map[[2]int64]string{}
	for _, d := range ds {
		var body struct {
			ID   string
			Data struct {
				Sequence     int64
				Conversation *struct{ ID int64 }
			}
		}
		require.NoError(w.t, json.Unmarshal(d.Body, &body))
		if body.Data.Conversation == nil {
			continue
		}
		require.Positive(w.t, body.Data.Sequence)
		k := [2]int64{body.Data.Conversation.ID, body.Data.Sequence}
		if other, taken := seen[k]; taken {
			require.Equal(w.t, other, body.ID, "two events with sequence %v", k)
		}
		seen[k] = body.ID
	}
}

// A callback for a number that nobody connected is kept and processed when somebody does.
func TestACallbackWaitsForItsNumber(t *testing.T) {
	for name, config := range stores {
		t.Run(name, func(t *testing.T) {
			w := startWhole(t, config(t))
			r := fanouttest.NewReceiver(t, nil)
			w.webhook(models.Webhook{Name: "crm", URL: r.URL, Events: []string{"message.received"}})
			require.Equal(t, http.StatusOK, w.post("a", textCallback("999000", "15550177321", "wamid.early", "anybody there?")))
			w.idle(10 * time.Second)
			require.Empty(t, r.Got())
			_, err := w.store.CreateNumber(t.Context(), models.Number{BusinessID: w.made.BusinessID, PhoneNumberID: "999000", Display: "1555"})
			require.NoError(t, err)
			got := r.Wait(t, 1, 15*time.Second)
			require.Contains(t, string(got[0].Body), "wamid.early")
		})
	}
}

// Retries, Retry-After, final answers, redirects, 410: what the answer means, seen from outside.
func TestManners(t *testing.T) {
	for name, config := range stores {
		t.Run(name, func(t *testing.T) {
			w := startWhole(t, config(t))
			elsewhere := fanouttest.NewReceiver(t, nil)
			failing := map[string]int{}
			flaky := fanouttest.NewReceiver(t, func(rw http.ResponseWriter, _ *http.Request, d fanouttest.Delivery) {
				if failing[d.ID()]++; failing[d.ID()] == 1 {
					rw.WriteHeader(http.StatusInternalServerError)
					_, _ = fmt.Fprint(rw, "boom\x00 \xff")
				}
			})
			redirecting := fanouttest.NewReceiver(t, func(rw http.ResponseWriter, q *http.Request, _ fanouttest.Delivery) {
				http.Redirect(rw, q, elsewhere.URL, http.StatusTemporaryRedirect)
			})
			gone := fanouttest.NewReceiver(t, func(rw http.ResponseWriter, _ *http.Request, _ fanouttest.Delivery) { rw.WriteHeader(http.StatusGone) })
			once := []time.Duration{time.Second}
			fh := w.webhook(models.Webhook{Name: "flaky", URL: flaky.URL, Events: []string{"message.received"}, RetrySchedule: once})
			rh := w.webhook(models.Webhook{Name: "redirecting", URL: redirecting.URL, Events: []string{"message.received"}, RetrySchedule: []time.Duration{}})
			gh := w.webhook(models.Webhook{Name: "gone", URL: gone.URL, Events: []string{"message.received"}})
			require.Equal(t, http.StatusOK, w.post("a", textCallback(testPNID, "15550177321", "wamid.m1", "one")))
			require.Eventually(t, func() bool { return len(flaky.Got()) == 2 }, 15*time.Second, 10*time.Millisecond)
			w.idle(15 * time.Second)
			require.Equal(t, flaky.Got()[0].Body, flaky.Got()[1].Body, "a retry sends the same bytes")
			require.Equal(t, flaky.Got()[0].ID(), flaky.Got()[1].ID())
			require.Empty(t, elsewhere.Got(), "redirects are not followed")

			rows, err := w.store.Deliveries(t.Context(), fh.ID, models.DeliveryFilter{})
			require.NoError(t, err)
			require.Len(t, rows, 1)
			require.Equal(t, models.Succeeded, rows[0].State)
			detail, err := w.store.Delivery(t.Context(), w.made.BusinessID, rows[0].EventID, fh.ID)
			require.NoError(t, err)
			require.Len(t, detail.Attempts, 2)
			require.Equal(t, http.StatusInternalServerError, detail.Attempts[0].Status)
			require.Contains(t, detail.Attempts[0].Answer, "boom")

			rows, err = w.store.Deliveries(t.Context(), rh.ID, models.DeliveryFilter{})
			require.NoError(t, err)
			require.Equal(t, models.Failed, rows[0].State)
			require.Contains(t, *rows[0].LastReason, "redirect")

			hook, err := w.store.Webhook(t.Context(), w.made.BusinessID, gh.ID)
			require.NoError(t, err)
			require.False(t, hook.Active)
			require.Contains(t, hook.DisabledReason, "410")
			require.EqualValues(t, 1, hook.Health.FailCount)
			hook, err = w.store.Webhook(t.Context(), w.made.BusinessID, fh.ID)
			require.NoError(t, err)
			require.EqualValues(t, 0, hook.Health.FailCount, "a success resets the count")
			require.False(t, hook.Health.LastTriggeredAt.IsZero())

			// What comes while a webhook is off is held for its owner.
			require.Equal(t, http.StatusOK, w.post("a", textCallback(testPNID, "15550177321", "wamid.m2", "two")))
			require.Eventually(t, func() bool {
				rows, err := w.store.Deliveries(t.Context(), gh.ID, models.DeliveryFilter{})
				return err == nil && len(rows) == 2 && rows[0].State == models.Held
			}, 10*time.Second, 20*time.Millisecond)
		})
	}
}

// A rate limit delays deliveries and costs them no attempt.
func TestRateLimit(t *testing.T) {
	for name, config := range stores {
		t.Run(name, func(t *testing.T) {
			w := startWhole(t, config(t))
			r := fanouttest.NewReceiver(t, nil)
			h := w.webhook(models.Webhook{Name: "slowly", URL: r.URL, Events: []string{"message.received"}, RateLimit: 10})
			sim := simulator.New(simulator.Options{PhoneNumberID: testPNID, WABAID: testWABA})
			for range 40 {
				require.Equal(t, http.StatusOK, w.post("a", sim.Callback(sim.Text("15550177321", "Ada", "hi"))))
			}
			got := r.Wait(t, 40, 40*time.Second)
			took := got[len(got)-1].At.Sub(got[0].At)
			require.Greater(t, took, 3*time.Second, "40 deliveries at 10 per second")
			w.idle(20 * time.Second)
			rows, err := w.store.Deliveries(t.Context(), h.ID, models.DeliveryFilter{})
			require.NoError(t, err)
			for _, row := range rows {
				require.Equal(t, 1, row.Attempts)
			}
		})
	}
}

// JSON that nobody can bring into another form goes out as text; it holds up nothing.
func TestDeepNestingHoldsUpNothing(t *testing.T) {
	for name, config := range stores {
		t.Run(name, func(t *testing.T) {
			w := startWhole(t, config(t))
			r := fanouttest.NewReceiver(t, nil)
			w.webhook(models.Webhook{Name: "crm", URL: r.URL, Events: []string{"message.received", "upstream.unrecognized"}})
			deep := strings.Repeat(`{"a":`, 5000) + "1" + strings.Repeat("}", 5000)
			body := bytes.Replace(textCallback(testPNID, "15550177321", "wamid.deep", "hi"), []byte(`"text":{`), []byte(`"text":{"x":`+deep+`,`), 1)
			require.Equal(t, http.StatusOK, w.post("a", body))
			for _, b := range []string{"", "nonsense", `{"entry":[`, `[]`, `{"entry":[{"changes":[{"field":"messages","value":` + deep + `}]}]}`, "{\"a\":\"\xff\x00\"}"} {
				require.Equal(t, http.StatusOK, w.post("a", []byte(b)))
			}
			require.Equal(t, http.StatusOK, w.post("a", textCallback(testPNID, "1555\x00017\xff", "wamid.\u0000nul", "nul \u0000 text")))
			require.Equal(t, http.StatusOK, w.post("a", textCallback(testPNID, "15550177321", "wamid.after", "still here")))
			require.Eventually(t, func() bool {
				for _, d := range r.Got() {
					if strings.Contains(string(d.Body), "wamid.after") {
						return true
					}
				}
				return false
			}, 20*time.Second, 20*time.Millisecond)
			w.idle(20 * time.Second)
			deepSeen := false
			for _, d := range r.Got() {
				require.True(t, json.Valid(d.Body))
				deepSeen = deepSeen || strings.Contains(string(d.Body), "wamid.deep")
			}
			require.True(t, deepSeen)
		})
	}
}
