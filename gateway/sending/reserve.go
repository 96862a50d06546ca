package sending

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"strconv"
	"sync"
	"time"

	"github.com/redis/go-redis/v9"
)

const (
	// pairEvery is the time between two messages to one recipient once the burst is used up: the platform's six seconds, and
	// a little because messages do not arrive as evenly as they leave.
	pairEvery = 6*time.Second + 250*time.Millisecond
	// pairBurst is how many messages the platform lends to one recipient at once.
	pairBurst = 45
	// stopFor is how long a stop lasts without another token. Then a portion of messages tries the old one: an upstream that
	// was wrong about it does not stop a number for good.
	stopFor = 15 * time.Minute
	// redisWait bounds a question to Redis; after one without an answer it is left alone for redisRest.
	redisWait, redisRest = 250 * time.Millisecond, time.Second
	// furthest is how far ahead slots are given out; what lies further is left from before a clock was set back.
	furthest = 10 * time.Second
)

// pace gives the messages of one number their time to leave, over all processes that share a Redis. Safe for concurrent use.
type pace struct {
	redis redis.UniversalClient
	keys  paceKeys
	now   func() time.Time

	mu    sync.Mutex
	ahead time.Duration // of the clock of Redis against ours
	slow  string        // the slowdown as it stood in Redis
	alone alone
	last  time.Time // the last slot that Redis gave out here
	// restUntil is when Redis is asked again; zero: it answers.
	restUntil time.Time
}

// paceKeys are where a pace is kept. They share a slot of a Cluster.
type paceKeys struct{ next, hold, slow, stop, pair string }

func newPace(r redis.UniversalClient, number int64, now func() time.Time) *pace {
	k := "wabagate:send:{" + strconv.FormatInt(number, 10) + "}:"
	return &pace{redis: r, keys: paceKeys{k + "next", k + "hold", k + "slow", k + "stop", k + "pair:"}, now: now}
}

// reservation is the answer to those who want to send.
type reservation struct {
	// hold, if not 0, is how long nothing of the number may leave; stopped says that its token was refused. Then there are no
	// slots.
	hold    time.Duration
	stopped bool
	turns   []turn // in the order of the question
}

// turn is when a message may leave.
type turn struct {
	at   time.Time
	wait time.Duration // its recipient has had too many: ask again after this; 0: it may leave at its time
}

// reserveSlots gives out slots that lie an interval apart, to those whose recipient may have a message now. Redis tells the
// time, in microseconds; keys outlive what they hold by two seconds, because they age by whole seconds in the in-process
// Redis. A caller with another slowdown in mind is told, because it knows another interval.
//
// KEYS are next, hold, slow, stop and, for each message, its pair, or next when it has none. ARGV are the interval, the
// earliest slot, how far ahead a slot may lie, the time between messages of a pair, how much of it is lent, the slowdown
// that the caller has in mind, its token's fingerprint and, for each message, 1 when it has a pair. Of a message the
// answer is how far off its slot is or, below 0, how long it has to wait, less one.
var reserveSlots = redis.NewScript(`
local t = redis.call('TIME')
local now = t[1] * 1000000 + t[2]
local time = string.format('%.0f', now)
if (redis.call('GET', KEYS[3]) or '') ~= ARGV[6] then return {time, 'slow', redis.call('GET', KEYS[3]) or ''} end
if redis.call('GET', KEYS[4]) == ARGV[7] then return {time, 'stopped'} end
local hold = tonumber(redis.call('GET', KEYS[2]) or 0)
if hold > now then return {time, 'hold', hold - now} end
local interval, every, lent = tonumber(ARGV[1]), tonumber(ARGV[4]), tonumber(ARGV[5])
local turn = tonumber(redis.call('GET', KEYS[1]) or 0)
if turn > now + tonumber(ARGV[3]) then turn = now end
if turn < now + tonumber(ARGV[2]) then turn = now + tonumber(ARGV[2]) end
local answer, given = {time, 'turns'}, 0
for i = 5, #KEYS do
	local wait = 0
	if ARGV[i + 3] == '1' then
		local due = tonumber(redis.call('GET', KEYS[i]) or 0)
		if due < now then due = now end
		wait = due - lent - now
		if wait <= 0 then
			redis.call('SET', KEYS[i], string.format('%.0f', due + every), 'PX', math.ceil((due + every - now) / 1000) + 2000)
		end
	end
	if wait > 0 then
		answer[i - 2] = -wait - 1
	else
		answer[i - 2] = turn - now
		turn, given = turn + interval, given + 1
	end
end
if given > 0 then redis.call('SET', KEYS[1], string.format('%.0f', turn), 'PX', math.ceil((turn - now) / 1000) + 2000) end
return answer`)

// swap replaces a value that is as the caller knows it; the empty one is none.
var swap = redis.NewScript(`
if (redis.call('GET', KEYS[1]) or '') ~= ARGV[1] then return 0 end
redis.call('SET', KEYS[1], ARGV[2], 'PX', ARGV[3])
return 1`)

// raise moves a moment of Redis's clock, in microseconds, to so long after now, unless it is later already.
var raise = redis.NewScript(`
local t = redis.call('TIME')
local now = t[1] * 1000000 + t[2]
local at = now + tonumber(ARGV[1])
if at > tonumber(redis.call('GET', KEYS[1]) or 0) then
	redis.call('SET', KEYS[1], string.format('%.0f', at), 'PX', math.ceil((at - now) / 1000) + 2000)
end
return 1`)

