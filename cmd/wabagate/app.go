package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/gofiber/fiber/v2"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/redis/go-redis/v9"

	"wabagate/api"
	"wabagate/fanout"
	"wabagate/fanout/deliver"
	"wabagate/fanout/task"
	"wabagate/gateway"
	"wabagate/gateway/gap"
	"wabagate/models"
)

// App is the wired program. New builds it, Start lets it work, Stop ends it in the order of the flow.
type App struct {
	cfg       Config
	log       *slog.Logger
	store     *models.Store
	directory *models.Directory
	http      *fiber.App
	worker    *fanout.Worker
	outbound  *outbound // of a worker
	listener  net.Listener
	refuge    *gateway.RedisRefuge
	redis     redis.UniversalClient
	registry  *prometheus.Registry

	background context.Context
	cancel     context.CancelFunc
	wg         sync.WaitGroup
	closers    []closer
	stopOnce   sync.Once
}

// closer ends one part; they run last made first.
type closer struct {
	name string
	fn   func() error
}

func (a *App) onStop(name string, fn func() error) { a.closers = append(a.closers, closer{name, fn}) }

// openStore opens the configured database.
func openStore(ctx context.Context, c Config) (*models.Store, error) {
	return models.Open(ctx, models.Options{DatabaseURL: c.DatabaseURL, Dir: c.Data, MasterKey: c.MasterKey, PreviousMasterKey: c.PreviousMasterKey, MaxConns: c.DBConns, Migrations: c.Migrations})
}

