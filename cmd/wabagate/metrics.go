package main

import (
	"cmp"
	"context"
	"runtime/debug"
	"strconv"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/redis/go-redis/v9"

	"wabagate/fanout/task"
	"wabagate/models"
)

// newRegistry makes the registry of a process, with what Go and the operating system know of it.
func newRegistry() *prometheus.Registry {
	r := prometheus.NewRegistry()
	r.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	return r
}

// vitals looks, at every scrape, at what is nobody's counter: the stores, what waits in them, the connections to them. A store
// that does not answer is waited for two seconds; of what cannot be known nothing is told, but that the store is away.
type vitals struct {
	store  *models.Store
	redis  redis.UniversalClient
	refuge interface {
		Len(context.Context) (int64, error)
	} // nil: none
	queues   func(context.Context) ([]task.Depth, error) // nil: looked at by another process
	circuits func() (open, halfOpen int)                 // nil: known to another process
	roles    string
	limit    int64 // of memory, in bytes; 0: not known
}

// scrapeTimeout bounds what a scrape waits for a store; Prometheus itself waits for ten seconds.
const scrapeTimeout = 2 * time.Second

// waitingShown is how many webhooks the metrics name: those for which most waits.
const waitingShown = 20

func desc(name, help string, labels ...string) *prometheus.Desc {
	return prometheus.NewDesc(name, help, labels, nil)
}

var (
	buildInfo   = desc("wabagate_build_info", "1, for what runs: its version and what it does.", "version", "roles")
	memoryBound = desc("wabagate_memory_limit_bytes", "Memory that this process may have: the least of its container's, GOMEMLIMIT and the machine's; 0: not known.")

	databaseUp     = desc("wabagate_database_up", "1 while the database answers, else 0.")
	databaseConns  = desc("wabagate_database_connections", "Connections to the database, by pool (hot: callbacks, events, deliveries; rest) and state (in_use, idle).", "pool", "state")
	databaseLimit  = desc("wabagate_database_connections_limit", "How many connections a pool may have.", "pool")
	databaseWaits  = desc("wabagate_database_pool_waits_total", "Times that somebody waited for a connection of a pool.", "pool")
	databaseWaited = desc("wabagate_database_pool_wait_seconds_total", "How long they waited.", "pool")
	partitionRoom  = desc("wabagate_database_partition_room_seconds", "For how long from now on there are partitions for everything; negative: some are missing. PostgreSQL only.")

	redisUp       = desc("wabagate_redis_up", "1 while Redis answers, else 0.")
	redisConns    = desc("wabagate_redis_connections", "Connections of this process's main client to Redis, by state: in_use, idle.", "state")
	redisTimeouts = desc("wabagate_redis_pool_timeouts_total", "Times that no connection to Redis was free in time.")
	redisMemory   = desc("wabagate_redis_memory_bytes", "Memory that Redis uses; of a Cluster, the fullest node.")
	redisLimit    = desc("wabagate_redis_memory_limit_bytes", "Its maxmemory; 0: none.")
	refugeGroups  = desc("wabagate_refuge_groups", "Groups of callbacks that Redis keeps until the database is back.")

	backlogCallbacks  = desc("wabagate_backlog_callback_groups", "Groups of callbacks accepted and not yet translated; -1 while the database is away.")
	backlogDeliveries = desc("wabagate_backlog_delivery_groups", "Groups of deliveries unfinished, retries included; -1 while the database is away.")
	backlogSends      = desc("wabagate_backlog_send_groups", "Groups of messages waiting to be sent, those for later included; -1 while the database is away.")
	backlogReplies    = desc("wabagate_backlog_replies", "Messages of customers waiting for an answer by a model; -1 while the database is away.")
	backlogOldest     = desc("wabagate_backlog_oldest_seconds", "How long the oldest unfinished work is overdue; -1 while the database is away.")
	backlogOverdue    = desc("wabagate_backlog_overdue_seconds", "The same by kind of work: callbacks, deliveries, sends, replies.", "kind")

	// The names of webhooks are bounded: the twenty of one moment.
	waitingDeliveries = desc("wabagate_webhook_waiting_deliveries", "Deliveries under way to a webhook, retries to come included; the twenty webhooks with most.", "webhook_id")
	waitingOverdue    = desc("wabagate_webhook_overdue_seconds", "How long the oldest of them could have been attempted.", "webhook_id")

	circuitsOpen = desc("wabagate_webhook_circuits", "Webhooks whose circuit is not closed, of all processes, by state: open (their deliveries wait), half_open (one is tried).", "state")

	queueTasks     = desc("wabagate_queue_tasks", "Tasks in a queue, by state: pending, active, scheduled, retry, archived.", "queue", "state")
	queueOldest    = desc("wabagate_queue_oldest_seconds", "How long the task at the head of a queue has been ready; 0: none is.", "queue")
	queuePaused    = desc("wabagate_queue_paused", "1 while a queue is paused, else 0.", "queue")
	queueProcessed = desc("wabagate_queue_processed_total", "Tasks of a queue that were run, those that failed or were put off included; starts over when Redis does.", "queue")
	queueFailed    = desc("wabagate_queue_failed_total", "Those that failed by the gateway's own trouble and are run again.", "queue")
)

// kindsOfWork are the kinds, as the metrics call them.
var kindsOfWork = map[models.Kind]string{models.TranslateCallbacks: "callbacks", models.Deliver: "deliveries", models.SendMessages: "sends", models.ReplyMessages: "replies"}

