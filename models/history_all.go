package models

import (
	"cmp"
	"context"
	"math"
	"slices"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"
)

// DeliveryPlace is a place in the deliveries of a business, which are in the order of their events and, of one event, of
// their webhooks, the newest and highest first. The zero value is before the first.
type DeliveryPlace struct{ EventID, WebhookID int64 }

// HistoryFilter narrows the deliveries of a business. The zero value of a field does not narrow.
type HistoryFilter struct {
	WebhookID int64
	State     *DeliveryState
	Retrying  bool // pending after at least one failure
	Types     []string
	From, To  time.Time // of the event
	// Search finds the deliveries of events that it finds; its Types, Before and Limit are those of this filter. nil: all.
	Search *EventSearch
	After  DeliveryPlace // the cursor
	Limit  int           // 0 means 50, at most 200
}

// HistoryPage is a part of a business's deliveries.
type HistoryPage struct {
	Rows []DeliveryRow
	// Next is where to go on; the zero value: there are no more. A page may have a next one although it is not full, and even
	// when it is empty: what it may read of what a filter leaves out is bounded.
	Next DeliveryPlace
}

const (
	// walkedAtMost is how many deliveries a page reads, most of them in order to leave them out.
	walkedAtMost = 3000
	// walkedAtOnce is how many of them it reads at a time, from all webhooks together; eventsAtOnce how many events of a search.
	walkedAtOnce = 2000
	eventsAtOnce = 100
	// describedAtOnce is how many webhooks' deliveries are looked at side by side.
	describedAtOnce = 4
)

// BusinessDeliveries lists the deliveries to all webhooks of a business, newest first. What a page costs does not grow with
// the history: it walks an index, at most walkedAtMost deliveries of it.
func (s *Store) BusinessDeliveries(ctx context.Context, businessID int64, f HistoryFilter) (HistoryPage, error) {
	f.Limit = pageLimit(f.Limit)
	types := make([]string, len(f.Types))
	for i, t := range f.Types {
		types[i] = printable(t)
	}
	f.Types = types
	q := s.db.WithContext(ctx).Table("webhooks").Where("business_id = ?", businessID)
	if f.WebhookID != 0 {
		q = q.Where("id = ?", f.WebhookID)
	}
	var hooks []int64
	if err := q.Order("id").Pluck("id", &hooks).Error; err != nil || len(hooks) == 0 {
		return HistoryPage{}, translate(err, "history")
	}
	var page HistoryPage
	var err error
	if f.Search != nil {
		page, err = s.searchHistory(ctx, businessID, hooks, f)
	} else {
		page, err = s.walkHistory(ctx, hooks, f)
	}
	if err == nil {
		page.Rows, err = s.describeAll(ctx, page.Rows)
	}
	return page, translate(err, "history")
}

// historyRow is a delivery and, where a filter asks for it, the type of its event.
type historyRow struct {
	DeliveryRow
	kind string
}

// compare puts the newest and highest first.
func (r historyRow) compare(o historyRow) int {
	return cmp.Or(cmp.Compare(o.EventID, r.EventID), cmp.Compare(o.WebhookID, r.WebhookID))
}

// passed says whether a row is at a place or before it.
func (p DeliveryPlace) passed(r historyRow) bool {
	return p.EventID != 0 && cmp.Or(cmp.Compare(p.EventID, r.EventID), cmp.Compare(p.WebhookID, r.WebhookID)) <= 0
}

// bound is the newest event of which a webhook may have a delivery after the place.
func (p DeliveryPlace) bound(webhookID int64) int64 {
	switch {
	case p.EventID == 0:
		return math.MaxInt64
	case webhookID < p.WebhookID:
		return p.EventID
	}
	return p.EventID - 1
}

// has says whether a row is what the filter asks for.
func (f HistoryFilter) has(r historyRow) bool {
	return (f.State == nil || r.State == *f.State) && (!f.Retrying || r.State == Pending) && (len(f.Types) == 0 || slices.Contains(f.Types, r.kind))
}