// reserve asks for a slot for each recipient, the earliest after lead; an empty recipient is nobody's. token is the
// fingerprint of the one to be used. Without Redis slots come from a pace of this process alone, which counts no recipients:
// the platform does.
func (p *pace) reserve(ctx context.Context, rate int, lead time.Duration, token string, recipients []string) reservation {
	keys := []string{p.keys.next, p.keys.hold, p.keys.slow, p.keys.stop}
	pairs := make([]any, len(recipients))
	for i, recipient := range recipients {
		key, pair := p.keys.next, "0"
		if recipient != "" {
			key, pair = p.keys.pair+fingerprint(recipient), "1"
		}
		keys, pairs[i] = append(keys, key), pair
	}
	for range 3 { // the slowdown may change between two questions
		if !p.reachable() {
			break
		}
		p.mu.Lock()
		slow := p.slow
		share := parseSlowdown(slow).now(p.now().Add(p.ahead))
		after := min(max(lead, p.alone.next.Sub(p.now())), furthest/2) // what was given out without Redis comes first
		p.mu.Unlock()
		args := append([]any{interval(rate, share).Microseconds(), after.Microseconds(), furthest.Microseconds(), pairEvery.Microseconds(),
			((pairBurst - 1) * pairEvery).Microseconds(), slow, token}, pairs...)
		asked := p.now()
		ask, cancel := context.WithTimeout(ctx, redisWait)
		answer, err := reserveSlots.Run(ask, p.redis, keys, args...).Slice()
		cancel()
		if err != nil || len(answer) < 2 {
			p.unreachable(ctx)
			break
		}
		answered := p.now()
		p.mu.Lock()
		p.ahead = time.UnixMicro(integer(answer[0])).Sub(answered)
		p.mu.Unlock()
		switch answer[1] {
		case "slow":
			p.mu.Lock()
			p.slow, _ = answer[2].(string)
			p.mu.Unlock()
		case "stopped":
			return reservation{stopped: true}
		case "hold":
			return reservation{hold: time.Duration(integer(answer[2])) * time.Microsecond}
		default:
			turns := turnsOf(answer[2:], asked)
			p.mu.Lock()
			for _, t := range turns {
				if t.at.After(p.last) {
					p.last = t.at
				}
			}
			p.mu.Unlock()
			return reservation{turns: turns}
		}
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	var r reservation
	every := interval(rate, aloneShare)
	earliest := p.now().Add(lead)
	if behind := p.last.Add(every); earliest.Before(behind) && behind.Before(p.now().Add(furthest)) {
		earliest = behind
	}
	for _, slot := range p.alone.reserve(len(recipients), every, earliest) {
		r.turns = append(r.turns, turn{at: slot})
	}
	return r
}

// turnsOf reads slots as Redis gives them out. They count from the question, not from the answer: the one who answers a
// little early is not late.
func turnsOf(offsets []any, asked time.Time) []turn {
	turns := make([]turn, len(offsets))
	for i, o := range offsets {
		if off := time.Duration(integer(o)) * time.Microsecond; off >= 0 {
			turns[i].at = asked.Add(off)
		} else {
			turns[i].wait = -off
		}
	}
	return turns
}

func integer(v any) int64 {
	switch v := v.(type) {
	case int64:
		return v
	case string:
		n, _ := strconv.ParseInt(v, 10, 64)
		return n
	}
	return 0
}

func (p *pace) reachable() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return !p.now().Before(p.restUntil)
}

// unreachable leaves Redis alone for a while, unless it was the caller who had no time.
func (p *pace) unreachable(ctx context.Context) {
	if ctx.Err() != nil {
		return
	}
	p.mu.Lock()
	p.restUntil = p.now().Add(redisRest)
	p.mu.Unlock()
}

// share is the part of the rate that the number has now, as far as this process knows.
func (p *pace) share() float64 {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.now().Before(p.restUntil) {
		return aloneShare
	}
	return parseSlowdown(p.slow).now(p.now().Add(p.ahead))
}

// refused slows the number down because a request that began at a time was refused for the rate. Two processes that are
// refused at once slow it down once.
func (p *pace) refused(ctx context.Context, began time.Time) {
	p.mu.Lock()
	before := parseSlowdown(p.slow)
	after := before.refused(began.Add(p.ahead), p.now().Add(p.ahead))
	known := p.slow
	p.mu.Unlock()
	if after == before {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, redisWait)
	defer cancel()
	done, err := swap.Run(ctx, p.redis, []string{p.keys.slow}, known, after.String(), max(after.recovers().Milliseconds(), 1)).Int()
	if err == nil && done == 1 {
		p.mu.Lock()
		p.slow = after.String()
		p.mu.Unlock()
	}
}

// hold lets nothing of the number leave for a time.
func (p *pace) hold(ctx context.Context, d time.Duration) { p.raise(ctx, p.keys.hold, d) }

// block lets nothing leave to a recipient for a time.
func (p *pace) block(ctx context.Context, recipient string, d time.Duration) {
	if recipient != "" {
		p.raise(ctx, p.keys.pair+fingerprint(recipient), d+(pairBurst-1)*pairEvery)
	}
}

func (p *pace) raise(ctx context.Context, key string, d time.Duration) {
	ctx, cancel := context.WithTimeout(ctx, redisWait)
	defer cancel()
	_ = raise.Run(ctx, p.redis, []string{key}, d.Microseconds()).Err() // without Redis the platform's next refusal says so again
}

// stop tells all processes that a token was refused.
func (p *pace) stop(ctx context.Context, token string) {
	ctx, cancel := context.WithTimeout(ctx, redisWait)
	defer cancel()
	_ = p.redis.Set(ctx, p.keys.stop, token, stopFor).Err() // the others find out themselves
}

// fingerprint stands for what is not to be written into Redis.
func fingerprint(s string) string {
	sum := sha256.Sum256([]byte(s))
	return hex.EncodeToString(sum[:8])
}
