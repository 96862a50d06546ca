package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"wabagate/fanout/dialect"
	"wabagate/fanout/fanouttest"
	"wabagate/models"
	"wabagate/waba/wabatest"
)

// connected is a whole gateway in front of a simulated platform, with one number that was connected through the API.
type connected struct {
	*whole
	sim       *wabatest.Server
	numberID  int64
	numberKey string
	cfg       Config
	receivers map[string]*fanouttest.Receiver // by dialect
}

// startConnected runs a gateway on empty stores beside a simulated platform and connects the platform's number to it, as a
// business does: through the API, by its token, with its callbacks directed here.
func startConnected(t *testing.T, cfg Config, o wabatest.Options) *connected {
	t.Helper()
	if o.Latency == (wabatest.Latency{}) {
		o.Latency = wabatest.At(20 * time.Millisecond)
	}
	sim := wabatest.New(o)
	t.Cleanup(sim.Close)
	base, err := sim.Start("127.0.0.1:0")
	require.NoError(t, err)
	cfg.Port = freePort(t)
	cfg.GraphURL, cfg.Dialog360URL, cfg.PublicURL = base, base, fmt.Sprintf("http://127.0.0.1:%d", cfg.Port)
	a, err := New(t.Context(), cfg, slog.New(slog.NewTextHandler(t.Output(), &slog.HandlerOptions{Level: slog.LevelWarn})))
	require.NoError(t, err)
	t.Cleanup(a.Stop)
	_, err = a.Start()
	require.NoError(t, err)
	c := &connected{whole: &whole{App: a, t: t, url: cfg.PublicURL}, sim: sim, cfg: cfg, receivers: map[string]*fanouttest.Receiver{}}

	business, err := a.store.CreateBusiness(t.Context(), "Bakery")
	require.NoError(t, err)
	_, key, err := a.store.CreateAPIKey(t.Context(), business.ID, nil, "owner")
	require.NoError(t, err)
	c.made.BusinessID, c.made.APIKey = business.ID, key.Text()
	_, err = a.store.CreateApp(t.Context(), models.App{Name: "meta", BusinessID: &business.ID, VerifyToken: "token-1", Secrets: []models.Secret{wabatest.DefaultAppSecret}})
	require.NoError(t, err)
	require.NoError(t, a.directory.Refresh(t.Context()))

	var number struct{ ID int64 }
	c.call(http.MethodPost, "/api/client/numbers", map[string]any{"phone_number_id": wabatest.DefaultNumberID, "waba_id": wabatest.DefaultWABAID, "token": wabatest.DefaultToken,
		"app_id": wabatest.DefaultAppID, "override": true}, http.StatusCreated, &number)
	c.numberID = number.ID
	var made struct{ Key string }
	c.call(http.MethodPost, "/api/client/keys", map[string]any{"name": "crm", "number_id": number.ID}, http.StatusCreated, &made)
	c.numberKey = made.Key
	return c
}

func freePort(t *testing.T) int {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer func() { require.NoError(t, l.Close()) }()
	return l.Addr().(*net.TCPAddr).Port
}

// everyDialect subscribes a receiver in each dialect.
func (c *connected) everyDialect() {
	for _, d := range dialect.Names() {
		c.receivers[d] = fanouttest.NewReceiver(c.t, nil)
		c.webhook(models.Webhook{Name: d, URL: c.receivers[d].URL, Dialect: d, Verified: true})
	}
}

// call makes a request of the business's own API and reads the answer.
func (c *connected) call(method, path string, body any, status int, answer any) {
	c.t.Helper()
	b, err := json.Marshal(body)
	require.NoError(c.t, err)
	c.request(method, path, "Authorization", "Bearer "+c.made.APIKey, b, status, answer)
}

// send gives a message to the number's API and answers its id: the wamid when it waited for the platform.
func (c *connected) send(path string, body []byte, status int) string {
	c.t.Helper()
	var answer struct{ Messages []struct{ ID string } }
	c.request(http.MethodPost, path, "D360-API-KEY", c.numberKey, body, status, &answer)
	require.Len(c.t, answer.Messages, 1)
	return answer.Messages[0].ID
}

func (c *connected) request(method, path, header, value string, body []byte, status int, answer any) {
	c.t.Helper()
	req, err := http.NewRequestWithContext(c.t.Context(), method, c.url+path, bytes.NewReader(body))
	require.NoError(c.t, err)
	req.Header.Set(header, value)
	req.Header.Set("Content-Type", "application/json")
	res, err := http.DefaultClient.Do(req)
	require.NoError(c.t, err)
	defer func() { _ = res.Body.Close() }()
	b, err := io.ReadAll(res.Body)
	require.NoError(c.t, err)
	require.Equal(c.t, status, res.StatusCode, "%s %s: %s", method, path, b)
	if answer != nil {
		require.NoError(c.t, json.Unmarshal(b, answer), "%s", b)
	}
}

// told is what the webhook of the gateway's own dialect was told of a message: the types and states of its events, each so
// often.
func (c *connected) told(message string) map[string]int {
	c.t.Helper()
	seen := map[string]int{}
	once := map[string]bool{}
	for _, d := range c.receivers["wabagate"].Got() {
		var e struct {
			Type string
			Data struct {
				Message struct{ ID string }
				Status  struct {
					ID     string `json:"message_id"`
					Status string
				}
			}
		}
		require.NoError(c.t, json.Unmarshal(d.Body, &e), "%s", d.Body)
		if e.Data.Message.ID != message && e.Data.Status.ID != message || once[d.ID()] || e.Type == "conversation.created" {
			continue
		}
		once[d.ID()] = true
		if e.Type == "message.report" {
			e.Type += " " + e.Data.Status.Status
		}
		seen[e.Type]++
	}
	return seen
}

// toldOf waits until the business was told of a message as expected, and says what it was told if it is something else.
func (c *connected) toldOf(message string, want map[string]int) {
	c.t.Helper()
	var got map[string]int
	deadline := time.Now().Add(time.Minute)
	for {
		got = c.told(message)
		if fmt.Sprint(got) == fmt.Sprint(want) || time.Now().After(deadline) {
			break
		}
		time.Sleep(20 * time.Millisecond)
	}
	require.Equal(c.t, want, got, "what was told of %s", message)
}