// Describe promises nothing: what there is depends on the stores and roles. METRICS.md lists it.
func (v *vitals) Describe(chan<- *prometheus.Desc) {}

func (v *vitals) Collect(m chan<- prometheus.Metric) {
	ctx, cancel := context.WithTimeout(context.Background(), scrapeTimeout)
	defer cancel()
	s := scrape{m}
	s.gauge(buildInfo, 1, version(), v.roles)
	s.gauge(memoryBound, float64(v.limit))
	s.pools(v.store.Pools())
	if v.circuits != nil {
		opened, probed := v.circuits()
		s.gauge(circuitsOpen, float64(opened), "open")
		s.gauge(circuitsOpen, float64(probed), "half_open")
	}
	var both sync.WaitGroup
	both.Go(func() { v.lookAtDatabase(ctx, s) })
	both.Go(func() { v.lookAtRedis(ctx, s) })
	both.Wait()
}

func (v *vitals) lookAtDatabase(ctx context.Context, s scrape) {
	b, err := v.store.Backlog(ctx)
	s.up(databaseUp, err)
	s.backlog(b, v.store.Now(), err)
	if err != nil {
		return
	}
	if waiting, err := v.store.Waiting(ctx, waitingShown); err == nil {
		for _, one := range waiting {
			id := strconv.FormatInt(one.WebhookID, 10)
			s.gauge(waitingDeliveries, float64(one.Deliveries), id)
			s.gauge(waitingOverdue, max(0, v.store.Now().Sub(one.OldestDue).Seconds()), id)
		}
	}
	if room, ok, err := v.store.RoomAhead(ctx, v.store.Now()); err == nil && ok {
		s.gauge(partitionRoom, room.Seconds())
	}
}

func (v *vitals) lookAtRedis(ctx context.Context, s scrape) {
	st := v.redis.PoolStats()
	s.gauge(redisConns, float64(st.TotalConns-st.IdleConns), "in_use")
	s.gauge(redisConns, float64(st.IdleConns), "idle")
	s.counter(redisTimeouts, float64(st.Timeouts))
	err := v.redis.Ping(ctx).Err()
	s.up(redisUp, err)
	if err != nil {
		return
	}
	if used, limit, ok := redisUse(ctx, v.redis); ok {
		s.gauge(redisMemory, float64(used))
		s.gauge(redisLimit, float64(limit))
	}
	if v.refuge != nil {
		if n, err := v.refuge.Len(ctx); err == nil {
			s.gauge(refugeGroups, float64(n))
		}
	}
	if v.queues != nil {
		if depths, err := v.queues(ctx); err == nil {
			s.queues(depths)
		}
	}
}

// scrape is where the values of one scrape go.
type scrape struct{ m chan<- prometheus.Metric }

func (s scrape) gauge(d *prometheus.Desc, value float64, labels ...string) {
	s.m <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, value, labels...)
}

func (s scrape) counter(d *prometheus.Desc, value float64, labels ...string) {
	s.m <- prometheus.MustNewConstMetric(d, prometheus.CounterValue, value, labels...)
}

func (s scrape) up(d *prometheus.Desc, err error) {
	if err != nil {
		s.gauge(d, 0)
		return
	}
	s.gauge(d, 1)
}

func (s scrape) pools(pools []models.Pool) {
	for _, p := range pools {
		s.gauge(databaseConns, float64(p.InUse), p.Name, "in_use")
		s.gauge(databaseConns, float64(p.Idle), p.Name, "idle")
		s.gauge(databaseLimit, float64(p.Limit), p.Name)
		s.counter(databaseWaits, float64(p.Waits), p.Name)
		s.counter(databaseWaited, p.Waited.Seconds(), p.Name)
	}
}

func (s scrape) backlog(b models.Backlog, now time.Time, err error) {
	known := func(n float64) float64 {
		if err != nil {
			return -1
		}
		return n
	}
	overdue := func(due time.Time) float64 {
		if due.IsZero() {
			return 0
		}
		return max(0, now.Sub(due).Seconds())
	}
	s.gauge(backlogCallbacks, known(float64(b.Callbacks)))
	s.gauge(backlogDeliveries, known(float64(b.Deliveries)))
	s.gauge(backlogSends, known(float64(b.Sends)))
	s.gauge(backlogReplies, known(float64(b.Replies)))
	s.gauge(backlogOldest, known(overdue(b.OldestDue)))
	for kind, name := range kindsOfWork {
		s.gauge(backlogOverdue, known(overdue(b.Due[kind])), name)
	}
}

func (s scrape) queues(depths []task.Depth) {
	for _, d := range depths {
		for state, n := range map[string]int{"pending": d.Pending, "active": d.Active, "scheduled": d.Scheduled, "retry": d.Retry, "archived": d.Archived} {
			s.gauge(queueTasks, float64(n), d.Queue, state)
		}
		s.gauge(queueOldest, d.Oldest.Seconds(), d.Queue)
		paused := 0.0
		if d.Paused {
			paused = 1
		}
		s.gauge(queuePaused, paused, d.Queue)
		s.counter(queueProcessed, float64(d.Processed), d.Queue)
		s.counter(queueFailed, float64(d.Failed), d.Queue)
	}
}

// version is what this binary was built from: a release, a commit, or devel.
func version() string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return "unknown"
	}
	for _, s := range info.Settings {
		if s.Key == "vcs.revision" && len(s.Value) >= 12 {
			return s.Value[:12]
		}
	}
	return cmp.Or(info.Main.Version, "(devel)")
}
