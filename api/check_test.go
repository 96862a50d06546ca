package api_test

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"wabagate/fanout/check"
	"wabagate/models"
)

func TestCheck(t *testing.T) {
	b := setup(t)
	first, hold := make(chan struct{}), make(chan struct{})
	var once sync.Once
	receiver := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {
		once.Do(func() { close(first) })
		<-hold
	}))
	defer receiver.Close()
	w := b.webhook(func(w *models.Webhook) { w.URL, w.Active = receiver.URL, false })
	path := "/webhooks/" + decimal(w.ID) + "/check"

	status, got := b.foreign("POST", path, "")
	require.Equal(t, 404, status, got)
	status, got = b.api("POST", path, `{"x":1}`)
	require.Equal(t, 400, status, got)

	type answer struct {
		status int
		body   string
	}
	done := make(chan answer)
	go func() {
		status, got := b.api("POST", path, "")
		done <- answer{status, got}
	}()
	<-first
	status, got = b.api("POST", path, "")
	require.Equal(t, 409, status, got)
	require.Contains(t, got, "check_running")
	close(hold)
	a := <-done
	require.Equal(t, 200, a.status, a.body)
	report := decode[check.Report](t, a.body)
	require.Equal(t, check.F, report.Grade, "it takes forged events")
	f := report.Findings[4]
	require.Equal(t, check.WrongSignature, f.Check)
	require.Equal(t, check.Serious, f.Result)
	require.Len(t, f.Requests, 1)
	require.Equal(t, 200, f.Requests[0].Status)
	require.NotContains(t, a.body, strings.TrimPrefix(w.Secret.Text(), "whsec_"))

	// Nothing is kept of it, and another may begin.
	status, got = b.api("GET", "/webhooks/"+decimal(w.ID)+"/deliveries", "")
	require.Equal(t, 200, status)
	require.Contains(t, got, `"deliveries":[]`)
	after, err := b.store.Webhook(t.Context(), b.ours.ID, w.ID)
	require.NoError(t, err)
	require.Zero(t, after.Health)
	require.False(t, after.Active)
	status, got = b.api("POST", path, "")
	require.Equal(t, 200, status, got)
}
