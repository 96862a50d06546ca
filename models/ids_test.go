package models_test

import (
	"sync"
	"testing"
	"time"

	"wabagate/models"
)

func TestIDsGrowWhateverTheClockDoes(t *testing.T) {
	now := time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)
	ids := models.NewIDs(5, func() time.Time { return now })
	last := int64(0)
	for i := range 20_000 {
		switch i {
		case 5000:
			now = now.Add(-time.Hour)
		case 10_000:
			now = now.Add(2 * time.Hour)
		case 15_000:
			now = time.Date(2020, 1, 1, 0, 0, 0, 0, time.UTC)
		}
		id := ids.Next()
		if id <= last {
			t.Fatalf("%d after %d", id, last)
		}
		last = id
	}
}

func TestIDTime(t *testing.T) {
	now := time.Date(2026, 11, 21, 12, 0, 0, int(7*time.Millisecond), time.UTC)
	id := models.NewIDs(1023, func() time.Time { return now }).Next()
	if got := models.IDTime(id); !got.Equal(now) {
		t.Errorf("IDTime %v", got)
	}
	if first := models.FirstID(now); first > id || first <= models.FirstID(now.Add(-time.Millisecond)) {
		t.Errorf("FirstID %d of %d", first, id)
	}
	if models.FirstID(now.Add(time.Millisecond)) <= id {
		t.Error("FirstID of the next millisecond is not above")
	}
	if got := models.FirstID(time.Time{}); got != 0 {
		t.Errorf("FirstID of long ago: %d", got)
	}
}

func TestIDsOfManyNodes(t *testing.T) {
	const nodes, each = 10, 10_000
	now := time.Now()
	var wg sync.WaitGroup
	var mu sync.Mutex
	seen := make(map[int64]bool, nodes*each)
	began := time.Now()
	for node := range nodes {
		ids := models.NewIDs(int64(node), func() time.Time { return now })
		wg.Go(func() {
			mine := make([]int64, each)
			for i := range mine {
				mine[i] = ids.Next()
			}
			mu.Lock()
			defer mu.Unlock()
			for _, id := range mine {
				seen[id] = true
			}
		})
	}
	wg.Wait()
	if len(seen) != nodes*each {
		t.Fatalf("%d of %d are different", len(seen), nodes*each)
	}
	if took := time.Since(began); took > time.Second {
		t.Errorf("%d ids took %v", nodes*each, took)
	}
}

func TestIDsFromOneSourceAtOnce(t *testing.T) {
	ids := models.NewIDs(1, nil)
	var seen sync.Map
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			for range 5000 {
				if _, twice := seen.LoadOrStore(ids.Next(), true); twice {
					t.Error("twice")
					return
				}
			}
		})
	}
	wg.Wait()
}
