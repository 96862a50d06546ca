package deliver

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"sync"
	"time"

	"github.com/redis/go-redis/v9"
)

// ErrOpen says that a webhook's breaker is open: nearly everything failed of late, and its deliveries wait.
var ErrOpen = errors.New("the webhook fails; its deliveries wait")

// OpenError is the refusal of an open breaker. It unwraps to ErrOpen.
type OpenError struct {
	Until time.Time // when to ask again
}

func (e *OpenError) Error() string {
	return fmt.Sprintf("%s until %s", ErrOpen, e.Until.UTC().Format(time.RFC3339))
}
func (e *OpenError) Unwrap() error { return ErrOpen }

// Breaker keeps workers from attempts that are bound to fail, for each webhook by itself and for all workers that share a
// Redis. It opens when at least 10 attempts were made in a minute and 70 % of them failed, for 10 s at first and twice as
// long after each probe that fails, up to 5 minutes; then one worker of all gets to make one attempt, the probe, and its
// success closes it. A refusal costs no attempt. When Redis or what it knows is missing, the breaker is closed.
//
// Each worker counts by itself and tells Redis four times a second, and only of webhooks that somebody has trouble with:
// a webhook that works costs nothing. What Redis knows is read back in the same beat. Every change is made on condition
// that nobody made another meanwhile, so that workers need not agree on who leads.
type Breaker struct {
	client redis.UniversalClient
	now    func() time.Time
	wake   chan struct{}

	mu       sync.Mutex
	tallies  map[int64]*tally
	circuits map[int64]circuitEntry // those that are not closed, as of the last beat
	claiming map[int64]bool         // webhooks whose probe this process asks for
	reports  []report               // probes that Redis does not know the result of
}

// tally is what this process saw of a webhook and did not tell yet.
type tally struct {
	samples
	undecided bool // something was told while it was too early to judge
}

// circuitEntry is a circuit and the text that it stands as in Redis.
type circuitEntry struct {
	circuit
	raw string
}

type report struct {
	webhook int64
	claim   string
	result  result
}

// Permit is the right to one attempt, to be reported when it was made. Its zero value is any attempt's.
type Permit struct {
	// Probe says that all others wait for this attempt.
	Probe bool
	claim string
}

// BreakerState is a breaker as people see it.
type BreakerState struct {
	State string    // closed, open or half-open
	Until time.Time // when an open one lets a probe through; zero otherwise
	// Failed and Total are the attempts of the last minute that Redis was told of: none while all is well.
	Failed, Total int
}

// NewBreaker makes a breaker over a Redis that it does not close. A nil now is the wall clock.
func NewBreaker(r redis.UniversalClient, now func() time.Time) *Breaker {
	if now == nil {
		now = time.Now
	}
	return &Breaker{client: r, now: now, wake: make(chan struct{}, 1), tallies: map[int64]*tally{}, circuits: map[int64]circuitEntry{}, claiming: map[int64]bool{}}
}

// circuitsKey is the hash of all circuits that are not closed, by webhook. The attempts of each are in a hash of their
// own, so that a Redis Cluster can share them.
const circuitsKey = "wabagate:breakers"

func samplesKey(webhook int64) string { return "wabagate:breaker:{" + field(webhook) + "}" }

func field(webhook int64) string { return strconv.FormatInt(webhook, 10) }

// change replaces the circuit ARGV[1] if it still is ARGV[2], by ARGV[3]; "" is a closed one. The answer is 1 or 0 and
// the circuit that stands there now. The whole hash ends with the last trouble.
var change = redis.NewScript(`
local now = redis.call('HGET', KEYS[1], ARGV[1]) or ''
if now ~= ARGV[2] then return {0, now} end
if ARGV[3] == '' then redis.call('HDEL', KEYS[1], ARGV[1]) else redis.call('HSET', KEYS[1], ARGV[1], ARGV[3]) end
redis.call('PEXPIRE', KEYS[1], ARGV[4])
return {1, ARGV[3]}`)

