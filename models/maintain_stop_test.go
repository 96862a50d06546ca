package models_test

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"wabagate/models"
	"wabagate/models/modelstest"
)

// Maintenance that is told to stop stops, however far it is.
func TestMaintenanceStops(t *testing.T) {
	for name, open := range map[string]func(testing.TB) *models.Store{"Postgres": modelstest.Postgres, "SQLite": modelstest.SQLite} {
		t.Run(name, func(t *testing.T) {
			s := open(t)
			for after := range 150 {
				ctx, cancel := context.WithCancel(t.Context())
				stop := time.AfterFunc(time.Duration(after)*100*time.Microsecond, cancel)
				over := make(chan struct{})
				go func() {
					defer close(over)
					_, _ = s.Maintain(ctx, time.Now(), models.Retention{}) // its error is that it was stopped, or none
				}()
				select {
				case <-over:
				case <-time.After(5 * time.Second):
					require.Fail(t, "it goes on")
				}
				stop.Stop()
				cancel()
			}
		})
	}
}
