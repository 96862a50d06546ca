package models

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"gorm.io/gorm"
)

// Count is what became of deliveries in some hours. A delivery is made once, and may end more than once: one that failed
// and was delivered when somebody asked for it again counts in both hours, as failed and as succeeded.
type Count struct {
	// Made counts deliveries by when their event was made; Succeeded, Failed and Skipped those that ended, by when they did.
	// Skipped are those that nobody wanted any more: given up while they were held, or erased.
	Made, Succeeded, Failed, Skipped int64
	// AttemptsFailed are requests that did not deliver, Latencies how long all of them took, by when they were settled.
	AttemptsFailed int64
	Latencies      Latencies
}

// Attempts is how many requests there were.
func (c Count) Attempts() int64 { return c.Latencies.N }

// Add counts others too.
func (c *Count) Add(o Count) {
	c.Made, c.Succeeded, c.Failed, c.Skipped = c.Made+o.Made, c.Succeeded+o.Succeeded, c.Failed+o.Failed, c.Skipped+o.Skipped
	c.AttemptsFailed += o.AttemptsFailed
	c.Latencies.Add(o.Latencies)
}

// end counts a delivery that got a state; one that is still owed does not count.
func (c *Count) end(s DeliveryState) {
	switch s {
	case Succeeded:
		c.Succeeded++
	case Failed:
		c.Failed++
	case Skipped:
		c.Skipped++
	}
}

// try counts an attempt.
func (c *Count) try(took time.Duration, outcome string) {
	if c.Latencies.add(took); outcome != Delivered {
		c.AttemptsFailed++
	}
}

// CountsKept is how long the counts of an hour are kept at least, however soon what they count goes.
const CountsKept = 400 * 24 * time.Hour

// countKey is where something counts; hours are counted from 1970.
type countKey struct{ webhook, hour int64 }

func (k countKey) compare(o countKey) int {
	return cmp.Or(cmp.Compare(k.webhook, o.webhook), cmp.Compare(k.hour, o.hour))
}

// countBook is what a transaction counts.
type countBook map[countKey]*Count

// of is the count of a webhook in an hour.
func (b countBook) of(webhook, hour int64) *Count {
	k := countKey{webhook, hour}
	if b[k] == nil {
		b[k] = &Count{}
	}
	return b[k]
}

// keys are in the order in which every transaction takes their rows.
func (b countBook) keys() []countKey { return slices.SortedFunc(maps.Keys(b), countKey.compare) }

// hourOfID is the hour in which an id was made.
func hourOfID(id int64) int64 { return hourOf(IDTime(id)) }

// bookedDeliveries, bookedUpdates and bookedAttempts are what counts if all of them are written.
func bookedDeliveries(ds []Delivery) countBook {
	b := countBook{}
	for _, d := range ds {
		b.of(d.WebhookID, hourOfID(d.EventID)).Made++
	}
	return b
}

func bookedUpdates(us []settledDelivery, hour int64) countBook {
	b := countBook{}
	for _, u := range us {
		b.of(u.webhookID, hour).end(u.State)
	}
	return b
}

func bookedAttempts(as []Attempt, hour int64) countBook {
	b := countBook{}
	for _, a := range as {
		b.of(a.WebhookID, hour).try(a.Duration, a.Outcome)
	}
	return b
}

// countColumns are the columns of delivery_hours that are summed, in the order of Count.values.
var countColumns = append([]string{"made", "succeeded", "failed", "skipped", "attempts", "attempts_failed", "us"}, latencyColumns()...)

// values are what countColumns hold, and after them the extremes.
func (c Count) values() []any {
	l := c.Latencies
	values := []any{c.Made, c.Succeeded, c.Failed, c.Skipped, l.N, c.AttemptsFailed, l.Sum.Microseconds()}
	for _, n := range l.parts {
		values = append(values, n)
	}
	return append(values, l.Least.Microseconds(), l.Most.Microseconds())
}

