package deliver

import (
	"context"
	"errors"
	"strconv"
	"sync"
	"time"

	"github.com/redis/go-redis/v9"
)

// Rates bounds deliveries per second to one webhook, over all processes that share a Redis: in no second, wherever it
// begins, do more start than the limit says. A refusal costs no attempt. Without Redis nothing is refused: a receiver
// that gets a burst is better off than one that gets nothing.
type Rates struct {
	client redis.UniversalClient

	mu   sync.Mutex
	busy map[int64]bool
}

// ErrLimited says that a delivery has to wait for its webhook's rate limit.
var ErrLimited = errors.New("the webhook's rate limit is reached; its deliveries wait")

// NewRates counts on a Redis that it does not close.
func NewRates(r redis.UniversalClient) *Rates {
	return &Rates{client: r, busy: map[int64]bool{}}
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

// punctuality is how late a turn may be taken. A later one is let go: taken late, it could fall into one second with
// more of the turns after it than the limit allows.
const punctuality = 50 * time.Millisecond

// slack is how late a request may start after its turn: taken in time, it still has to get the processor.
const slack = punctuality + 25*time.Millisecond

// interval is the time between two turns. It is longer than the rate asks for by the slack, so that a second holds no
// more than perSecond of them however late each is.
func interval(perSecond int) time.Duration {
	n := time.Duration(perSecond)
	return ((time.Second+slack)/time.Microsecond + n - 1) / n * time.Microsecond
}

// takeTurn gives out turns that lie an interval apart. KEYS[1] holds when the next is, by the clock of Redis; ARGV are the
// interval, the patience and how far off the next turn can be at most, in microseconds. The answer is how far off the
// turn is, or -1 when patience does not last: then none is taken. A turn that is further off than it can be is left from
// before the clock was set back. The key outlives its turn by two seconds, because keys age by whole seconds
// in the in-process Redis: one that ended with its turn would end up to a second before it.
var takeTurn = redis.NewScript(`
local t = redis.call('TIME')
local now, interval = t[1] * 1000000 + t[2], tonumber(ARGV[1])
local turn = tonumber(redis.call('GET', KEYS[1]) or 0)
if turn < now or turn > now + tonumber(ARGV[3]) then turn = now end
if turn > now + tonumber(ARGV[2]) then return -1 end
redis.call('SET', KEYS[1], string.format('%.0f', turn + interval), 'PX', math.ceil((turn + interval - now) / 1000) + 2000)
return turn - now`)

// Wait returns nil when a delivery may start under the webhook's limit of perSecond; 0 is no limit. It waits for a turn
// that is near and fails with ErrLimited when it is not. The delivery has to start at once.
func (r *Rates) Wait(ctx context.Context, webhook int64, perSecond int) error {
	if perSecond <= 0 {
		return nil
	}
	key := "wabagate:rate:" + strconv.FormatInt(webhook, 10)
	furthest := patience + interval(1)
	for began := time.Now(); time.Since(began) < patience; {
		asked := time.Now()
		us, err := takeTurn.Run(ctx, r.client, []string{key}, interval(perSecond).Microseconds(), patience.Microseconds(), furthest.Microseconds()).Int64()
		if err != nil {
			return ctx.Err()
		}
		if us < 0 {
			return ErrLimited
		}
		off := time.Duration(us) * time.Microsecond
		select {
		case <-time.After(off): // the turn or a little later, by the way back of the answer
		case <-ctx.Done():
			return ctx.Err()
		}
		if time.Since(asked) <= off+punctuality {
			return nil
		}
	}
	return ErrLimited
}