func changeArgs(webhook int64, from, to string) []any {
	return []any{field(webhook), from, to, (2 * forgotten).Milliseconds()}
}

func changed(c *redis.Cmd) (done bool, now string, err error) {
	v, err := c.Slice()
	if err != nil || len(v) != 2 {
		return false, "", err
	}
	now, _ = v[1].(string)
	return v[0] == int64(1), now, nil
}

// claimTimeout bounds the wait for a probe; a Redis that does not answer in time is missing.
const claimTimeout = 500 * time.Millisecond

// Allow says whether an attempt may be made; an *OpenError when not. The permit has to be reported or released. Only the
// claim of a probe asks Redis.
func (b *Breaker) Allow(webhook int64) (Permit, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	now := b.now()
	e := b.circuits[webhook]
	ok, probe, until := e.admits(now)
	switch {
	case ok:
		return Permit{}, nil
	case !probe:
		return Permit{}, &OpenError{until}
	case b.claiming[webhook]:
		return Permit{}, &OpenError{now.Add(beat)}
	}
	b.claiming[webhook] = true
	b.mu.Unlock()
	ctx, cancel := context.WithTimeout(context.Background(), claimTimeout)
	claim := e.probing(now).String()
	won, is, err := changed(change.Run(ctx, b.client, []string{circuitsKey}, changeArgs(webhook, e.raw, claim)...))
	cancel()
	b.mu.Lock()
	delete(b.claiming, webhook)
	if err != nil {
		return Permit{}, nil
	}
	b.see(webhook, is, now)
	if won {
		return Permit{Probe: true, claim: claim}, nil
	}
	if ok, _, until = b.circuits[webhook].admits(now); ok {
		return Permit{}, nil
	}
	if until.IsZero() {
		until = now.Add(beat) // it changed twice meanwhile
	}
	return Permit{}, &OpenError{until}
}

// see takes over what stands in Redis. A webhook that works again starts from nothing.
func (b *Breaker) see(webhook int64, raw string, now time.Time) {
	before := b.circuits[webhook].phase
	c := parseCircuit(raw).at(now)
	if c.phase == closed {
		delete(b.circuits, webhook)
	} else {
		b.circuits[webhook] = circuitEntry{c, raw}
	}
	if (before == open || before == halfOpen) && (c.phase == closed || c.phase == watched) {
		delete(b.tallies, webhook)
	}
}

// Report says what became of an attempt: whatever was not delivered failed.
func (b *Breaker) Report(webhook int64, p Permit, delivered bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if p.Probe {
		r := failure
		if delivered {
			r = success
		}
		b.tell(report{webhook, p.claim, r})
		return
	}
	t := b.tallies[webhook]
	if t == nil {
		t = &tally{}
		b.tallies[webhook] = t
	}
	n := counts{total: 1}
	if !delivered {
		n.failed = 1
	}
	t.add(b.now(), n)
}

// Release gives back a permit that no attempt was made with, so that another may probe.
func (b *Breaker) Release(webhook int64, p Permit) {
	if !p.Probe {
		return
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.tell(report{webhook, p.claim, unused})
}

// tell lets everybody know of a probe without waiting for the beat.
func (b *Breaker) tell(r report) {
	b.reports = append(b.reports, r)
	select {
	case b.wake <- struct{}{}:
	default:
	}
}

// beat is how often workers hear of each other.
const beat = 250 * time.Millisecond

// Run exchanges with the other workers until the context ends, and a last time then.
func (b *Breaker) Run(ctx context.Context) {
	t := time.NewTicker(beat)
	defer t.Stop()
	for ctx.Err() == nil {
		select {
		case <-t.C:
		case <-b.wake:
		case <-ctx.Done():
		}
		exchange, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Second)
		_ = b.Flush(exchange) // closed while Redis is away, which its other users tell of
		cancel()
	}
}

