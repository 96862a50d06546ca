package api_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"wabagate/fanout/event"
	"wabagate/models"
)

type counted struct {
	Total, Successful, Failed, Skipped, Attempts int64
	FailedAttempts                               int64    `json:"failed_attempts"`
	SuccessRate                                  *float64 `json:"success_rate"`
	MeanLatency                                  float64  `json:"mean_latency_ms"`
}

type series struct {
	From, To      time.Time
	Interval      string
	WebhookID     *int64 `json:"webhook_id"`
	Totals        counted
	Pending, Held int64
	Series        []struct {
		At time.Time
		counted
	}
}

func TestBusinessStats(t *testing.T) {
	b := setup(t)
	one, two := b.webhook(), b.webhook()
	b.delivery(one, "message.received", models.Succeeded, delivered)
	b.delivery(one, "message.received", models.Failed, rejected)
	b.delivery(two, "message.received", models.Succeeded, delivered)
	b.owed(two, b.delivery(two, "message.received", models.Pending))
	b.delivery(two, "message.received", models.Held)
	read := func(query string) series {
		status, got := b.api("GET", "/stats"+query, "")
		require.Equal(t, 200, status, got)
		return decode[series](t, got)
	}
	all := read("")
	require.Equal(t, []any{int64(5), int64(2), int64(1), int64(3), int64(1), int64(1), int64(1), "hour"},
		[]any{all.Totals.Total, all.Totals.Successful, all.Totals.Failed, all.Totals.Attempts, all.Totals.FailedAttempts, all.Pending, all.Held, all.Interval})
	require.InDelta(t, 0.6666, *all.Totals.SuccessRate, 0.0001)
	require.Nil(t, all.WebhookID)
	require.Len(t, all.Series, 25, "an interval for each hour that is touched, empty ones too")
	var sum int64
	for i, p := range all.Series {
		require.Equal(t, all.From.Add(time.Duration(i)*time.Hour), p.At)
		sum += p.Total
	}
	require.Equal(t, int64(5), sum)
	require.Equal(t, int64(2), read("?webhook_id="+decimal(one.ID)).Totals.Total)
	days := read("?interval=day")
	require.Len(t, days.Series, 31)
	require.Equal(t, int64(5), days.Totals.Total)
	require.Zero(t, read("?to="+b.clock.now().Add(-2*time.Hour).UTC().Format(time.RFC3339)).Totals.Total)

	for query, field := range map[string]string{"interval=week": "interval", "webhook_id=x": "webhook_id", "from=tomorrow": "from", "from=2026-02-01T00:00:00Z&to=2026-01-01T00:00:00Z": "from",
		"from=2026-01-01T00:00:00Z&to=2026-03-01T00:00:00Z": "from", "interval=day&from=2026-01-01T00:00:00Z&to=2027-03-01T00:00:00Z": "from"} {
		status, got := b.api("GET", "/stats?"+query, "")
		require.Equal(t, 400, status, query)
		require.Contains(t, got, `"field":"`+field+`"`, query)
	}
	status, _ := b.foreign("GET", "/stats?webhook_id="+decimal(one.ID), "")
	require.Equal(t, 404, status)
	_, got := b.foreign("GET", "/stats", "")
	require.Zero(t, decode[series](t, got).Totals.Total)
}

func TestUsage(t *testing.T) {
	b := setup(t)
	w := b.webhook()
	b.delivery(w, "message.received", models.Succeeded, delivered)
	until := b.store.Now().Add(time.Minute)
	for through := (time.Time{}); through.Before(until.Truncate(time.Millisecond)); {
		var err error
		through, _, err = b.store.CountTraffic(t.Context(), until)
		require.NoError(t, err)
	}
	type use struct {
		NumberID                                                int64 `json:"number_id"`
		Day                                                     string
		Callbacks, Events, Received, Sent, Deliveries, Attempts int64
		Numbers                                                 []struct {
			NumberID         int64 `json:"number_id"`
			Events, Received int64
		}
	}
	type usage struct {
		Month        string
		CountedUntil *time.Time `json:"counted_until"`
		Totals       use
		Numbers      []use
		Days         []use
	}
	month := b.clock.now().UTC().Format("2006-01")
	status, got := b.api("GET", "/usage?month="+month, "")
	require.Equal(t, 200, status, got)
	u := decode[usage](t, got)
	require.Equal(t, []int64{1, 1, 1, 1}, []int64{u.Totals.Deliveries, u.Totals.Attempts, u.Totals.Events, u.Totals.Received})
	require.Equal(t, month, u.Month)
	require.NotNil(t, u.CountedUntil)
	require.Len(t, u.Days, b.clock.now().UTC().Day(), "to today")
	require.Len(t, u.Numbers, 1)
	require.Equal(t, b.number.ID, u.Numbers[0].NumberID)
	today := u.Days[len(u.Days)-1]
	require.Equal(t, []int64{1, 1, 1}, []int64{today.Deliveries, today.Received, today.Numbers[0].Received})

	_, got = b.foreign("GET", "/usage", "")
	require.Zero(t, decode[usage](t, got).Totals)
	for _, wrong := range []string{"yesterday", "2026-13", "2025-12", "2080-01"} {
		status, got := b.api("GET", "/usage?month="+wrong, "")
		require.Equal(t, 400, status, wrong)
		require.Contains(t, got, `"field":"month"`)
	}
}

