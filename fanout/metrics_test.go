package fanout

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"wabagate/models"
)

func TestWhyPutIn(t *testing.T) {
	made := time.Date(2026, 3, 10, 12, 0, 0, 0, time.UTC)
	for wait, want := range map[time.Duration]string{0: missed, 5 * time.Second: missed, 50 * time.Second: missed, soon: cameDue, 24 * time.Hour: cameDue} {
		require.Equal(t, want, whyPutIn(models.Work{ID: models.FirstID(made), DueAt: made.Add(wait)}), wait)
	}
}
