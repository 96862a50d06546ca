package api

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"wabagate/api/dashboard"
	"wabagate/models"
)

func TestJobLeft(t *testing.T) {
	now := time.Unix(1_800_000_000, 0)
	for _, c := range []struct {
		name            string
		total, released int64
		passed          time.Duration
		rate            int
		want            time.Duration
	}{
		{"nothing is known yet", 100, 0, time.Second, 0, 0},
		{"at its pace", 100, 25, 10 * time.Second, 0, 30 * time.Second},
		{"at the rate limit, before anything was released", 100, 0, 0, 10, 10 * time.Second},
		{"no faster than the rate limit", 100, 50, time.Second, 1, 50 * time.Second},
		{"slower than the rate limit", 100, 50, 100 * time.Second, 10, 100 * time.Second},
		{"everything is released", 100, 100, time.Second, 1, 0},
		{"more came meanwhile", 100, 120, time.Second, 1, 0},
	} {
		j := models.Job{Total: c.total, Released: c.released, CreatedAt: now.Add(-c.passed)}
		require.Equal(t, c.want, jobLeft(j, c.rate, now), c.name)
	}
}

func TestJobItem(t *testing.T) {
	now := time.Unix(1_800_000_000, 0)
	at := now.Add(-10 * time.Second)
	for _, c := range []struct {
		job   models.Job
		tone  string
		label string
		note  string
	}{
		{models.Job{Kind: models.CatchUp, State: models.JobRunning, Total: 100, Released: 50, Succeeded: 40, Failed: 2, CreatedAt: at}, "wait", "Catch-up is running", "40 delivered, 2 failed, about 10 seconds left."},
		{models.Job{Kind: models.Replay, State: models.JobDone, Total: 3, Released: 3, Succeeded: 3, CreatedAt: at}, "good", "Replay is done", "3 delivered."},
		{models.Job{Kind: models.Replay, State: models.JobDone, Total: 3, Released: 3, Succeeded: 2, Failed: 1, CreatedAt: at}, "wait", "Replay is done", "2 delivered, 1 failed."},
		{models.Job{Kind: models.CatchUp, State: models.JobFailed, Total: 3, Reason: "the webhook was switched off", CreatedAt: at}, "bad", "Catch-up has failed", "0 delivered, the webhook was switched off."},
		{models.Job{Kind: models.CatchUp, State: models.JobCancelled, Total: 3, CreatedAt: at}, "", "Catch-up was cancelled", "0 delivered."},
	} {
		item := jobItem(c.job, 0, now)
		require.Equal(t, c.tone, item.Tone, c.label)
		require.Equal(t, c.label, item.Progress.Label)
		require.Equal(t, c.note, item.Note)
		require.Equal(t, c.job.State == models.JobRunning, item.Running)
	}
}

func TestLengthText(t *testing.T) {
	for d, want := range map[time.Duration]string{0: "1 second", 89 * time.Second: "89 seconds", 91 * time.Second: "2 minutes", 89 * time.Minute: "89 minutes", 3 * time.Hour: "3 hours", 72 * time.Hour: "3 days"} {
		require.Equal(t, want, lengthText(d))
	}
	require.Empty(t, paceText(10, 0))
	require.Equal(t, "At the rate limit they take at least 4 seconds.", paceText(10, 3))
}

func TestFirstSpan(t *testing.T) {
	now := time.Date(2026, 11, 21, 19, 35, 0, 0, time.FixedZone("AST", 3*3600))
	require.Equal(t, time.Date(2026, 11, 20, 17, 0, 0, 0, time.UTC), firstSpan(now, 24, time.Hour))
	require.Equal(t, time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC), firstSpan(now, 1, 6*time.Hour))
	require.Equal(t, time.Date(2026, 10, 23, 0, 0, 0, 0, time.UTC), firstSpan(now, 30, 24*time.Hour))
}

func TestUrgency(t *testing.T) {
	bad, wait := dashboard.Trouble{Badge: dashboard.Badge{Tone: "bad"}}, dashboard.Trouble{Badge: dashboard.Badge{Tone: "wait"}}
	require.Less(t, urgency(dashboard.WebhookItem{Trouble: &bad}), urgency(dashboard.WebhookItem{Trouble: &wait}))
	require.Less(t, urgency(dashboard.WebhookItem{Trouble: &wait}), urgency(dashboard.WebhookItem{}))
}

func TestOverlapOf(t *testing.T) {
	now := time.Unix(1_800_000_000, 0)
	require.Nil(t, overlapOf(models.Webhook{}, now))
	o := overlapOf(models.Webhook{Secret: "new", PreviousSecret: "old", PreviousUntil: now.Add(84 * time.Hour)}, now)
	require.InDelta(t, 50, o.Progress.Share, 0.01)
	require.Equal(t, "in 3 days", o.Until.Ago)
}

func TestPreviewedEvent(t *testing.T) {
	for _, c := range []struct {
		form webhookForm
		want string
	}{
		{webhookForm{}, "message.received"}, {webhookForm{events: []string{"*", "order.*"}}, "message.received"}, {webhookForm{events: []string{"order.*", "message.incoming"}}, "message.received"},
		{webhookForm{events: []string{"order.created"}}, "order.created"},
		{webhookForm{FormValues: dashboard.FormValues{PreviewEvent: "contact.created"}, events: []string{"order.created"}}, "contact.created"},
	} {
		require.Equal(t, c.want, c.form.previewed())
	}
}