func TestHistory(t *testing.T) {
	b := setup(t)
	one, two := b.webhook(), b.webhook()
	var made []string
	for i := range 6 {
		w := one
		if i%2 == 1 {
			w = two
		}
		made = append([]string{b.delivery(w, "message.received", models.Succeeded, delivered)}, made...)
	}
	failed := b.delivery(two, "order.created", models.Failed, rejected)
	type page struct {
		Deliveries []struct {
			ID, Event, Status string
			EventID           string `json:"event_id"`
			WebhookID         int64  `json:"webhook_id"`
			LastStatus        *int   `json:"last_status_code"`
		}
		Next string `json:"next_cursor"`
	}
	list := func(query string) (ids []string) {
		for next := ""; ; {
			status, got := b.api("GET", "/deliveries?"+query+"&cursor="+next, "")
			require.Equal(t, 200, status, got)
			p := decode[page](t, got)
			for _, d := range p.Deliveries {
				ids = append(ids, d.ID)
			}
			if next = p.Next; next == "" {
				return ids
			}
		}
	}
	all := append([]string{failed}, made...)
	for _, limit := range []string{"", "limit=2", "limit=7"} {
		require.Equal(t, all, list(limit))
	}
	require.Equal(t, []string{failed}, list("status=failed"))
	require.Equal(t, []string{failed}, list("event=order.*&limit=1"))
	require.Len(t, list("webhook_id="+decimal(one.ID)), 3)
	require.Empty(t, list("q=%2B49+170+0000000"))
	_, got := b.api("GET", "/deliveries?status=failed", "")
	d := decode[page](t, got).Deliveries[0]
	require.Equal(t, []any{"order.created", "failed", two.ID}, []any{d.Event, d.Status, d.WebhookID})
	require.NotNil(t, d.LastStatus)
	require.Equal(t, []string{failed}, list("q="+d.EventID))
	require.Empty(t, list("q="+d.EventID+"&webhook_id="+decimal(one.ID)))
	require.Empty(t, list("to="+b.clock.now().Add(-time.Hour).UTC().Format(time.RFC3339)))

	for query, field := range map[string]string{"status=lost": "status", "event=nonsense": "event", "cursor=7": "cursor", "cursor=x.1": "cursor", "webhook_id=-1": "webhook_id", "q=evt_1": "q", "limit=0": "limit"} {
		status, got := b.api("GET", "/deliveries?"+query, "")
		require.Equal(t, 400, status, query)
		require.Contains(t, got, `"field":"`+field+`"`, query)
	}
	status, _ := b.foreign("GET", "/deliveries?webhook_id="+decimal(one.ID), "")
	require.Equal(t, 404, status)
	_, got = b.foreign("GET", "/deliveries", "")
	require.Equal(t, `{"deliveries":[]}`, got)
}

func TestFilterPreview(t *testing.T) {
	b := setup(t)
	w := b.webhook()
	for range 7 {
		b.delivery(w, "message.received", models.Pending)
	}
	b.delivery(w, "order.created", models.Pending)
	type preview struct {
		LookedAt int `json:"looked_at"`
		Matched  int
		Since    *time.Time
		Examples []struct {
			ID, Type string
			At       time.Time
		}
	}
	ask := func(body string) preview {
		status, got := b.api("POST", "/webhooks/filter-preview", body)
		require.Equal(t, 200, status, got)
		return decode[preview](t, got)
	}
	all := ask(`{}`)
	require.Equal(t, []int{8, 8, 5}, []int{all.LookedAt, all.Matched, len(all.Examples)})
	_, known := event.ParseID(all.Examples[0].ID)
	require.True(t, known)
	require.NotNil(t, all.Since)
	require.Equal(t, 7, ask(`{"filter":{"field":"message.type","exists":true},"events":["message.*"]}`).Matched)
	require.Equal(t, 1, ask(`{"events":["order.*"],"number_id":`+decimal(b.number.ID)+`}`).Matched)
	require.Equal(t, 0, ask(`{"filter":{"field":"message.type","eq":"nothing"}}`).Matched)
	for body, want := range map[string]string{`{"filter":{"field":"mesage.type","eq":"text"}}`: "did you mean", `{"events":[]}`: "at least one", `{"events":["x"]}`: `"field":"events"`,
		`{"number_id":99}`: "not one of your numbers", `{"name":"x"}`: "unknown_field", `{"filter":`: "malformed_json"} {
		status, got := b.api("POST", "/webhooks/filter-preview", body)
		require.Equal(t, 400, status, body)
		require.Contains(t, got, want, body)
	}
	_, got := b.foreign("POST", "/webhooks/filter-preview", `{}`)
	require.Equal(t, `{"looked_at":0,"since":null,"matched":0,"examples":[]}`, got)
	status, got := b.foreign("POST", "/webhooks/filter-preview", fmt.Sprintf(`{"number_id":%d}`, b.number.ID))
	require.Equal(t, 400, status, got)
}
