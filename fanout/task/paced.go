package task

import (
	"context"
	"time"

	"github.com/redis/go-redis/v9"
)

// Paced is a hook that lets the server that dequeues through the hooked Redis client take no more than a task every so
// often. asynq makes everything that is due in a second ready at once; what nobody waits for is better taken bit by bit,
// beside what people wait for. Like a bell's hook, one serves one server.
func Paced(every time.Duration) redis.Hook { return &paced{every: every} }

type paced struct {
	every time.Duration
	next  time.Time // only the dequeuing goroutine uses it
}

func (p *paced) DialHook(next redis.DialHook) redis.DialHook { return next }

func (p *paced) ProcessPipelineHook(next redis.ProcessPipelineHook) redis.ProcessPipelineHook {
	return next
}

func (p *paced) ProcessHook(next redis.ProcessHook) redis.ProcessHook {
	return func(ctx context.Context, cmd redis.Cmder) error {
		if verb, _ := scriptOf(cmd); verb != dequeue {
			return next(ctx, cmd)
		}
		time.Sleep(time.Until(p.next))
		err := next(ctx, cmd)
		if err == nil {
			p.next = time.Now().Add(p.every)
		}
		return err
	}
}