// indexed is what an index says of deliveries d.
func (f HistoryFilter) indexed() string {
	switch {
	case f.Retrying, f.State != nil && *f.State == Failed:
		return " AND d.failed_at IS NOT NULL"
	case f.State != nil && *f.State == Held:
		return " AND d.held IS NOT NULL"
	}
	return ""
}

// take adds a row to the page if the filter asks for it. It says whether the page had room; the row comes next if not.
func (p *HistoryPage) take(f *HistoryFilter, r historyRow) bool {
	if f.has(r) {
		if len(p.Rows) == f.Limit {
			p.Next = f.After
			return false
		}
		p.Rows = append(p.Rows, r.DeliveryRow)
	}
	f.After = DeliveryPlace{r.EventID, r.WebhookID}
	return true
}

// walkHistory goes through the deliveries of the webhooks, newest first, until the page is full or enough was left out.
func (s *Store) walkHistory(ctx context.Context, hooks []int64, f HistoryFilter) (page HistoryPage, err error) {
	first, last, open := FirstID(f.From), s.nextID(), f.To.IsZero()
	if !open {
		last = min(last, FirstID(f.To)-1)
	}
	if f.After.EventID != 0 {
		last, open = min(last, f.After.EventID), false
	}
	read, n := 0, f.Limit+1 // one more, to know whether there is
	for _, part := range s.newestFirst(first, last, open) {
		for more := true; more; n = max(f.Limit+1, min(4*n, walkedAtOnce/len(hooks))) { // what is left out is read in larger steps
			rows, err := s.newestOf(ctx, hooks, f, part, n)
			if err != nil {
				return page, err
			}
			for _, r := range rows {
				if !page.take(&f, r) {
					return page, nil
				}
			}
			if read += len(rows); read >= walkedAtMost {
				page.Next = f.After
				return page, nil
			}
			more = len(rows) == n
		}
	}
	return page, nil
}

// newestOf reads the next n deliveries after f.After within a span that an index finds. One of another state, or of an event
// of another type, may be among them.
func (s *Store) newestOf(ctx context.Context, hooks []int64, f HistoryFilter, part span, n int) (rows []historyRow, err error) {
	from, end := FirstID(f.From), int64(math.MaxInt64)
	if !f.To.IsZero() {
		end = FirstID(f.To)
	}
	bounds := make([]int64, len(hooks))
	for i, id := range hooks {
		bounds[i] = min(end-1, f.After.bound(id))
	}
	const of = `SELECT d.event_id, d.webhook_id, d.state, d.attempts, d.due_at FROM deliveries d WHERE d.event_id >= ? AND `
	newest := f.indexed() + part.on("d.event_id") + " ORDER BY d.event_id DESC LIMIT ?"
	var found []DeliveryRow
	if s.embedded {
		for i, id := range hooks {
			var own []DeliveryRow
			if err := s.db.WithContext(ctx).Raw(of+"d.event_id <= ? AND d.webhook_id = ?"+newest, from, bounds[i], id, n).Scan(&own).Error; err != nil {
				return nil, err
			}
			found = append(found, own...)
		}
	} else if err := s.db.WithContext(ctx).Raw(`SELECT d.* FROM unnest(CAST(? AS bigint[]), CAST(? AS bigint[])) AS q(id, bound) CROSS JOIN LATERAL (`+
		of+"d.event_id <= q.bound AND d.webhook_id = q.id"+newest+`) AS d ORDER BY d.event_id DESC, d.webhook_id DESC LIMIT ?`,
		postgresArray(hooks), postgresArray(bounds), from, n, n).Scan(&found).Error; err != nil {
		return nil, err
	}
	return s.kinds(ctx, found, f, n)
}

