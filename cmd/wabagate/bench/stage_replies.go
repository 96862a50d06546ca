package bench

import (
	"context"
	"errors"
	"fmt"
	"time"

	"wabagate/models"
)

// The turns of a round, which begin their keys.
const (
	repliesOff     = "replies_off_"     // nobody answers by itself
	repliesHanging = "replies_hanging_" // every number does, by a model that hangs
	repliesDown    = "replies_down_"    // by one that refuses connections
)

// replying measures, in turns and each on stores of its own, what numbers that answer by themselves cost the delivery of what
// customers write while their model is in trouble.
func (b *bench) replying(ctx context.Context) error {
	dead, release, err := b.receiver.refusing()
	if err != nil {
		return fmt.Errorf("find an address that refuses: %w", err)
	}
	defer release()
	// A conversation is handed over once. If each customer wrote once, each message would hand one over, as they never do.
	const thoughts = 5
	turns := []fairTurn{{key: repliesOff, thoughts: thoughts}, {key: repliesHanging, model: b.receiver.hanging(), thoughts: thoughts}, {key: repliesDown, model: dead, thoughts: thoughts}}
	return b.fairRounds(ctx, turns, func(r *Report) {
		r.ratio(keyRepliesHanging, repliesHanging+fairLiveP99, repliesOff+fairLiveP99)
		r.ratio(keyRepliesDown, repliesDown+fairLiveP99, repliesOff+fairLiveP99)
	})
}

// answerByModel has every number of a fleet answer by a model at an address.
func (b *bench) answerByModel(ctx context.Context, st *setting, f fleet, address string) (err error) {
	store, err := st.open(ctx)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, store.Close()) }()
	for _, number := range f.ids {
		if _, err := store.SetReplies(ctx, f.id, number, func(r *models.Replies) error {
			r.Active, r.Kind, r.URL, r.Model, r.Timeout, r.PerHour, r.PerDay = true, models.RepliesByModel, address, "bench", modelTimeout, 1000, 1_000_000
			return nil
		}); err != nil {
			return err
		}
	}
	return nil
}

// modelTimeout is how long a number waits for its model.
const modelTimeout = 5 * time.Second
