package models_test

import (
	"strings"
	"testing"
	"time"

	"wabagate/models"
)

// TestSweepingSendsWalksTheIndex: what is settled, which is nearly everything, is not looked at every few seconds.
func TestSweepingSendsWalksTheIndex(t *testing.T) {
	onBoth(t, func(t *testing.T, where models.Options) {
		s, ctx := open(t, where), t.Context()
		sends := make([]models.Send, 3000)
		for i := range sends {
			sends[i].Body = []byte(strings.Repeat("x", 200))
		}
		_, _, err := s.CreateSends(ctx, sends)
		ok(t, err)
		ok(t, s.DB().Exec("UPDATE sends SET state = 2 WHERE id NOT IN (SELECT id FROM sends ORDER BY id LIMIT 20)").Error)
		ok(t, s.DB().Exec("ANALYZE").Error)
		explain := "EXPLAIN "
		if s.Embedded() {
			explain = "EXPLAIN QUERY PLAN "
		}
		for _, query := range []string{"SELECT * FROM sends s WHERE " + models.SendsUndecided + "? ORDER BY due_at, id LIMIT 500", "SELECT id FROM sends WHERE " + models.SendsUnderway + "?"} {
			var steps []map[string]any
			ok(t, s.DB().Raw(explain+query, time.Now()).Scan(&steps).Error)
			var plan strings.Builder
			for _, step := range steps {
				for _, name := range []string{"detail", "QUERY PLAN"} {
					if text, is := step[name].(string); is {
						plan.WriteString(text + "\n")
					}
				}
			}
			if !strings.Contains(plan.String(), "sends_due") {
				t.Errorf("%s:\n%s", query, plan.String())
			}
		}
	})
}
