package models_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"wabagate/models"
	"wabagate/models/modelstest"
)

// fill gives a webhook n more deliveries in a state, of events that are not there.
func fill(t *testing.T, s *models.Store, webhook int64, n int, state models.DeliveryState) {
	t.Helper()
	rows := "SELECT generate_series AS n FROM generate_series(1, ?)"
	if s.Embedded() {
		rows = "WITH RECURSIVE c(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM c WHERE n < ?) SELECT n FROM c"
	}
	ok(t, s.DB().Exec("INSERT INTO deliveries (event_id, webhook_id, state, attempts, due_at, failed_at) SELECT CAST(? AS bigint) + n, ?, ?, 1, ?, ? FROM ("+rows+") AS rows",
		s.NextID(), webhook, state, time.Now().UTC(), time.Now().UTC(), n).Error)
}

// TestLargeReplay: what one replay may take is bounded, and the refusal says how much it would be.
func TestLargeReplay(t *testing.T) {
	onBoth(t, func(t *testing.T, where models.Options) {
		s, ctx := open(t, where), t.Context()
		webhook, _ := furnish(t, s, 1)
		fill(t, s, webhook, models.MaxJob, models.Failed)
		j := models.Job{BusinessID: 1, WebhookID: webhook, Kind: models.Replay, Filter: models.JobFilter{To: time.Now().Add(time.Hour)}}
		j = must[models.Job](t)(s.CreateJob(ctx, j))
		if j.Total != models.MaxJob {
			t.Errorf("counted %d", j.Total)
		}
		must[models.Job](t)(s.CancelJob(ctx, 1, j.ID))
		fill(t, s, webhook, 1, models.Succeeded)
		_, err := s.CreateJob(ctx, j)
		var size models.JobSizeError
		if !errors.As(err, &size) || size.N != models.MaxJob+1 || !strings.Contains(err.Error(), "100001 deliveries match") {
			t.Errorf("error %v", err)
		}
		j.Filter.States = []models.DeliveryState{models.Failed}
		must[models.Job](t)(s.CreateJob(ctx, j))
	})
}

// TestHeldIsFoundAtOnce: however long the history is, an index leads to what is held, and to nothing else.
func TestHeldIsFoundAtOnce(t *testing.T) {
	t.Parallel()
	s, ctx := modelstest.Postgres(t), t.Context()
	webhook, events := furnish(t, s, 20)
	r := models.Result{WebhookID: webhook}
	for _, e := range events {
		r.Updates = append(r.Updates, models.DeliveryUpdate{EventID: e, State: models.Held, DueAt: time.Now()})
	}
	must[[]models.Work](t)(s.Settle(ctx, []models.Result{r}))
	fill(t, s, webhook, 50_000, models.Succeeded)
	ok(t, s.DB().Exec("ANALYZE deliveries").Error)
	for _, query := range []string{
		"SELECT count(*) AS n, min(d.event_id) AS first, max(d.event_id) AS newest FROM deliveries d WHERE d.webhook_id = ? AND d.held IS NOT NULL",
		"SELECT event_id FROM deliveries d WHERE d.webhook_id = ? AND d.held IS NOT NULL AND d.event_id > 5 ORDER BY d.event_id LIMIT 10",
		"UPDATE deliveries AS d SET state = 0, held = NULL WHERE d.webhook_id = ? AND d.held IS NOT NULL AND d.event_id BETWEEN 5 AND 9000000000000000000 RETURNING event_id",
	} {
		var plan []string
		ok(t, s.DB().Raw("EXPLAIN (ANALYZE, COSTS OFF, TIMING OFF) "+query, webhook).Scan(&plan).Error)
		if text := strings.Join(plan, "\n"); !strings.Contains(text, "Index") || strings.Contains(text, "Removed by Filter") {
			t.Errorf("%s\n%s", query, text)
		}
	}
}
