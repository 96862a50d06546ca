//go:build unix

package main

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/redis/go-redis/v9"
)

// database is how the harness looks at what the gateway keeps.
type database struct {
	url  string
	pool *pgxpool.Pool
}

// observer is the name of the harness's own connections.
const observer = "chaos"

func openDatabase(ctx context.Context, url string) (*database, error) {
	cfg, err := pgxpool.ParseConfig(url)
	if err != nil {
		return nil, err
	}
	cfg.MaxConns = 2
	cfg.ConnConfig.RuntimeParams["application_name"] = observer
	pool, err := pgxpool.NewWithConfig(ctx, cfg)
	if err != nil {
		return nil, err
	}
	return &database{url, pool}, nil
}

// configure changes settings of the server, which take effect at once.
func (d *database) configure(ctx context.Context, statements ...string) error {
	for _, s := range append(statements, "SELECT pg_reload_conf()") {
		if _, err := d.pool.Exec(ctx, s); err != nil {
			return fmt.Errorf("%s: %w", s, err)
		}
	}
	return nil
}

// mislead has webhooks lead to other addresses than the API would take.
func (d *database) mislead(ctx context.Context, urls map[int64]string) error {
	return pgx.BeginFunc(ctx, d.pool, func(tx pgx.Tx) error {
		for id, url := range urls {
			if _, err := tx.Exec(ctx, "UPDATE webhooks SET url = $2 WHERE id = $1", id, url); err != nil {
				return err
			}
		}
		_, err := tx.Exec(ctx, "UPDATE routes_version SET version = version + 1")
		return err
	})
}

// statuses reads the stored statuses of a row's outbound messages.
func (d *database) statuses(ctx context.Context, tag string) ([]sighting, error) {
	rows, err := d.pool.Query(ctx, "SELECT wamid, status FROM messages WHERE wamid LIKE $1 AND status <> ''", outbound(tag)+"%")
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, func(r pgx.CollectableRow) (s sighting, err error) { return s, r.Scan(&s.wamid, &s.status) })
}

// outbox lists the work that is not finished.
func (d *database) outbox(ctx context.Context) ([]int64, error) {
	rows, err := d.pool.Query(ctx, "SELECT id FROM outbox")
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, pgx.RowTo[int64])
}

// unfinished counts the work that is due and that is not, and says how long the last of it waits. What an earlier row
// left is not counted again, nor the work of forbidden webhooks: nobody is promised anything there, and the gateway may
// put it off for as long as they fail.
func (d *database) unfinished(ctx context.Context, earlier []int64) (r remains, err error) {
	var last int64
	now := time.Now()
	err = d.pool.QueryRow(ctx, `SELECT count(*) FILTER (WHERE due_at <= $1), count(*) FILTER (WHERE due_at > $1), coalesce(max(due_at), 0)
		FROM outbox o WHERE NOT id = ANY($2)
		AND NOT EXISTS (SELECT 1 FROM webhooks w WHERE w.id = o.webhook_id AND w.name LIKE $3)`, now.UnixMilli(), earlier, forbiddenName+"%").Scan(&r.due, &r.later, &last)
	if r.later > 0 {
		r.latest = time.UnixMilli(last).Sub(now)
	}
	return r, err
}

