package models

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"wabagate/models/migrations"
)

// A quantile is at most a fifth off, whatever the attempts took.
func TestQuantiles(t *testing.T) {
	r := rand.New(rand.NewPCG(7, 7))
	for name, draw := range map[string]func() time.Duration{
		"even":       func() time.Duration { return time.Millisecond + time.Duration(r.Int64N(int64(10*time.Second))) },
		"log normal": func() time.Duration { return time.Duration(math.Exp(r.NormFloat64())*40*1e6) + time.Millisecond },
		"the same":   func() time.Duration { return 123456 * time.Microsecond },
		"two":        func() time.Duration { return []time.Duration{20 * time.Millisecond, 9 * time.Second}[r.IntN(2)] },
	} {
		var l Latencies
		var all []time.Duration
		for range 5000 {
			d := draw().Truncate(time.Microsecond)
			all = append(all, d)
			l.add(d)
		}
		slices.Sort(all)
		for _, share := range []float64{0, 0.01, 0.5, 0.95, 0.99, 1} {
			got, exact := l.Quantile(share), all[max(0, int(math.Ceil(share*5000))-1)]
			if off := float64(got) / float64(exact); off > 1.19 || off < 1/1.19 {
				t.Errorf("%s: %v of them took at most %v, answered %v", name, share, exact, got)
			}
		}
		if l.Least != all[0] || l.Most != all[4999] || l.N != 5000 {
			t.Errorf("%s: %v to %v, %d", name, l.Least, l.Most, l.N)
		}
	}
	var none Latencies
	if none.Quantile(0.5) != 0 || none.Mean() != 0 {
		t.Error("of none")
	}
	one := Latencies{}
	one.add(123 * time.Microsecond)
	one.add(50 * time.Second)
	if one.Quantile(0) > time.Millisecond || one.Quantile(1) > 50*time.Second || one.Quantile(1) < 30*time.Second || one.Mean() != (50*time.Second+123*time.Microsecond)/2 {
		t.Error("at the ends", one.Quantile(0), one.Quantile(1), one.Mean())
	}
}

// The parts that the migrations sort old attempts into are those that new ones fall into.
func TestLatencyPartsOfMigrations(t *testing.T) {
	list := strings.Trim(strings.Join(strings.Fields(fmt.Sprint(latencyBounds)), ","), "[]")
	postgres, err := migrations.Postgres.ReadFile("postgres/00015_counts.sql")
	if err != nil || !strings.Contains(string(postgres), "'{"+list+"}'") {
		t.Errorf("PostgreSQL: %v: no %s", err, list)
	}
	sqlite, err := migrations.SQLite.ReadFile("sqlite/00015_counts.sql")
	if err != nil {
		t.Fatal(err)
	}
	for _, b := range latencyBounds {
		if n := strings.Count(string(sqlite), "us < "+fmt.Sprint(b)+" ") + strings.Count(string(sqlite), "us >= "+fmt.Sprint(b)+" "); n != 2 {
			t.Errorf("SQLite: %d is named %d times", b, n)
		}
	}
}

// What is counted is read as it was written; anything else is refused and adds nothing wrong.
func TestCountSlips(t *testing.T) {
	b := countBook{}
	b.of(7, 490_000).Made = 3
	c := b.of(9, 490_001)
	for i := range 200 {
		c.try(time.Duration(i*i)*time.Millisecond, []string{Delivered, "refused"}[i%2])
		c.end(DeliveryState(i % 5))
	}
	got, err := openSlips([]countSlip{{Counts: b.encode()}, {Counts: b.encode()}})
	if err != nil || len(got) != 2 || got.of(7, 490_000).Made != 6 || got.of(9, 490_001).Latencies.N != 400 {
		t.Fatalf("%v %+v", err, got)
	}
	once := countBook{}
	if err := once.decode(b.encode()); err != nil || *once.of(9, 490_001) != *c {
		t.Errorf("%v %+v", err, once.of(9, 490_001))
	}
	if read := countOf(integers(c.values())); read != *c {
		t.Errorf("columns: %+v", read)
	}
	whole := b.encode()
	for cut := 1; cut < len(whole); cut++ {
		if err := (countBook{}).decode(whole[:cut]); err == nil && cut != len((countBook{countKey{7, 490_000}: b.of(7, 490_000)}).encode()) {
			t.Errorf("the first %d of %d bytes are taken", cut, len(whole))
		}
	}

	ended, tried, made := "[[9,1],[9,2],[8,4]]", `[[9,2000,"delivered"],[9,3000,"refused"]]`, "[]"
	got, err = openSlips([]countSlip{{Hour: 490_001, Counts: b.encode(), Made: &made, Ended: &ended, Tried: &tried}})
	if err != nil {
		t.Fatal(err)
	}
	nine, eight := got.of(9, 490_001), got.of(8, 490_001)
	if got.of(7, 490_000).Made != 0 || nine.Succeeded != 1 || nine.Failed != 1 || nine.Skipped != 0 || eight.Skipped != 1 ||
		nine.Attempts() != 2 || nine.AttemptsFailed != 1 || nine.Latencies.Most != 3*time.Millisecond {
		t.Errorf("%+v %+v", nine, eight)
	}
	wrong := `[["x"]]`
	if _, err := openSlips([]countSlip{{Ended: &wrong}}); err == nil {
		t.Error("nonsense is taken")
	}
}

func integers(values []any) (ns []int64) {
	for _, v := range values {
		ns = append(ns, v.(int64))
	}
	return ns
}