// Flush tells Redis what this process saw and takes over what the others did. Run calls it; one call at a time. When it
// fails every breaker is closed until it succeeds again, and what was seen is forgotten.
func (b *Breaker) Flush(ctx context.Context) error {
	now := b.now()
	news, reports := b.collect(now)
	told := map[int64]*redis.MapStringStringCmd{}
	var all *redis.MapStringStringCmd
	_, err := b.client.Pipelined(ctx, func(p redis.Pipeliner) error {
		for webhook, s := range news {
			key := samplesKey(webhook)
			for _, e := range s {
				if e.total > 0 && inWindow(e.slot, now) {
					p.HIncrBy(ctx, key, field(e.slot), int64(e.total))
					p.HIncrBy(ctx, key, field(e.slot)+failedMark, int64(e.failed))
				}
			}
			p.PExpire(ctx, key, window+slot)
			told[webhook] = p.HGetAll(ctx, key)
		}
		all = p.HGetAll(ctx, circuitsKey)
		return nil
	})
	if err != nil {
		return b.lost(reports, err)
	}
	raws := all.Val()
	sums := map[int64]counts{}
	for webhook, fields := range told {
		sums[webhook] = sumFields(fields.Val(), now)
	}
	changes := changesOf(raws, sums, reports, now)
	done := make([]*redis.Cmd, len(changes))
	if len(changes) > 0 {
		_, err = b.client.Pipelined(ctx, func(p redis.Pipeliner) error {
			for i, c := range changes {
				done[i] = change.Eval(ctx, p, []string{circuitsKey}, changeArgs(c.webhook, c.from, c.to)...)
			}
			return nil
		})
		if err != nil {
			return b.lost(reports, err)
		}
	}
	var recovered []string
	for i, c := range changes {
		is, now, err := changed(done[i])
		if err != nil {
			return b.lost(reports, err)
		}
		raws[field(c.webhook)] = now
		if is && c.recovered {
			recovered = append(recovered, samplesKey(c.webhook))
		}
	}
	b.take(raws, sums, now)
	for _, key := range recovered { // what failed before it recovered does not count against it
		if err := b.client.Del(ctx, key).Err(); err != nil {
			return err
		}
	}
	return nil
}

// collect takes what is to be told: of webhooks that failed here, or that somebody watches.
func (b *Breaker) collect(now time.Time) (map[int64]samples, []report) {
	b.mu.Lock()
	defer b.mu.Unlock()
	news := map[int64]samples{}
	for webhook, t := range b.tallies {
		n, c := t.sum(now), b.circuits[webhook].at(now)
		switch {
		case c.phase == open || c.phase == halfOpen: // decided; the probe tells how it goes on
			delete(b.tallies, webhook)
		case n.failed > 0, n.total > 0 && c.phase == watched, t.undecided:
			news[webhook] = t.samples
			t.samples = samples{}
		case n.total == 0:
			delete(b.tallies, webhook)
		}
	}
	reports := b.reports
	b.reports = nil
	return news, reports
}

// circuitChange is a change to be made if the circuit still is what it was.
type circuitChange struct {
	webhook   int64
	from, to  string
	recovered bool
}

// changesOf are the changes that counts and probes make to the circuits, and the removal of what is over.
func changesOf(raws map[string]string, sums map[int64]counts, reports []report, now time.Time) []circuitChange {
	var cs []circuitChange
	probed := map[int64]bool{}
	for _, r := range reports {
		to := parseCircuit(r.claim).probed(r.result, now).String()
		cs = append(cs, circuitChange{r.webhook, r.claim, to, r.result == success})
		probed[r.webhook] = true
	}
	for webhook, n := range sums {
		raw := raws[field(webhook)]
		if to := parseCircuit(raw).at(now).counted(n, now).String(); to != raw && !probed[webhook] {
			cs = append(cs, circuitChange{webhook: webhook, from: raw, to: to})
		}
	}
	for name, raw := range raws {
		webhook, err := strconv.ParseInt(name, 10, 64)
		if _, counted := sums[webhook]; err != nil || counted || probed[webhook] {
			continue
		}
		if parseCircuit(raw).at(now).phase == closed {
			cs = append(cs, circuitChange{webhook: webhook, from: raw})
		}
	}
	return cs
}

