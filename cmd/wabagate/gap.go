package main

import (
	"context"

	"wabagate/fanout"
	"wabagate/fanout/event"
	"wabagate/gateway/gap"
)

// tellGaps has a recorder tell what the gap detector found.
func tellGaps(r *fanout.Recorder) func(context.Context, ...gap.News) error {
	return func(ctx context.Context, found ...gap.News) error {
		news := make([]fanout.Operation, len(found))
		for i, n := range found {
			news[i] = gapOperation(n)
		}
		return r.Tell(ctx, news...)
	}
}

func gapOperation(n gap.News) fanout.Operation {
	o := fanout.Operation{Type: event.UpstreamSilent, Number: n.Number, Key: n.Key, At: n.At, Reason: n.Reason,
		Gap: &event.Gap{From: event.Time{Time: n.From}, Count: n.Count, MessageIDs: n.Wamids}}
	if n.Kind == gap.Unreported {
		o.Type = event.MessageUnreported
	}
	if !n.Until.IsZero() {
		o.Gap.Until = &event.Time{Time: n.Until}
	}
	return o
}
