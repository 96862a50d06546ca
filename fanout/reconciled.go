package fanout

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/redis/go-redis/v9"
)

// What a reconciler found.
const (
	FoundLost   = "lost"   // due, and unknown to the queue
	FoundOrphan = "orphan" // in the hand of a worker that is gone
	FoundAsleep = "asleep" // put to sleep for longer than anybody meant
)

// Reconciled is what a reconciler put into the queue again at one time.
type Reconciled struct {
	At     time.Time `json:"at"`
	Found  string    `json:"found"` // lost, orphan or asleep
	Kind   string    `json:"kind"`  // callbacks, deliveries, sends or replies
	Pieces int       `json:"pieces"`
}

const (
	reconciledKey = "wabagate:reconciled"
	// reconciledKept is how many entries are remembered.
	reconciledKept = 100
)

// remember tells operations what was put in again. It is told for people: its failure stops nothing.
func (r *Reconciler) remember(ctx context.Context, found, kind string, pieces int) {
	text, err := json.Marshal(Reconciled{At: r.store.Now().UTC(), Found: found, Kind: kind, Pieces: pieces})
	if err != nil {
		return
	}
	pipe := r.redis.Pipeline()
	pipe.LPush(ctx, reconciledKey, text)
	pipe.LTrim(ctx, reconciledKey, 0, reconciledKept-1)
	if _, err := pipe.Exec(ctx); err != nil {
		r.log.Debug("what was put in again is not remembered", "error", err)
	}
}

// Reconciliation is what can be seen of the reconcilers of all processes.
type Reconciliation struct {
	// Leader is the process whose turn it is; empty: none has reconciled in the last seconds.
	Leader string
	// Workers is how many processes have said in the last seconds that they work.
	Workers int
	// Lately are the last times that something was put in again, the newest first. Redis remembers them.
	Lately []Reconciled
}

// ReadReconciliation asks Redis.
func ReadReconciliation(ctx context.Context, r redis.UniversalClient) (Reconciliation, error) {
	var out Reconciliation
	now, err := r.Time(ctx).Result()
	if err != nil {
		return out, fmt.Errorf("read the reconciler: %w", err)
	}
	pipe := r.Pipeline()
	leader := pipe.Get(ctx, turnKey)
	live := pipe.ZCount(ctx, heldSet, fmt.Sprint(now.Add(-heldFor).Unix()), "+inf")
	lately := pipe.LRange(ctx, reconciledKey, 0, reconciledKept-1)
	if _, err := pipe.Exec(ctx); err != nil && !errors.Is(err, redis.Nil) {
		return out, fmt.Errorf("read the reconciler: %w", err)
	}
	out.Leader, out.Workers = leader.Val(), int(live.Val())
	for _, text := range lately.Val() {
		var one Reconciled
		if json.Unmarshal([]byte(text), &one) == nil {
			out.Lately = append(out.Lately, one)
		}
	}
	return out, nil
}