// kinds puts deliveries in order, at most n, and adds the types of their events if the filter asks for them.
func (s *Store) kinds(ctx context.Context, found []DeliveryRow, f HistoryFilter, n int) ([]historyRow, error) {
	rows := make([]historyRow, len(found))
	for i, r := range found {
		rows[i].DeliveryRow = r
	}
	slices.SortFunc(rows, historyRow.compare)
	rows = rows[:min(n, len(rows))]
	if len(f.Types) == 0 || len(rows) == 0 {
		return rows, nil
	}
	ids := make([]int64, len(rows))
	for i, r := range rows {
		ids[i] = r.EventID
	}
	var events []struct {
		ID   int64
		Type string
	}
	each, list := s.each(slices.Compact(ids))
	if err := s.db.WithContext(ctx).Raw("SELECT e.id, e.type FROM "+each+" JOIN "+s.looked("events e", "e.id = q.id"+s.within("e.id", ids)), list).Scan(&events).Error; err != nil {
		return nil, err
	}
	kinds := make(map[int64]string, len(events))
	for _, e := range events {
		kinds[e.ID] = e.Type
	}
	for i := range rows {
		rows[i].kind = kinds[rows[i].EventID]
	}
	return rows, nil
}

// searchHistory goes through the deliveries of the events that a search finds.
func (s *Store) searchHistory(ctx context.Context, businessID int64, hooks []int64, f HistoryFilter) (page HistoryPage, err error) {
	search, first := *f.Search, FirstID(f.From)
	search.Types, search.Limit = f.Types, eventsAtOnce
	f.Types = nil // which the search sees to
	if !f.To.IsZero() {
		search.Before = FirstID(f.To)
	}
	if at := f.After.EventID; at != 0 && (search.Before == 0 || at < search.Before) {
		search.Before = at + 1 // other webhooks have the same event
	}
	for read := 0; ; {
		events, err := s.SearchEvents(ctx, businessID, search)
		if err != nil {
			return page, err
		}
		var ids []int64
		for _, e := range events {
			if e.ID >= first {
				ids = append(ids, e.ID)
			}
		}
		rows, err := s.deliveriesOfEvents(ctx, ids, hooks)
		if err != nil {
			return page, err
		}
		for _, r := range rows {
			if !f.After.passed(r) && !page.take(&f, r) {
				return page, nil
			}
		}
		if len(ids) < eventsAtOnce || search.Key != nil {
			return page, nil
		}
		search.Before = ids[len(ids)-1]
		if read += len(ids); read >= walkedAtMost/10 {
			page.Next = DeliveryPlace{EventID: search.Before} // after all of its webhooks
			return page, nil
		}
	}
}

// deliveriesOfEvents reads the deliveries of events to webhooks.
func (s *Store) deliveriesOfEvents(ctx context.Context, ids, hooks []int64) ([]historyRow, error) {
	if len(ids) == 0 {
		return nil, nil
	}
	var found []DeliveryRow
	each, list := s.each(ids)
	if err := s.db.WithContext(ctx).Raw("SELECT d.event_id, d.webhook_id, d.state, d.attempts, d.due_at FROM "+each+
		" JOIN "+s.looked("deliveries d", "d.webhook_id IN ? AND d.event_id = q.id"+s.within("d.event_id", ids)), list, hooks).Scan(&found).Error; err != nil {
		return nil, err
	}
	return s.kinds(ctx, found, HistoryFilter{}, len(found))
}

// describeAll adds to deliveries of several webhooks what describe adds to those of one.
func (s *Store) describeAll(ctx context.Context, rows []DeliveryRow) ([]DeliveryRow, error) {
	byHook := map[int64][]DeliveryRow{}
	for _, r := range rows {
		byHook[r.WebhookID] = append(byHook[r.WebhookID], r)
	}
	var all errgroup.Group
	all.SetLimit(describedAtOnce)
	var mu sync.Mutex
	described := make([]DeliveryRow, 0, len(rows))
	for id, own := range byHook {
		all.Go(func() error {
			own, err := s.describe(ctx, id, own)
			mu.Lock()
			defer mu.Unlock()
			described = append(described, own...)
			return err
		})
	}
	err := all.Wait()
	slices.SortFunc(described, func(a, b DeliveryRow) int { return historyRow{DeliveryRow: a}.compare(historyRow{DeliveryRow: b}) })
	return described, err
}