// countOf reads what values wrote.
func countOf(v []int64) Count {
	us := func(n int64) time.Duration { return time.Duration(n) * time.Microsecond }
	last := len(v) - 1
	c := Count{Made: v[0], Succeeded: v[1], Failed: v[2], Skipped: v[3], AttemptsFailed: v[5],
		Latencies: Latencies{N: v[4], Sum: us(v[6]), Least: us(v[last-1]), Most: us(v[last])}}
	copy(c.Latencies.parts[:], v[7:last-1])
	return c
}

// addHour adds a count to the row of its webhook and hour: the hour, the values, the webhook, which may be gone by now and
// is known by its other hours then.
var addHour = func() string {
	var sums []string
	for _, c := range countColumns {
		sums = append(sums, c+" = h."+c+" + excluded."+c)
	}
	return "INSERT INTO delivery_hours AS h (webhook_id, hour, business_id, " + strings.Join(countColumns, ", ") + ", least_us, most_us) SELECT w.id, CAST(? AS bigint), w.business_id" +
		strings.Repeat(", CAST(? AS bigint)", len(countColumns)+2) + ` FROM (SELECT id, business_id FROM webhooks WHERE id = ?
			UNION ALL SELECT webhook_id, business_id FROM (SELECT webhook_id, business_id FROM delivery_hours WHERE webhook_id = ? LIMIT 1) AS once LIMIT 1) AS w
		WHERE 1 = 1 ON CONFLICT (webhook_id, hour) DO UPDATE SET ` + strings.Join(sums, ", ") + `,
			least_us = CASE WHEN h.attempts = 0 OR excluded.attempts > 0 AND excluded.least_us < h.least_us THEN excluded.least_us ELSE h.least_us END,
			most_us = CASE WHEN excluded.most_us > h.most_us THEN excluded.most_us ELSE h.most_us END`
}()

// keep adds the counts to the hours. exec runs one statement.
func (b countBook) keep(exec func(sql string, args ...any) error) error {
	for _, k := range b.keys() {
		if c := b[k]; *c != (Count{}) {
			if err := exec(addHour, slices.Concat([]any{k.hour}, c.values(), []any{k.webhook, k.webhook})...); err != nil {
				return fmt.Errorf("count hour %d of webhook %d: %w", k.hour, k.webhook, err)
			}
		}
	}
	return nil
}

// count keeps counts in a transaction of the Store's own.
func (s *Store) count(tx *gorm.DB, b countBook) error {
	if s.embedded {
		return b.keep(func(sql string, args ...any) error { return tx.Exec(sql, args...).Error })
	}
	return tx.Exec("INSERT INTO count_slips (hour, counts) VALUES (0, ?)", b.encode()).Error
}

// countSkipped counts deliveries of webhooks that nobody will attempt.
func (s *Store) countSkipped(tx *gorm.DB, webhooks map[int64]int64) error {
	if len(webhooks) == 0 {
		return nil
	}
	b := countBook{}
	for id, n := range webhooks {
		b.of(id, hourOf(s.Now())).Skipped = n
	}
	return s.count(tx, b)
}

// FoldCounts adds what transactions have counted to the hours of the webhooks, so that it can be read as few rows. It is to
// be called every few seconds, by as many processes as like to; what is counted is exact in between too. The embedded
// database counts in the hours at once.
func (s *Store) FoldCounts(ctx context.Context) error {
	for more := !s.embedded; more; {
		err := s.inTx(ctx, func(tx *gorm.DB) error {
			var rows []countSlip
			if err := tx.Raw(`DELETE FROM count_slips WHERE ctid = ANY(ARRAY(SELECT ctid FROM count_slips LIMIT ? FOR UPDATE SKIP LOCKED))
				RETURNING hour, counts, made, ended, tried`, rowsAtOnce).Scan(&rows).Error; err != nil {
				return err
			}
			more = len(rows) == rowsAtOnce
			b, err := openSlips(rows)
			if err != nil {
				return err
			}
			return b.keep(func(sql string, args ...any) error { return tx.Exec(sql, args...).Error })
		})
		if err != nil {
			return fmt.Errorf("fold counts: %w", err)
		}
	}
	return nil
}