// New builds the program from the bottom up. Nothing is served yet.
func New(ctx context.Context, cfg Config, log *slog.Logger) (_ *App, err error) {
	a := &App{cfg: cfg, log: log}
	a.background, a.cancel = context.WithCancel(context.Background())
	defer func() {
		if err != nil {
			a.Stop()
		}
	}()

	if a.store, err = openStore(ctx, cfg); err != nil {
		return nil, err
	}
	a.onStop("database", a.store.Close)
	if pending, err := a.store.Pending(ctx); err != nil {
		return nil, err
	} else if pending {
		return nil, models.ErrPendingMigrations
	}
	if a.store.Rewrapped() > 0 {
		log.Info("data keys are protected by WABAGATE_MASTER_KEY from now on", "keys", a.store.Rewrapped())
	}
	if !a.store.Embedded() && !a.store.KeysProtected() {
		log.Warn("WABAGATE_MASTER_KEY is not set: the key that encrypts secrets lies unprotected in the database")
	}

	dial, err := a.redisDialer()
	if err != nil {
		return nil, err
	}
	if a.redis, err = dial(); err != nil {
		return nil, err
	}
	a.onStop("redis", a.redis.Close)
	if err := meetRedis(ctx, a.redis); err != nil {
		return nil, err
	}

	if a.directory, err = models.NewDirectory(ctx, a.store, log); err != nil {
		return nil, err
	}
	bell := task.NewBell()
	layout := task.Layout{Spread: queueSpread(cfg)}
	queue := task.NewQueue(a.redis, bell, layout, a.store.Now)
	registry := newRegistry()
	looks := &vitals{store: a.store, redis: a.redis, roles: cfg.Roles.String(), limit: memoryLimit()}
	if a.cfg.RedisURL != "" {
		a.refuge = gateway.NewRedisRefuge(a.redis)
		looks.refuge = a.refuge
	}
	a.registry = registry

	guard := deliver.NewGuard(cfg.AllowPrivate, cfg.AllowHTTP)
	client := deliver.NewClient(guard, deliver.Options{Proxy: cfg.Proxy})
	a.onStop("delivery client", func() error { client.Close(); return nil })
	tracer := a.newTracer(registry)
	subs := fanout.NewSubscriptions(a.directory.Routes, log)
	metrics := fanout.NewMetrics(registry)
	lanes, breaker := deliver.NewLanes(cfg.InFlight, nil), deliver.NewBreaker(a.redis, a.store.Now)
	recorder := fanout.NewRecorder(a.store, a.directory, subs, queue, nil, log, metrics, a.store.Now)
	courier := fanout.NewCourier(fanout.CourierOptions{Store: a.store, Routes: a.directory, Subscriptions: subs, Poster: client, Lanes: lanes, Rates: deliver.NewRates(a.redis),
		Breaker: breaker, Queue: queue, News: recorder, Patience: cfg.LanePatience, Log: log, Metrics: metrics, Trace: tracer, Now: a.store.Now})
	if cfg.Roles.Worker {
		recorder = fanout.NewRecorder(a.store, a.directory, subs, queue, courier, log, metrics, a.store.Now)
	}

	leads := func() bool { return false }
	links, err := a.newLinks(ctx)
	if err != nil {
		return nil, err
	}
	recorder.LinkMedia(links)
	out, err := a.newOutbound(guard, queue, recorder, links, func() bool { return leads() }, registry)
	if err != nil {
		return nil, err
	}
	var next gateway.Next
	if cfg.Roles.Worker {
		depth := int64(0)
		if cfg.RedisURL == "" {
			depth = embeddedDepth
		}
		translator := fanout.NewTranslator(recorder, log)
		translator.TraceTo(tracer)
		next = translator
		reconciler := fanout.NewReconciler(a.store, queue, a.redis, workerName(), depth, lanes.SetWorkers, log, metrics)
		leads = reconciler.Leads
		keeper := fanout.NewKeeper(fanout.KeeperOptions{Store: a.store, Courier: courier, News: recorder, Queue: queue, Routes: a.directory, Retention: cfg.Retention, Leads: reconciler.Leads, Log: log, Metrics: metrics, Now: a.store.Now})
		a.worker, err = fanout.NewWorker(fanout.WorkerOptions{Translators: cfg.Translators, Couriers: cfg.Couriers, Send: out.sender.Do, Reply: out.replies.Do, Grace: cfg.Grace}, dial, bell, layout, translator, courier, reconciler, keeper, log)
		if err != nil {
			return nil, err
		}
		a.outbound = out
		a.wg.Go(func() { bell.Listen(a.background, a.redis) })
		looks.queues, looks.circuits = queue.Depths, breaker.Troubled
		detector, err := gap.New(gap.Options{Store: a.store, Routes: a.directory.Routes, Tell: tellGaps(recorder), After: cfg.unreportedAfter(), Leads: reconciler.Leads, Log: log, Registry: registry})
		if err != nil {
			return nil, err
		}
		a.wg.Go(func() { detector.Run(a.background) })
	} else {
		a.onStop("courier", func() error { courier.Close(); return nil })
	}
	registry.MustRegister(looks)

	a.http = fiber.New(fiber.Config{
		AppName: "wabagate", DisableStartupMessage: true, BodyLimit: gateway.MaxBody, ReadBufferSize: 16 << 10,
		DisablePreParseMultipartForm: true, // a callback is bytes, whatever its content type claims
		StreamRequestBody:            true, // files and lists of recipients are larger than memory
		ReadTimeout:                  30 * time.Second, IdleTimeout: 2 * time.Minute, ErrorHandler: api.ErrorHandler(log),
	})
	a.http.Use(api.BufferBodies(gateway.MaxBody))
	if cfg.Roles.Ingress {
		gm := gateway.NewMetrics(registry)
		var refuge gateway.Refuge
		if a.refuge != nil {
			refuge = a.refuge
		}
		acceptor := gateway.NewAcceptor(a.store, refuge, queue, next, log, gm)
		acceptor.TraceTo(tracer)
		a.onStop("acceptor", func() error { acceptor.Close(); return nil })
		gateway.Register(a.http, a.directory, acceptor, log, gm)
	}
	var waiting api.Refuge
	if a.refuge != nil {
		waiting = a.refuge
	}
	var players api.Simulator
	if cfg.Demo {
		players = simulated{routes: a.directory.Routes, addr: a.Addr}
	}
	server, err := api.New(api.Options{
		Simulator: players,
		Refuge:    waiting, Queues: queue, Circuits: breaker, Tasks: queue, Breakers: breaker, Retention: cfg.Retention,
		Reconciliation: func(ctx context.Context) (fanout.Reconciliation, error) {
			return fanout.ReadReconciliation(ctx, a.redis)
		},
		Store: a.store, Directory: a.directory, Courier: courier, Recorder: recorder, Queue: queue, Guard: guard, Sending: out.sender, Lines: out.lines, Media: out.files, Replies: out.replies, UnreportedAfter: cfg.unreportedAfter(), Registry: registry, Metrics: api.NewMetrics(registry),
		MonitorRedis: func() redis.UniversalClient { c, _ := dial(); return c },
		Ready:        a.ready, PublicURL: cfg.PublicURL, TrustedProxies: cfg.TrustedProxies, MetricsToken: cfg.MetricsToken, MetricsOpen: cfg.MetricsOpen, SecureCookies: strings.HasPrefix(cfg.PublicURL, "https://"), Log: log,
	})
	if err != nil {
		return nil, err
	}
	a.onStop("api", server.Close)
	server.RegisterOperations(a.http)
	if cfg.Roles.API {
		server.Register(a.http)
	}
	return a, nil
}

