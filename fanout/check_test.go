package fanout

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"wabagate/fanout/check"
	"wabagate/fanout/dialect"
	"wabagate/fanout/event"
	"wabagate/fanout/fanouttest"
	"wabagate/models"
)

// A check goes out as deliveries do. The courier of this test has neither store nor circuit nor rates: nothing of it is kept.
func TestCheck(t *testing.T) {
	receiver := fanouttest.NewReceiver(t, nil)
	w := models.Webhook{ID: 7, BusinessID: 9, URL: receiver.URL, Dialect: "twabot", Secret: "hush", Headers: map[string]string{"X-Tenant": "42"},
		Auth: models.Auth{Kind: models.AuthBearer, Token: "tok"}, Timeout: 2 * time.Second}
	var told []check.Name
	report, err := guarded(t).Check(t.Context(), w, func(f check.Finding) { told = append(told, f.Check) })
	require.NoError(t, err)
	require.Equal(t, check.C, report.Grade, "takes anything from whoever has the token")
	require.Len(t, told, len(report.Findings))
	got := receiver.Got()
	require.Len(t, got, report.Requests)
	for _, d := range got {
		require.Equal(t, "42", d.Header.Get("X-Tenant"))
		require.Equal(t, "Bearer tok", d.Header.Get("Authorization"))
		require.Equal(t, UserAgent, d.Header.Get("User-Agent"))
		require.Equal(t, "application/json", d.Header.Get("Content-Type"))
		require.Contains(t, string(d.Body), "Layla Haddad", "sample data only")
	}
	_, err = guarded(t).Check(t.Context(), models.Webhook{Dialect: "klingon"}, nil)
	require.ErrorContains(t, err, "klingon")
}

// A preview is what is posted, byte for byte and header for header.
func TestPreview(t *testing.T) {
	receiver := fanouttest.NewReceiver(t, nil)
	now := time.Now().Truncate(time.Second)
	for _, name := range dialect.Names() {
		w := models.Webhook{ID: 7, BusinessID: 9, URL: receiver.URL, Dialect: name, Secret: "hush", Headers: map[string]string{"X-Tenant": "42"}, Timeout: 2 * time.Second}
		e, err := event.Sample(event.MessageReceived, now)
		require.NoError(t, err)
		header, body, err := Preview(w, e, now)
		require.NoError(t, err)
		c := guarded(t)
		c.now = func() time.Time { return now }
		_, _, err = c.Try(t.Context(), w, e)
		require.NoError(t, err)
		got := receiver.Got()
		d := got[len(got)-1]
		require.Equal(t, string(body), string(d.Body))
		require.Equal(t, "sample", d.Header.Get(check.TestHeader), "tries say that they are none")
		for _, transport := range []string{"Content-Length", check.TestHeader} {
			d.Header.Del(transport)
		}
		require.Equal(t, header, d.Header)
	}
	e, err := event.Sample(event.ConversationCreated, now)
	require.NoError(t, err)
	_, _, err = Preview(models.Webhook{Dialect: "cloud"}, e, now)
	require.ErrorIs(t, err, dialect.ErrNoShape)
}
