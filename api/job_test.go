package api_test

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"wabagate/models"
)

type jobAnswer struct {
	Message string
	Job     struct {
		ID, Total, Released int64
		Kind, State         string
		Progress            float64
	}
}

// What was held is counted first, then delivered or given up; both switch the webhook on.
func TestCatchUp(t *testing.T) {
	b := setup(t)
	off := func() models.Webhook {
		return b.webhook(func(w *models.Webhook) { w.Active, w.RateLimit = false, 2 })
	}
	w := off()
	path := "/webhooks/" + decimal(w.ID) + "/catch-up"
	_, got := b.api("POST", path, `{"from":"count"}`)
	require.Equal(t, `{"held":{"count":0,"oldest":null,"newest":null,"estimated_seconds":0}}`, got)
	for range 3 {
		b.delivery(w, "message.received", models.Held)
	}
	status, got := b.api("POST", path, `{"from":"count"}`)
	require.Equal(t, 200, status)
	require.Contains(t, got, `"count":3,"oldest":"20`)
	require.Contains(t, got, `"estimated_seconds":2`)
	for body, want := range map[string]string{``: "must be count", `{}`: "must be count", `{"from":"then"}`: "must be count", `{"from":7}`: "must be count, gap or now", `{"form":"gap"}`: "form"} {
		status, got = b.api("POST", path, body)
		require.Equal(t, 400, status, body)
		require.Contains(t, got, want, body)
	}

	status, got = b.api("POST", path, `{"from":"gap"}`)
	require.Equal(t, 202, status, got)
	started := decode[jobAnswer](t, got)
	require.EqualValues(t, 3, started.Job.Total)
	require.Equal(t, "catch_up", started.Job.Kind)
	require.Contains(t, started.Message, "3 held deliveries follow, oldest first")
	kept, err := b.store.Webhook(t.Context(), b.ours.ID, w.ID)
	require.NoError(t, err)
	require.True(t, kept.Active && kept.CatchingUp)
	status, got = b.api("POST", path, `{"from":"gap"}`)
	require.Equal(t, 409, status)
	require.Contains(t, got, `"code":"job_running"`)

	job := "/jobs/" + decimal(started.Job.ID)
	_, got = b.api("GET", job, "")
	require.Contains(t, got, `"state":"running","total":3,"released":0,"successful":0,"failed":0,"progress":0,`)
	for _, list := range []string{"/jobs", "/webhooks/" + decimal(w.ID) + "/jobs"} {
		_, got = b.api("GET", list, "")
		require.Contains(t, got, `"kind":"catch_up"`)
	}
	for _, foreign := range []string{job, "/webhooks/" + decimal(w.ID) + "/jobs"} {
		status, _ = b.foreign("GET", foreign, "")
		require.Equal(t, 404, status, foreign)
	}
	for _, foreign := range []string{job + "/cancel", path, "/webhooks/" + decimal(w.ID) + "/replay"} {
		status, _ = b.foreign("POST", foreign, `{"from":"gap"}`)
		require.Contains(t, []int{400, 404}, status, foreign)
	}
	status, got = b.api("POST", job+"/cancel", "")
	require.Equal(t, 200, status)
	require.Contains(t, got, `"state":"cancelled"`)
	require.Contains(t, got, "What is still held stays held")
	_, got = b.api("POST", job+"/cancel", "")
	require.Contains(t, got, "had ended before")

	given := off()
	id := b.delivery(given, "message.received", models.Held)
	status, got = b.api("POST", "/webhooks/"+decimal(given.ID)+"/catch-up", `{"from":"now"}`)
	require.Equal(t, 200, status, got)
	require.Contains(t, got, `"skipped":1`)
	_, got = b.api("GET", "/deliveries/"+id, "")
	require.Contains(t, got, `"status":"skipped"`)
	_, got = b.api("GET", "/webhooks/"+decimal(given.ID)+"/deliveries?status=skipped", "")
	require.Contains(t, got, id)
}

