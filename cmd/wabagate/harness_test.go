package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/netip"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"wabagate/fanout/deliver"
	"wabagate/fanout/fanouttest"
	"wabagate/models"
	"wabagate/models/modelstest"
	"wabagate/waba"
)

const (
	testSecret = "app-secret-1"
	testPNID   = "600700800900100"
	testWABA   = "500100200300400"
)

// stores are the two ways to run.
var stores = map[string]func(t *testing.T) Config{
	"embedded": func(t *testing.T) Config { return testConfig(t, "", "") },
	"postgres and redis": func(t *testing.T) Config {
		return testConfig(t, modelstest.PostgresURL(t), fanouttest.RedisURL(t))
	},
}

// everyRedis are the stores, and those of which Redis is several servers.
var everyRedis = map[string]func(t *testing.T) Config{
	"embedded":           stores["embedded"],
	"postgres and redis": stores["postgres and redis"],
	"a Redis Cluster": func(t *testing.T) Config {
		return testConfig(t, modelstest.PostgresURL(t), startCluster(t).URL())
	},
	"Sentinels": func(t *testing.T) Config { return testConfig(t, modelstest.PostgresURL(t), startSentinel(t).URL()) },
}

func testConfig(t *testing.T, database, redis string) Config {
	return Config{DatabaseURL: models.Secret(database), RedisURL: models.Secret(redis), Host: "127.0.0.1", Data: t.TempDir(), Roles: Roles{true, true, true},
		AllowPrivate: deliver.Allowed{Prefixes: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}}, PublicURL: "http://localhost", Grace: 5 * time.Second}
}

// whole is a running gateway with one business.
type whole struct {
	*App
	t    *testing.T
	made bootstrapped
	url  string
}

// startWhole runs the whole program in this process with one business, its number, and two apps, a and b.
func startWhole(t *testing.T, cfg Config) *whole {
	t.Helper()
	return startLogging(t, cfg, slog.New(slog.NewTextHandler(t.Output(), &slog.HandlerOptions{Level: slog.LevelWarn})))
}

// startLogging is startWhole with another log.
func startLogging(t *testing.T, cfg Config, log *slog.Logger) *whole {
	t.Helper()
	a, err := New(t.Context(), cfg, log)
	require.NoError(t, err)
	t.Cleanup(a.Stop)
	_, err = a.Start()
	require.NoError(t, err)
	w := &whole{App: a, t: t, url: "http://" + a.Addr()}
	w.made, err = bootstrap{Business: "Bakery", Email: "owner@example.com", Password: "correct horse", App: "a", AppSecret: testSecret,
		VerifyToken: "token-1", PhoneNumberID: testPNID, Display: "+1 555 010 0200", WABA: testWABA}.run(t.Context(), a.store)
	require.NoError(t, err)
	_, err = a.store.CreateApp(t.Context(), models.App{Name: "b", BusinessID: &w.made.BusinessID, VerifyToken: "token-2", Secrets: []models.Secret{testSecret}})
	require.NoError(t, err)
	require.NoError(t, a.directory.Refresh(t.Context()))
	return w
}

// webhook subscribes a receiver.
func (w *whole) webhook(h models.Webhook) models.Webhook {
	w.t.Helper()
	h.BusinessID, h.Active = w.made.BusinessID, true
	if h.Events == nil {
		h.Events = []string{"*"}
	}
	if h.Dialect == "" {
		h.Dialect = "wabagate"
	}
	h, err := w.store.CreateWebhook(w.t.Context(), h)
	require.NoError(w.t, err)
	require.NoError(w.t, w.directory.Refresh(w.t.Context()))
	return h
}

// post sends a callback to an app and returns the status.
func (w *whole) post(app string, body []byte) int {
	w.t.Helper()
	status, err := postSigned(w.t.Context(), w.url+"/webhooks/cloud/"+app, testSecret, body)
	require.NoError(w.t, err)
	return status
}

func postSigned(ctx context.Context, url, secret string, body []byte) (int, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, url, bytes.NewReader(body))
	if err != nil {
		return 0, err
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set(waba.SignatureHeader, waba.Sign([]byte(secret), body))
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return 0, err
	}
	defer func() { _ = res.Body.Close() }()
	_, _ = io.Copy(io.Discard, res.Body)
	return res.StatusCode, nil
}

// textCallback is one text message from a customer.
func textCallback(pnid, from, wamid, text string) []byte {
	return fmt.Appendf(nil, `{"object":"whatsapp_business_account","entry":[{"id":"%s","changes":[{"field":"messages","value":{"messaging_product":"whatsapp","metadata":{"display_phone_number":"15550100200","phone_number_id":"%s"},"contacts":[{"profile":{"name":"Ada"},"wa_id":"%s"}],"messages":[{"from":"%s","id":"%s","timestamp":"%d","type":"text","text":{"body":%q}}]}}]}]}`,
		testWABA, pnid, from, from, wamid, time.Now().Unix(), text)
}
