package api_test

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/gofiber/fiber/v2"
	"github.com/hibiken/asynq"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/require"

	"wabagate/api"
	"wabagate/models"
)

func TestHealth(t *testing.T) {
	var down error
	b := setup(t, func(o *api.Options) {
		o.Ready, o.MetricsOpen = func(context.Context) error { return down }, true
		c := prometheus.NewCounter(prometheus.CounterOpts{Name: "probe_total"})
		o.Registry.(*prometheus.Registry).MustRegister(c)
	})
	down = errors.New("the database does not answer")
	for path, want := range map[string]string{"/healthz": "ok", "/readyz": "the database does not answer", "/metrics": "probe_total 0"} {
		status, got, _ := b.call("GET", path, "")
		require.Contains(t, got, want)
		require.Equal(t, map[bool]int{true: 503, false: 200}[path == "/readyz"], status)
	}
	down = nil
	status, got, _ := b.call("GET", "/readyz", "")
	require.Equal(t, 200, status)
	require.Equal(t, "ok", got)
}

// Anonymous and members are refused the metrics and the profiles; the token opens the metrics only.
func TestMetricsAndProfilesAreGuarded(t *testing.T) {
	for name, token := range map[string]models.Secret{"with a token": "t0ken", "without a token": ""} {
		t.Run(name, func(t *testing.T) {
			b := setup(t, func(o *api.Options) { o.MetricsToken = token })
			byToken := map[bool]int{true: 200, false: 401}[token != ""]
			for header, want := range map[string]int{"": 401, "Bearer ": 401, "Bearer nope": 401, "t0ken": 401, "Bearer t0ken": byToken, "Bearer " + b.key.Text(): 401} {
				status, got, _ := b.call("GET", "/metrics", "", "Authorization", header)
				require.Equal(t, want, status, header)
				if want == 401 {
					require.Contains(t, got, "WABAGATE_METRICS_TOKEN")
				}
			}
			for _, path := range []string{"/metrics", "/debug/pprof/", "/debug/pprof/cmdline", "/debug/pprof/goroutine?debug=1", "/debug/vars", "/debug"} {
				status, _, _ := b.call("GET", path, "", "Cookie", b.theirUser)
				require.Equal(t, 403, status, path)
				if path == "/metrics" {
					continue
				}
				for _, header := range []string{"", "Bearer t0ken", "Bearer " + b.key.Text()} {
					status, _, _ := b.call("GET", path, "", "Authorization", header)
					require.Equal(t, 401, status, path)
				}
			}
			status, _, _ := b.call("GET", "/metrics", "", "Cookie", b.session)
			require.Equal(t, 200, status)
		})
	}
	b := setup(t, func(o *api.Options) { o.MetricsOpen = true })
	status, _, _ := b.call("GET", "/metrics", "")
	require.Equal(t, 200, status)
	status, _, _ = b.call("GET", "/debug/pprof/", "")
	require.Equal(t, 401, status, "the profiles stay closed")
}

func TestProfiles(t *testing.T) {
	b := setup(t)
	for path, want := range map[string]string{"/debug/pprof/": "goroutine", "/debug/pprof/goroutine?debug=1": "goroutine profile:", "/debug/pprof/heap?debug=1": "heap profile:",
		"/debug/pprof/cmdline": "test", "/debug/pprof/symbol": "num_symbols"} {
		status, got, head := b.call("GET", path, "", "Cookie", b.session)
		require.Equal(t, 200, status, path)
		require.Contains(t, got, want, path)
		require.Equal(t, "nosniff", head.Get("X-Content-Type-Options"))
		require.Equal(t, "no-store", head.Get("Cache-Control"))
	}
	status, _, head := b.call("GET", "/debug", "", "Cookie", b.session)
	require.Equal(t, 302, status)
	require.Equal(t, "/debug/pprof/", head.Get("Location"))
	status, _, _ = b.call("GET", "/debug/vars", "", "Cookie", b.session)
	require.Equal(t, 404, status)
	status, _, _ = b.call("POST", "/debug/pprof/symbol", "0x1", "Cookie", b.session)
	require.Equal(t, 405, status, "they are only read")
}