// tries reads what became of events: the deliveries that took several attempts and those of forbidden webhooks, and how
// many attempts there were in all.
func (d *database) tries(ctx context.Context, hooks []hook, events []string) (list []tries, attempts int64, err error) {
	keys := make([][]byte, 0, len(events))
	for _, id := range events {
		key, err := hex.DecodeString(strings.TrimPrefix(id, "evt_"))
		if err != nil {
			return nil, 0, fmt.Errorf("webhook-id %q is not an event's id", id)
		}
		keys = append(keys, key)
	}
	index := map[int64]int{}
	for i, h := range hooks {
		index[h.id] = i
	}
	rows, err := d.pool.Query(ctx, `SELECT a.webhook_id, e.key, count(*), array_agg(DISTINCT a.outcome) FROM events e JOIN attempts a ON a.event_id = e.id
		WHERE e.key = ANY($1) GROUP BY a.webhook_id, e.key`, keys)
	if err != nil {
		return nil, 0, err
	}
	var hookID int64
	var key []byte
	var n int
	var outcomes []string
	_, err = pgx.ForEachRow(rows, []any{&hookID, &key, &n, &outcomes}, func() error {
		attempts += int64(n)
		i, ours := index[hookID]
		if ours && (n > 1 || hooks[i].kind == forbidden) {
			list = append(list, tries{hook: i, event: "evt_" + hex.EncodeToString(key), n: n, outcomes: append([]string(nil), outcomes...)})
		}
		return nil
	})
	return list, attempts, err
}

// crowd takes every connection that the server gives, throwing the gateway off its own, until ctx ends.
func (d *database) crowd(ctx context.Context) error {
	first, err := pgx.Connect(ctx, d.url)
	if err != nil {
		return err
	}
	held := []*pgx.Conn{first}
	defer func() {
		for _, c := range held {
			_ = c.Close(context.WithoutCancel(ctx))
		}
	}()
	for ctx.Err() == nil {
		c, err := pgx.Connect(ctx, d.url)
		if err == nil {
			held = append(held, c)
			continue
		}
		if _, err := first.Exec(ctx, "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name LIKE 'wabagate%'"); err != nil && ctx.Err() == nil {
			return fmt.Errorf("throw the gateway off its connections: %w", err)
		}
		time.Sleep(20 * time.Millisecond)
	}
	return nil
}

// queue is how the harness looks at Redis.
type queue struct{ client *redis.Client }

func openQueue(url string) (queue, error) {
	o, err := redis.ParseURL(url)
	if err != nil {
		return queue{}, err
	}
	return queue{redis.NewClient(o)}, nil
}

// readyFor is how long a task is left ready before it counts as such: what waits for a circuit to close comes up now and
// then, and is put off again.
const readyFor = 2 * time.Second

// ready are the tasks that are ready in a queue.
func (q queue) ready(ctx context.Context, names []string) (map[string]bool, error) {
	ready := map[string]bool{}
	for _, name := range names {
		ids, err := q.client.LRange(ctx, "asynq:{"+name+"}:pending", 0, -1).Result()
		if err != nil {
			return nil, err
		}
		for _, id := range ids {
			ready[name+" "+id] = true
		}
	}
	return ready, nil
}

// look counts what stays ready, is in refuge, and is active without a lease, and adds it to r.
func (q queue) look(ctx context.Context, r *remains) error {
	names, err := q.client.SMembers(ctx, "asynq:queues").Result()
	if err != nil {
		return err
	}
	ready, err := q.ready(ctx, names)
	if err != nil {
		return err
	}
	if len(ready) > 0 {
		time.Sleep(readyFor)
		still, err := q.ready(ctx, names)
		if err != nil {
			return err
		}
		for id := range ready {
			if still[id] {
				r.pending++
			}
		}
	}
	if r.refuge, err = q.client.LLen(ctx, "wabagate:refuge").Result(); err != nil {
		return err
	}
	for _, name := range names {
		active, err := q.client.LRange(ctx, "asynq:{"+name+"}:active", 0, -1).Result()
		if err != nil {
			return err
		}
		for _, id := range active {
			switch err := q.client.ZScore(ctx, "asynq:{"+name+"}:lease", id).Err(); {
			case errors.Is(err, redis.Nil):
				r.unleased++
			case err != nil:
				return err
			}
		}
	}
	return nil
}

// active counts the tasks that workers hold, or held when they died.
func (q queue) active(ctx context.Context) (n int64, err error) {
	names, err := q.client.SMembers(ctx, "asynq:queues").Result()
	for _, name := range names {
		held, err := q.client.LLen(ctx, "asynq:{"+name+"}:active").Result()
		if err != nil {
			return 0, err
		}
		n += held
	}
	return n, err
}