func TestReplay(t *testing.T) {
	b := setup(t)
	w := b.webhook()
	b.delivery(w, "message.received", models.Failed, rejected)
	b.delivery(w, "message.report", models.Failed, rejected)
	b.delivery(w, "message.received", models.Succeeded, delivered)
	path := "/webhooks/" + decimal(w.ID) + "/replay"
	ago := func(d time.Duration) string { return b.clock.now().Add(-d).UTC().Format(time.RFC3339) }
	for body, want := range map[string]string{
		`{}`: "since", `{"since":"yesterday"}`: "since", `{"since":"` + ago(31*24*time.Hour) + `"}`: "within the last 30 days",
		`{"since":"` + ago(time.Hour) + `","until":"` + ago(2*time.Hour) + `"}`: "must be after since",
		`{"since":"` + ago(time.Hour) + `","status":"odd"}`:                     "failed, succeeded, skipped, held or any",
		`{"since":"` + ago(time.Hour) + `","events":["message.recieved"]}`:      "message.received",
		`{"since":"` + ago(time.Hour) + `","dry_run":"yes"}`:                    "dry_run",
	} {
		status, got := b.api("POST", path, body)
		require.Equal(t, 400, status, body+got)
		require.Contains(t, got, want, body)
	}
	for more, count := range map[string]string{``: `"count":2`, `,"status":"any"`: `"count":3`, `,"events":["message.received"]`: `"count":1`, `,"events":["message.*"],"status":"succeeded"`: `"count":1`} {
		status, got := b.api("POST", path, `{"since":"`+ago(time.Hour)+`","dry_run":true`+more+`}`)
		require.Equal(t, 200, status, got)
		require.Contains(t, got, count, more)
	}
	status, got := b.api("POST", path, `{"since":"`+ago(time.Hour)+`"}`)
	require.Equal(t, 202, status, got)
	require.EqualValues(t, 2, decode[jobAnswer](t, got).Job.Total)

	off := b.webhook(func(w *models.Webhook) { w.Active = false })
	status, got = b.api("POST", "/webhooks/"+decimal(off.ID)+"/replay", `{"since":"`+ago(time.Hour)+`"}`)
	require.Equal(t, 409, status)
	require.Contains(t, got, "catch-up switches it on")
}

func TestQueuesAreForOperators(t *testing.T) {
	b := setup(t)
	w := b.webhook()
	b.delivery(w, "message.received", models.Failed, rejected)
	status, _, _ := b.call("GET", "/api/admin/queues", "")
	require.Equal(t, 401, status)
	status, _, _ = b.call("GET", "/api/admin/queues", "", "Cookie", b.theirUser)
	require.Equal(t, 403, status)
	status, _, _ = b.call("GET", "/api/admin/queues", "", "Authorization", "Bearer "+b.key.Text())
	require.Equal(t, 401, status, "a key of a business is no operator")
	require.NoError(t, b.store.AddWork(t.Context(), models.Work{ID: b.store.NextID(), Kind: models.Deliver, WebhookID: w.ID, DueAt: b.clock.now().Add(-time.Minute), Members: []int64{1, 2}}))
	status, got, _ := b.call("GET", "/api/admin/queues", "", "Cookie", b.session)
	require.Equal(t, 200, status, got)
	require.Contains(t, got, `{"webhook_id":`+decimal(w.ID)+`,"deliveries":2,"oldest_due":"`)
	_, got = b.api("GET", "/webhooks/"+decimal(w.ID)+"/stats", "")
	require.True(t, strings.Contains(got, `"waiting":{"webhook_id":`+decimal(w.ID)+`,"deliveries":2,`) && strings.Contains(got, `"circuit":null`), got)
}

// Whoever switches a webhook on is told what is kept for it; the others hear when one is switched off.
func TestSwitchingOffAndOn(t *testing.T) {
	b := setup(t)
	w := b.webhook()
	ops := b.webhook(func(w *models.Webhook) { w.Events = []string{"webhook.*"} })
	path := "/webhooks/" + decimal(w.ID)
	status, got := b.api("PUT", path, `{"is_active":0}`)
	require.Equal(t, 200, status, got)
	_, got = b.api("GET", path, "")
	require.Contains(t, got, `"disabled_by":"owner","disabled_at":"20`)
	_, got = b.api("GET", "/webhooks/"+decimal(ops.ID)+"/deliveries", "")
	require.Contains(t, got, `"event":"webhook.disabled"`)
	_, got = b.api("GET", path+"/deliveries", "")
	require.NotContains(t, got, `webhook.disabled`, "it is the last that would hear of it")

	_, got = b.api("PUT", path, `{"is_active":1}`)
	require.Contains(t, got, `"message":"Webhook updated."`)
	b.api("PUT", path, `{"is_active":0}`)
	b.delivery(w, "message.received", models.Held)
	_, got = b.api("PUT", path, `{"is_active":1}`)
	require.Contains(t, got, `Held while it was off: 1. POST /api/client`+path+`/catch-up delivers them`)
}
