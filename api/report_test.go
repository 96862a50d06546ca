package api_test

import (
	"encoding/json"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"wabagate/api"
	"wabagate/models"
)

// reportPage is a report as its readers see it.
type reportPage struct {
	api.Report
	Messages []api.UnreportedMessage `json:"messages"`
	Next     string                  `json:"next_cursor"`
}

// accepted makes messages of the number that the platform took; those whose name is among the statuses have one.
func (b *bundle) accepted(statuses map[string]string, wamids ...string) {
	b.t.Helper()
	ctx := b.t.Context()
	var c models.Changes
	for _, wamid := range wamids {
		kept, _, err := b.store.CreateSends(ctx, []models.Send{{BusinessID: b.ours.ID, NumberID: b.number.ID, To: "15550177321", Type: "text", SentBy: "agent", Body: []byte(`{}`)}})
		require.NoError(b.t, err)
		_, err = b.store.TakeSends(ctx, []int64{kept[0].ID})
		require.NoError(b.t, err)
		r := models.SendResult{ID: kept[0].ID, State: models.SendAccepted, Wamid: wamid}
		if wamid == "" {
			r = models.SendResult{ID: kept[0].ID, State: models.SendFailed, ErrorCode: "131026"}
		}
		require.NoError(b.t, b.store.SettleSends(ctx, models.SendSettlement{Results: []models.SendResult{r}}))
		c.Messages = append(c.Messages, models.Message{NumberID: b.number.ID, Wamid: wamid, Type: "text", Status: statuses[wamid], SentAt: time.Now(), StatusAt: time.Now()})
	}
	require.NoError(b.t, b.store.Translate(ctx, func(tx models.Translation) error { return tx.Write(ctx, c) }))
}

func TestReport(t *testing.T) {
	b := setup(t)
	b.accepted(map[string]string{"w.read": "read", "w.sent": "sent"}, "w.1", "w.read", "w.2", "w.sent", "w.3", "")
	day := time.Now().UTC()
	path := fmt.Sprintf("/numbers/%d/report?day=%s", b.number.ID, day.Format(time.DateOnly))

	status, got := b.api("GET", path, "")
	require.Equal(t, 200, status, got)
	r := decode[reportPage](t, got)
	require.Equal(t, []int64{0, 3, 5, 1}, []int64{r.Unreported, r.Awaited, r.Sends.Accepted, r.Sends.Failed}, "their time is not over")
	require.Empty(t, r.Messages)
	require.False(t, r.Complete)

	b.clock.advance(20 * time.Minute)
	var named []string
	next, pages := "", 0
	for more := true; more; pages++ {
		status, got := b.api("GET", path+"&limit=2&cursor="+next, "")
		require.Equal(t, 200, status, got)
		page := decode[reportPage](t, got)
		if next == "" {
			r = page
		} else {
			require.NotContains(t, got, `"sends"`, "the report is on the first page only")
		}
		for _, m := range page.Messages {
			named = append(named, m.MessageID)
			require.Regexp(t, `^snd_\d+$`, m.ID)
			require.Equal(t, []any{"15550177321", "text", "agent"}, []any{m.Recipient, m.Type, m.SentBy})
		}
		next, more = page.Next, page.Next != ""
	}
	require.Equal(t, []string{"w.1", "w.2", "w.3"}, named)
	require.Equal(t, 2, pages)
	require.Equal(t, []int64{3, 0}, []int64{r.Unreported, r.Awaited})
	require.Equal(t, map[string]int64{"none": 3, "read": 1, "sent": 1}, r.Sends.Statuses)
	require.Equal(t, map[string]int64{"131026": 1}, r.Sends.Failures)
	require.Equal(t, b.number.ID, r.Number.ID)

	// Of another day.
	status, got = b.api("GET", fmt.Sprintf("/numbers/%d/report?day=%s", b.number.ID, day.Add(-24*time.Hour).Format(time.DateOnly)), "")
	require.Equal(t, 200, status, got)
	require.JSONEq(t, fmt.Sprintf(`{"number":%s,"day":%q,"complete":false,"counted_until":null,"traffic":{"callbacks":0,"events":0,"received":0,"sent":0},
		"sends":{"accepted":0,"statuses":{},"failed":0,"failures":{},"cancelled":0},"unreported":0,"awaited":0,"parked":0,"silences":[],"holes":[],"messages":[]}`,
		numberOf(t, got), day.Add(-24*time.Hour).Format(time.DateOnly)), got)
}

func numberOf(t *testing.T, report string) json.RawMessage {
	return decode[struct{ Number json.RawMessage }](t, report).Number
}

func TestReportShowsSilences(t *testing.T) {
	b := setup(t)
	b.clock.stop(time.Now().UTC().Truncate(24 * time.Hour).Add(18 * time.Hour))
	since := b.clock.now().Add(-6 * time.Hour)
	require.NoError(t, b.store.BeginSilence(t.Context(), b.number.ID, since, since.Add(time.Hour)))
	status, got := b.api("GET", fmt.Sprintf("/numbers/%d/report", b.number.ID), "")
	require.Equal(t, 200, status, got)
	require.Contains(t, got, fmt.Sprintf(`"silences":[{"since":%q,"found_at":%q,"until":null}]`, since.Format("2006-01-02T15:04:05.000Z"), since.Add(time.Hour).Format("2006-01-02T15:04:05.000Z")))
}

func TestReportIsOnesOwn(t *testing.T) {
	b := setup(t)
	path := fmt.Sprintf("/numbers/%d/report", b.number.ID)
	status, _ := b.foreign("GET", path, "")
	require.Equal(t, 404, status)
	status, _ = b.api("GET", "/numbers/999/report", "")
	require.Equal(t, 404, status)
	status, _, _ = b.call("GET", "/api/client"+path, "")
	require.Equal(t, 401, status)
	tomorrow := time.Now().UTC().Add(48 * time.Hour).Format(time.DateOnly)
	for _, query := range []string{"?day=yesterday", "?day=2026-11-31", "?day=1999-01-01", "?day=" + tomorrow, "?cursor=1", "?cursor=x.y", "?cursor=1.-2", "?limit=0", "?limit=1000"} {
		status, got := b.api("GET", path+query, "")
		require.Equal(t, 400, status, "%s: %s", query, got)
		require.Contains(t, got, `"field"`)
	}
}
