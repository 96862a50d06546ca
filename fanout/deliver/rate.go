package deliver

import (
	"context"
	"errors"
	"strconv"
	"sync"
	"time"

	"github.com/go-redis/redis_rate/v10"
	"github.com/redis/go-redis/v9"
)

// Rates bounds deliveries per second to one webhook, over all processes that share a Redis. A refusal costs no attempt.
// Without Redis nothing is refused: a receiver that gets a burst is better off than one that gets nothing.
type Rates struct {
	limiter *redis_rate.Limiter

	mu   sync.Mutex
	busy map[int64]bool
}

// ErrLimited says that a delivery has to wait for its webhook's rate limit.
var ErrLimited = errors.New("the webhook's rate limit is reached; its deliveries wait")

// NewRates counts on a Redis that it does not close.
func NewRates(r redis.UniversalClient) *Rates {
	return &Rates{limiter: redis_rate.NewLimiter(r), busy: map[int64]bool{}}
}

// patience is how long a delivery waits for its turn before it is put off.
const patience = 5 * time.Second

// Begin claims a limited webhook for one group of deliveries, so that only one of this process sits waiting for turns;
// it fails with ErrLimited while another does. end gives the claim back. Without a limit there is nothing to claim.
func (r *Rates) Begin(webhook int64, perSecond int) (end func(), err error) {
	if perSecond <= 0 {
		return func() {}, nil
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.busy[webhook] {
		return nil, ErrLimited
	}
	r.busy[webhook] = true
	return func() { r.mu.Lock(); delete(r.busy, webhook); r.mu.Unlock() }, nil
}

// Wait returns nil when a delivery may be made under the webhook's limit of perSecond; 0 is no limit. It waits for a
// turn that is near and fails with ErrLimited when it is not.
func (r *Rates) Wait(ctx context.Context, webhook int64, perSecond int) error {
	if perSecond <= 0 {
		return nil
	}
	key := "wabagate:" + strconv.FormatInt(webhook, 10)
	limit := redis_rate.Limit{Rate: perSecond, Burst: max(1, perSecond/10), Period: time.Second}
	for began := time.Now(); ; {
		res, err := r.limiter.Allow(ctx, key, limit)
		if err != nil || res.Allowed > 0 {
			return ctx.Err()
		}
		if time.Since(began)+res.RetryAfter > patience {
			return ErrLimited
		}
		select {
		case <-time.After(res.RetryAfter):
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}