// take makes what stands in Redis the view of this process.
func (b *Breaker) take(raws map[string]string, sums map[int64]counts, now time.Time) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for webhook := range b.circuits {
		if _, ok := raws[field(webhook)]; !ok {
			b.see(webhook, "", now)
		}
	}
	for name, raw := range raws {
		if webhook, err := strconv.ParseInt(name, 10, 64); err == nil {
			b.see(webhook, raw, now)
		}
	}
	for webhook := range sums {
		if t := b.tallies[webhook]; t != nil {
			c := b.circuits[webhook]
			t.undecided = c.phase == watched && now.Sub(c.since) < settle
		}
	}
}

// lost closes every breaker. The results of probes are told when Redis is back.
func (b *Breaker) lost(reports []report, err error) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	clear(b.circuits)
	b.reports = append(reports, b.reports...)
	return fmt.Errorf("exchange breakers: %w", err)
}

// Troubled counts the webhooks whose breakers are open and those that are probed, of all workers, as of the last beat.
func (b *Breaker) Troubled() (opened, probed int) {
	b.mu.Lock()
	defer b.mu.Unlock()
	now := b.now()
	for _, e := range b.circuits {
		switch e.at(now).phase {
		case open:
			opened++
		case halfOpen:
			probed++
		}
	}
	return opened, probed
}

// State is the breaker of a webhook as Redis knows it. When it cannot be asked the answer is closed, and the error.
func (b *Breaker) State(ctx context.Context, webhook int64) (BreakerState, error) {
	now := b.now()
	var raw *redis.StringCmd
	var fields *redis.MapStringStringCmd
	_, _ = b.client.Pipelined(ctx, func(p redis.Pipeliner) error {
		raw, fields = p.HGet(ctx, circuitsKey, field(webhook)), p.HGetAll(ctx, samplesKey(webhook))
		return nil
	})
	err := fields.Err()
	if err == nil && !errors.Is(raw.Err(), redis.Nil) {
		err = raw.Err()
	}
	if err != nil {
		return BreakerState{State: shut}, fmt.Errorf("breaker of webhook %d: %w", webhook, err)
	}
	n := sumFields(fields.Val(), now)
	s := stateOf(raw.Val(), now)
	s.Failed, s.Total = n.failed, n.total
	return s, nil
}

// stateOf is a circuit as people see it.
func stateOf(raw string, now time.Time) BreakerState {
	switch c := parseCircuit(raw).at(now); {
	case c.phase == open && now.Before(c.until):
		return BreakerState{State: string(open), Until: c.until}
	case c.phase == open || c.phase == halfOpen:
		return BreakerState{State: string(halfOpen)}
	}
	return BreakerState{State: shut}
}

// shut is what people see of a circuit that lets attempts through.
const shut = "closed"

// Open lists the webhooks, of every business, whose breakers are not closed, as Redis knows them.
func (b *Breaker) Open(ctx context.Context) (map[int64]BreakerState, error) {
	raws, err := b.client.HGetAll(ctx, circuitsKey).Result()
	if err != nil {
		return nil, fmt.Errorf("breakers: %w", err)
	}
	now, open := b.now(), map[int64]BreakerState{}
	for name, raw := range raws {
		webhook, err := strconv.ParseInt(name, 10, 64)
		if s := stateOf(raw, now); err == nil && s.State != shut {
			open[webhook] = s
		}
	}
	return open, nil
}
