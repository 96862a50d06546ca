package fanout

import (
	"context"
	"strconv"
	"time"

	"wabagate/fanout/event"
	"wabagate/models"
)

// TellConnected tells that a number was connected at a moment, once however often it is told.
func (r *Recorder) TellConnected(ctx context.Context, n models.Number, at time.Time) error {
	const typ = event.NumberConnected
	f := fact{typ: typ, key: event.NewKey(typ, scopeOf(n, n.BusinessID), strconv.FormatInt(at.UnixMilli(), 10)), business: n.BusinessID, number: n, occurred: at.UTC()}
	return r.fresh(ctx, func() error {
		_, err := r.record(ctx, []fact{f}, r.subs.current(), models.Changes{})
		return err
	})
}
