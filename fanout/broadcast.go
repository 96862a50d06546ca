package fanout

import (
	"cmp"
	"context"
	"maps"
	"slices"

	"wabagate/fanout/event"
	"wabagate/models"
	"wabagate/waba"
)

// CloseBroadcast says for certain to how many a broadcast of the business went that the gateway sent: nothing more leaves.
// When each of them has reached sent or failed, now or later, broadcast.completed tells of it. Doing it twice changes
// nothing. ErrNotFound.
func (r *Recorder) CloseBroadcast(ctx context.Context, businessID, broadcastID, total int64) error {
	known, err := r.store.BroadcastByID(ctx, businessID, broadcastID)
	if err != nil {
		return err
	}
	return r.change(ctx, func(tx models.Translation, c *models.Changes) error {
		f := fact{business: businessID, occurred: r.now().UTC(), closes: true, broadcastRef: &models.BroadcastRef{BusinessID: businessID, Reference: known.Reference}}
		f.number, _ = r.subs.current().numberOf(known.NumberID)
		b := newBatch(r, r.subs.current(), []fact{f}, c)
		if err := b.lookUp(ctx, tx); err != nil {
			return err
		}
		found := b.broadcasts[0]
		if found == nil {
			return models.ErrNotFound
		}
		found.Total = total
		b.counted[found] = &f
		b.changedBroadcasts = append(b.changedBroadcasts, found)
		if err := b.tellBroadcasts(); err != nil {
			return err
		}
		return b.write(ctx, tx)
	})
}

// codeOf is the code of the platform's error that a fact tells of; empty: none.
func codeOf(f *fact) string {
	switch {
	case f.told != nil:
		return f.told.Code
	case f.status != nil && len(f.status.Errors) > 0:
		return f.status.Errors[0].Code
	}
	return ""
}

// countFailure counts a recipient who was not reached under the reason.
func countFailure(broadcast *models.Broadcast, code string) {
	counts := maps.Clone(broadcast.Failures) // what was read is not written into
	if counts == nil {
		counts = map[string]int64{}
	}
	counts[code]++
	broadcast.Failures = counts
}

// uncountFailure takes back a failure that turned out to be none. What disproves it does not say why it was thought of: it
// is taken from those without a code, or else from the most frequent, so that the reasons go on adding up to the failures.
func uncountFailure(broadcast *models.Broadcast, code string) {
	counts := maps.Clone(broadcast.Failures)
	if counts[code] == 0 {
		all := Failures(broadcast)
		if len(all) == 0 {
			return
		}
		if code = all[0].Code; counts[""] > 0 {
			code = ""
		}
	}
	if counts[code]--; counts[code] == 0 {
		delete(counts, code)
	}
	broadcast.Failures = counts
}

// Failures are the reasons why a broadcast did not reach people, with our words for them, the most frequent first.
func Failures(v *models.Broadcast) []event.Failure {
	var all []event.Failure
	for code, n := range v.Failures {
		known, _ := waba.Explain(code)
		all = append(all, event.Failure{Code: code, Count: n, Action: string(known.Action), Advice: known.Advice})
	}
	slices.SortFunc(all, func(a, b event.Failure) int {
		return cmp.Or(cmp.Compare(b.Count, a.Count), cmp.Compare(a.Code, b.Code))
	})
	return all
}
