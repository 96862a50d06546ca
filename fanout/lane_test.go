package fanout

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"wabagate/models"
)

func TestStepsAside(t *testing.T) {
	t0 := time.Date(2026, 11, 21, 9, 0, 0, 0, time.UTC)
	for name, c := range map[string]struct {
		nextTry time.Time
		alive   bool
		want    bool
	}{
		"soon tried again":              {t0.Add(time.Minute), true, false},
		"exactly as long as it may":     {t0.Add(10 * time.Minute), true, false},
		"longer":                        {t0.Add(10*time.Minute + 1), true, true},
		"nothing gets through anyway":   {t0.Add(6 * time.Hour), false, false},
		"its next try was in the past?": {t0.Add(-time.Minute), true, false},
	} {
		require.Equal(t, c.want, stepsAside(t0, c.nextTry, 10*time.Minute, c.alive), name)
	}
}

func TestRunsOf(t *testing.T) {
	due := func(event, conversation, sequence int64) models.Due {
		return models.Due{Event: models.Event{ID: event, ConversationID: conversation, Sequence: sequence}}
	}
	// The ids of two processes need not grow in the order of the sequence.
	all := []models.Due{due(1, 7, 2), due(2, 8, 1), due(3, 0, 0), due(4, 7, 1), due(5, 0, 0), due(6, 7, 3)}
	ids := func(runs [][]models.Due) (ids [][]int64) {
		for _, run := range runs {
			var one []int64
			for _, d := range run {
				one = append(one, d.Event.ID)
			}
			ids = append(ids, one)
		}
		return ids
	}
	require.Equal(t, [][]int64{{1}, {2}, {3}, {4}, {5}, {6}}, ids(runsOf(all, false)))
	require.Equal(t, [][]int64{{4, 1, 6}, {2}, {3}, {5}}, ids(runsOf(all, true)))
	require.Equal(t, []int64{1, 2, 3, 4, 5, 6}, ids([][]models.Due{all})[0], "what was given stays as it was")
}

func TestPassed(t *testing.T) {
	require.Equal(t, []int64{3, 5}, passed([]int64{3, 5, 9}, 7))
	require.Empty(t, passed([]int64{9}, 9), "an event does not wait for itself")
	require.Equal(t, "3,5", sequences([]int64{3, 5}))
}