func TestMonitor(t *testing.T) {
	b := setup(t)
	client := asynq.NewClient(asynq.RedisClientOpt{Addr: b.redis.Addr()})
	defer func() { _ = client.Close() }()
	_, err := client.Enqueue(asynq.NewTask("callbacks:translate", []byte(`{"work":1}`)), asynq.Queue("callbacks"))
	require.NoError(t, err)

	status, _, head := b.call("GET", "/monitor/", "")
	require.Equal(t, 302, status)
	require.Equal(t, "/login?next=%2Fmonitor%2F", head.Get("Location"))
	status, got, _ := b.call("GET", "/monitor/api/queues", "", "Accept", "text/html")
	require.Equal(t, 401, status)
	require.Contains(t, got, `"code":"unauthenticated"`)
	status, _, _ = b.call("POST", "/monitor/api/queues/callbacks:pause", "")
	require.Equal(t, 401, status)
	for _, path := range []string{"/monitor", "/monitor/", "/monitor/api/queues", "/monitor/static/js/main.js"} {
		status, _, _ = b.call("GET", path, "", "Cookie", b.theirUser)
		require.Equal(t, 403, status, path)
		status, _, _ = b.call("GET", path, "", "Authorization", "Bearer "+b.key.Text())
		require.NotEqual(t, 200, status, path)
	}
	for _, path := range []string{"/monitor", "/monitor/", "/monitor/queues/callbacks"} {
		status, got, head = b.call("GET", path, "", "Cookie", b.session)
		require.Equal(t, 200, status, path)
		require.Contains(t, got, "/monitor/static/js/")
		require.Contains(t, head.Get("Content-Security-Policy"), "frame-ancestors 'none'")
	}
	status, got, _ = b.call("GET", "/monitor/api/queues", "", "Cookie", b.session)
	require.Equal(t, 200, status)
	require.Contains(t, got, `"queue":"callbacks"`)
	status, _, _ = b.call("POST", "/monitor/api/queues/callbacks:pause", "", "Cookie", b.session, "Sec-Fetch-Site", "cross-site")
	require.Equal(t, 403, status)
	status, _, _ = b.call("POST", "/monitor/api/queues/callbacks:pause", "", "Cookie", b.session, "Sec-Fetch-Site", "same-origin")
	require.Less(t, status, 300)
	_, got, _ = b.call("GET", "/monitor/api/queues", "", "Cookie", b.session)
	require.Contains(t, got, `"paused":true`)
}

func TestErrorHandler(t *testing.T) {
	var log strings.Builder
	app := fiber.New(fiber.Config{ErrorHandler: api.ErrorHandler(slog.New(slog.NewTextHandler(&log, nil)))})
	for path, err := range map[string]error{
		"/missing": models.ErrNotFound, "/taken": models.ErrConflict, "/large": fiber.ErrRequestEntityTooLarge,
		"/broken": errors.New("password of db is hunter2"), "/own": &api.Error{Status: 400, Code: "invalid", Message: "must <b>", Field: "x"},
	} {
		app.Get(path, func(*fiber.Ctx) error { return err })
	}
	for path, want := range map[string]string{
		"/missing": `404 {"error":{"code":"not_found","message":"there is no such thing, or it is not yours"}}`,
		"/taken":   `409 {"error":{"code":"conflict","message":"it exists already"}}`,
		"/large":   `413 {"error":{"code":"body_too_large","message":"the body is too large"}}`,
		"/broken":  `500 {"error":{"code":"internal","message":"internal error"}}`,
		"/own":     `400 {"error":{"code":"invalid","message":"must <b>","field":"x"}}`,
		"/nowhere": `404 {"error":{"code":"not_found","message":"there is nothing at this address"}}`,
	} {
		for _, accept := range []string{"application/json", "text/html"} {
			r := httptest.NewRequest("GET", path, nil)
			r.Header.Set("Accept", accept)
			res, err := app.Test(r)
			require.NoError(t, err)
			body, _ := io.ReadAll(res.Body)
			_ = res.Body.Close()
			require.NotContains(t, string(body), "hunter2")
			require.Equal(t, want[:3], res.Status[:3])
			if accept == "text/html" {
				require.Contains(t, string(body), "<!doctype html>")
				require.NotContains(t, string(body), "<b>must")
				continue
			}
			require.Equal(t, want[4:], string(body))
		}
	}
	require.Contains(t, log.String(), "hunter2", "the log has the details")
	require.Equal(t, 2, strings.Count(log.String(), "request failed"))
}