// queueSpread is how many queues there are of each kind: one, or several where a Cluster can share them.
func queueSpread(cfg Config) int {
	if cfg.QueueSpread > 0 || cfg.RedisURL == "" {
		return cfg.QueueSpread
	}
	if o, err := parseRedis(cfg.RedisURL.Text()); err == nil && o.IsClusterMode {
		return clusterSpread
	}
	return 1
}

// clusterSpread spreads the queues over the nodes of an ordinary Cluster.
const clusterSpread = 4

// embeddedDepth is how many tasks the in-process queue holds comfortably; the rest waits in the database.
const embeddedDepth = 5000

// redisDialer makes clients of the configured Redis, or of one that it starts in the process.
func (a *App) redisDialer() (func() (redis.UniversalClient, error), error) {
	options := func() (*redis.UniversalOptions, error) { return parseRedis(a.cfg.RedisURL.Text()) }
	if a.cfg.RedisURL == "" {
		embedded, o, err := startEmbeddedRedis()
		if err != nil {
			return nil, err
		}
		a.onStop("in-process queue", func() error { embedded.close(); return nil })
		options = func() (*redis.UniversalOptions, error) { c := *o; return &c, nil }
	}
	return func() (redis.UniversalClient, error) {
		o, err := options()
		if err != nil {
			return nil, fmt.Errorf("REDIS_URL %w", err)
		}
		return newRedis(o), nil
	}, nil
}

// ready answers nil while both stores answer.
func (a *App) ready(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, 2*time.Second)
	defer cancel()
	var errs []error
	if err := a.store.Ping(ctx); err != nil {
		errs = append(errs, errors.New("the database does not answer"))
	}
	if err := a.redis.Ping(ctx).Err(); err != nil {
		errs = append(errs, errors.New("the Redis server does not answer"))
	}
	return errors.Join(errs...)
}

// Start serves and works until Stop. A serving error later on goes to the returned channel.
func (a *App) Start() (<-chan error, error) {
	a.wg.Go(func() { a.directory.Run(a.background, time.Second) })
	if a.worker != nil {
		if err := a.worker.Start(); err != nil {
			return nil, err
		}
		a.workOutbound(a.outbound)
	}
	listener, err := net.Listen("tcp", net.JoinHostPort(a.cfg.Host, strconv.Itoa(a.cfg.Port)))
	if err != nil {
		return nil, fmt.Errorf("listen: %w", err)
	}
	a.listener = listenSilently(listener)
	failed := make(chan error, 1)
	go func() {
		if err := a.http.Listener(a.listener); err != nil {
			failed <- fmt.Errorf("serve: %w", err)
		}
	}()
	return failed, nil
}

// Addr is where it listens, after Start.
func (a *App) Addr() string { return a.listener.Addr().String() }

// Stop ends the program in the order of the flow: refuse requests, finish those in hand, stop the workers, commit what
// is left, close the stores. Each step is bounded; a second call does nothing.
func (a *App) Stop() {
	a.stopOnce.Do(func() {
		if a.http != nil && a.listener != nil {
			if err := a.http.ShutdownWithTimeout(a.cfg.Grace); err != nil {
				a.log.Warn("requests cut off", "error", err)
			}
		}
		if a.worker != nil && a.listener != nil {
			a.outbound.sender.Close() // what waits for its turn to be sent is given back
			a.worker.Stop()
		}
		a.cancel()
		a.wg.Wait()
		for i := len(a.closers) - 1; i >= 0; i-- {
			if err := a.closers[i].fn(); err != nil && !errors.Is(err, redis.ErrClosed) {
				a.log.Warn("did not close cleanly", "part", a.closers[i].name, "error", err)
			}
		}
	})
}

func workerName() string {
	host, _ := os.Hostname()
	return fmt.Sprintf("%s-%d-%d", host, os.Getpid(), time.Now().UnixNano())
}
