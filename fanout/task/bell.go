package task

import (
	"context"
	"strings"
	"sync"
	"time"

	"github.com/redis/go-redis/v9"
)

// channel carries the rings between processes: the message is the queue's name.
const channel = "wabagate:bell"

// Bell tells the servers of this and of other processes that a queue has work. Make it with NewBell.
type Bell struct {
	mu     sync.Mutex
	rings  map[string]uint64 // by queue; grows with every ring
	opened []chan struct{}   // one per waiting server, capacity 1
}

// NewBell makes a bell that nobody listens to yet.
func NewBell() *Bell { return &Bell{rings: map[string]uint64{}} }

// Ring wakes the servers of this process at once, and those of others through Redis. A ring that does not get through
// costs them a quarter of a second.
func (b *Bell) Ring(ctx context.Context, r redis.UniversalClient, queue string) {
	b.heard(queue)
	_ = r.Publish(ctx, channel, queue).Err()
}

func (b *Bell) heard(queue string) {
	b.mu.Lock()
	b.rings[queue]++
	for _, o := range b.opened {
		select {
		case o <- struct{}{}:
		default:
		}
	}
	b.mu.Unlock()
}

func (b *Bell) count(queue string) uint64 {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.rings[queue]
}

// Listen hears the rings of other processes until ctx ends.
func (b *Bell) Listen(ctx context.Context, r redis.UniversalClient) {
	sub := r.Subscribe(ctx, channel)
	defer func() { _ = sub.Close() }()
	messages := sub.Channel()
	for {
		select {
		case <-ctx.Done():
			return
		case m, open := <-messages:
			if !open {
				return
			}
			b.heard(m.Payload)
		}
	}
}

// lookAnyway is how long a server with empty queues waits for the bell before it looks by itself.
const lookAnyway = 250 * time.Millisecond

// Hook makes a server that dequeues through the hooked Redis client wait for the bell while its queues are empty. One
// hook serves one server: its queues are the server's, and asynq dequeues in one goroutine.
func (b *Bell) Hook(queues ...string) redis.Hook {
	h := &hook{bell: b, queues: queues, emptyAt: map[string]uint64{}, wake: make(chan struct{}, 1)}
	b.mu.Lock()
	b.opened = append(b.opened, h.wake)
	b.mu.Unlock()
	return h
}

type hook struct {
	bell   *Bell
	queues []string
	wake   chan struct{}
	// emptyAt is the count of rings at which a queue was found empty; only the dequeuing goroutine uses it.
	emptyAt map[string]uint64
}

func (h *hook) DialHook(next redis.DialHook) redis.DialHook { return next }

func (h *hook) ProcessPipelineHook(next redis.ProcessPipelineHook) redis.ProcessPipelineHook {
	return next
}

func (h *hook) ProcessHook(next redis.ProcessHook) redis.ProcessHook {
	return func(ctx context.Context, cmd redis.Cmder) error {
		verb, queue := scriptOf(cmd)
		switch verb {
		case dequeue:
			if h.quiet(queue) && h.allQuiet() {
				h.wait()
			}
			if h.quiet(queue) {
				cmd.SetErr(redis.Nil)
				return redis.Nil
			}
			before := h.bell.count(queue)
			err := next(ctx, cmd)
			if err == redis.Nil {
				h.emptyAt[queue] = before + 1 // zero means: not known to be empty
			} else {
				delete(h.emptyAt, queue)
			}
			return err
		case forward:
			// Tasks whose time has come were moved to pending.
			err := next(ctx, cmd)
			if c, ok := cmd.(*redis.Cmd); ok && err == nil {
				if n, _ := c.Int(); n > 0 {
					h.bell.heard(queue)
				}
			}
			return err
		}
		return next(ctx, cmd)
	}
}

func (h *hook) quiet(queue string) bool {
	at := h.emptyAt[queue]
	return at != 0 && at == h.bell.count(queue)+1
}

func (h *hook) allQuiet() bool {
	for _, q := range h.queues {
		if !h.quiet(q) {
			return false
		}
	}
	return true
}

func (h *hook) wait() {
	t := time.NewTimer(lookAnyway)
	defer t.Stop()
	for {
		select {
		case <-h.wake:
			if !h.allQuiet() {
				return
			}
		case <-t.C:
			clear(h.emptyAt)
			return
		}
	}
}

type verb int

const (
	other verb = iota
	dequeue
	forward
)

// scriptOf recognises asynq's two scripts by their keys: dequeue has pending, paused, active and lease; forward has
// scheduled (or retry) and pending. What it does not recognise goes through untouched, so a change in asynq would cost
// the quick wake-up and nothing else.
func scriptOf(cmd redis.Cmder) (verb, string) {
	if name := cmd.Name(); name != "evalsha" && name != "eval" {
		return other, ""
	}
	args := cmd.Args()
	if len(args) < 5 {
		return other, ""
	}
	first, _ := args[3].(string)
	second, _ := args[4].(string)
	if q, ok := queueOf(first, ":pending"); ok && strings.HasSuffix(second, ":paused") {
		return dequeue, q
	}
	if q, ok := queueOf(second, ":pending"); ok && (strings.HasSuffix(first, ":scheduled") || strings.HasSuffix(first, ":retry")) {
		return forward, q
	}
	return other, ""
}

func queueOf(key, suffix string) (string, bool) {
	k, ok := strings.CutSuffix(key, suffix)
	if !ok {
		return "", false
	}
	k, ok = strings.CutPrefix(k, "asynq:{")
	if !ok {
		return "", false
	}
	return strings.CutSuffix(k, "}")
}
