package api

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/netip"
	"net/url"
	"runtime"
	"strings"
	"sync"
	"time"

	"github.com/gofiber/fiber/v2"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/redis/go-redis/v9"

	"wabagate/api/dashboard"
	"wabagate/fanout"
	"wabagate/fanout/check"
	"wabagate/fanout/deliver"
	"wabagate/fanout/event"
	"wabagate/models"
)

// Courier tries webhooks out and shows what a delivery's body is.
type Courier interface {
	Try(ctx context.Context, w models.Webhook, e event.Event) (models.Attempt, []byte, error)
	Payload(w models.Webhook, e models.Event) ([]byte, error)
	// Challenge asks a receiver to prove that its owner wants events there; the error is a sentence for that owner.
	Challenge(ctx context.Context, w models.Webhook) (models.Attempt, error)
	// Check tries a receiver with good, forged and unusual events, within a minute, and tells found of every finding as it is made.
	Check(ctx context.Context, w models.Webhook, found func(check.Finding)) (check.Report, error)
}

// Recorder keeps what people change, and tells webhooks of it. A change is called inside a transaction, so it must not
// call the store, and may be called again. Another business's things are models.ErrNotFound.
type Recorder interface {
	SetConversation(ctx context.Context, businessID, id int64, change func(*models.ConversationSettings) error) (models.Conversation, error)
	SetOrder(ctx context.Context, businessID, id int64, change func(*models.Order) error) (models.Order, error)
	// RegisterBroadcast makes a broadcast that is sent elsewhere known by its reference. What was counted of it before stays.
	RegisterBroadcast(ctx context.Context, b models.Broadcast) (models.Broadcast, error)
	// Tell records news of webhooks for the others of the business.
	Tell(ctx context.Context, news ...fanout.Operation) error
}

// Enqueuer takes work into the queue.
type Enqueuer interface {
	Enqueue(ctx context.Context, ws ...models.Work) error
}

// Options is what a Server is made of. Store, Directory, Courier, Recorder, Queue and Guard must be set.
type Options struct {
	Store *models.Store
	// Directory is refreshed after every change, so that this process sees it at once.
	Directory *models.Directory
	Courier   Courier
	Recorder  Recorder
	Queue     Enqueuer
	// Refuge is asked whether callbacks wait outside the database, where an erasure does not reach; nil: there is none.
	Refuge Refuge
	// Guard judges the URLs of webhooks.
	Guard *deliver.Guard
	// Sending takes what numbers are to send, and Lines connects them; without one of them its routes answer 501.
	Sending Sending
	Lines   Lines
	// Media keeps files; without it its routes answer 501.
	Media Media
	// UnreportedAfter is how long a message may be without a status before reports name it; 0 means 15 minutes.
	UnreportedAfter time.Duration
	// Replies tries out how numbers answer by themselves; nil: its route answers 501.
	Replies Replies
	// Simulator plays customers for people who try the dashboard out; nil: its button is not there.
	Simulator Simulator
	// Queues and Circuits are shown to operators and owners; nil leaves what they know out.
	Queues   Queues
	Circuits Circuits
	// Tasks, Breakers and Reconciliation are what operations look at besides; without Tasks its routes answer 501, and without
	// the others their parts are left out.
	Tasks          Tasks
	Breakers       Breakers
	Reconciliation func(ctx context.Context) (fanout.Reconciliation, error)
	// Retention is how long history is kept, to be shown; see models.Retention.
	Retention models.Retention
	// Registry is served at /metrics; nil leaves the route out.
	Registry prometheus.Gatherer
	// Metrics counts logins and requests; nil keeps the counts to itself.
	Metrics *Metrics
	// MonitorRedis makes a client for the queue monitor, which closes it; called more than once. nil leaves /monitor out.
	MonitorRedis func() redis.UniversalClient
	// Ready says whether this process can do its work; nil means always.
	Ready func(ctx context.Context) error
	// PublicURL is the address under which people reach this server, such as https://wabagate.example.com; may be empty.
	PublicURL string
	// TrustedProxies are reverse proxies in front of this server, whose X-Forwarded-For is believed; none: callers are whoever
	// connects.
	TrustedProxies []netip.Prefix
	// MetricsToken opens /metrics as a Bearer token; an operator's session does so too, and without a token nothing else.
	MetricsToken models.Secret
	// MetricsOpen opens /metrics to everybody who can reach it.
	MetricsOpen bool
	// SecureCookies sends the session over https only.
	SecureCookies bool
	// Log is where failures go; nil discards.
	Log *slog.Logger
	// Now is the clock; nil is the wall clock.
	Now func() time.Time
}

func (o Options) validate() error {
	var missing []error
	for name, absent := range map[string]bool{"Store": o.Store == nil, "Directory": o.Directory == nil, "Courier": o.Courier == nil,
		"Recorder": o.Recorder == nil, "Queue": o.Queue == nil, "Guard": o.Guard == nil} {
		if absent {
			missing = append(missing, fmt.Errorf("api: Options.%s is not set", name))
		}
	}
	return errors.Join(missing...)
}

// Server answers people and their programs. Make it with New, mount it with Register and end it with Close.
type Server struct {
	store     *models.Store
	directory *models.Directory
	courier   Courier
	recorder  Recorder
	queue     Enqueuer
	refuge    Refuge // nil: none
	guard     *deliver.Guard
	sending   Sending   // nil: none
	lines     Lines     // nil: none
	media     Media     // nil: none
	replies   Replies   // nil: none
	simulator Simulator // nil: none
	queues    Queues
	circuits  Circuits
	tasks     Tasks    // nil: none
	breakers  Breakers // nil: none
	// reconciliation is nil where nobody knows.
	reconciliation func(ctx context.Context) (fanout.Reconciliation, error)
	retention      models.Retention
	board          *board
	ready          func(ctx context.Context) error
	// unreportedAfter is how long a message may be without a status.
	unreportedAfter time.Duration
	log             *slog.Logger
	now             func() time.Time

	publicURL  string // without a slash at the end
	publicHost string
	secure     bool
	registry   prometheus.Gatherer
	m          *Metrics
	token      models.Secret // of the metrics; empty: none opens them
	// metricsOpen lets everybody see the metrics.
	metricsOpen bool

	pages     *dashboard.Pages
	monitor   *monitor // nil: none
	keys      *keyCache
	logins    *limiter
	tail      *tail
	proxies   []netip.Prefix
	hashing   chan struct{}
	bins      *bins
	checks    *checks
	listeners *listeners
	types     map[string]func() (*typeList, error) // by dialect
	document  func() (*document, error)
	// configuring keeps two requests of this process from making two webhooks of a number that has one.
	configuring sync.Mutex

	streams   chan struct{} // a place for each live inspector
	waiting   chan struct{} // a place for each pull that waits
	closing   chan struct{}
	closeOnce sync.Once
}

// maxStreams is how many people may watch inspectors at once in this process.
const maxStreams = 256

// New makes a Server. It starts nothing.
func New(o Options) (*Server, error) {
	if err := o.validate(); err != nil {
		return nil, err
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Metrics == nil {
		o.Metrics = NewMetrics(prometheus.NewRegistry())
	}
	if o.UnreportedAfter == 0 {
		o.UnreportedAfter = 15 * time.Minute
	}
	s := &Server{store: o.Store, directory: o.Directory, courier: o.Courier, recorder: o.Recorder, queue: o.Queue, refuge: o.Refuge, guard: o.Guard, queues: o.Queues,
		circuits: o.Circuits, ready: o.Ready, sending: o.Sending, lines: o.Lines, media: o.Media, replies: o.Replies, simulator: o.Simulator, unreportedAfter: o.UnreportedAfter,
		log: o.Log.With("component", "api"), now: o.Now, publicURL: strings.TrimSuffix(o.PublicURL, "/"), secure: o.SecureCookies,
		registry: o.Registry, m: o.Metrics, token: o.MetricsToken, metricsOpen: o.MetricsOpen, logins: newLimiter(o.Now), tail: &tail{}, proxies: o.TrustedProxies,
		hashing: make(chan struct{}, max(2, runtime.NumCPU())), bins: &bins{routes: o.Directory.Routes},
		checks: &checks{running: map[int64]bool{}}, listeners: &listeners{of: map[int64]int{}}, types: typesByDialect(o.Now), document: sync.OnceValues(writeDocument),
		streams: make(chan struct{}, maxStreams), waiting: make(chan struct{}, maxWaiting), closing: make(chan struct{})}
	s.tasks, s.breakers, s.reconciliation, s.retention = o.Tasks, o.Breakers, o.Reconciliation, o.Retention
	s.board = &board{count: o.Store.WaitingAll, now: o.Now, log: s.log, tail: s.tail, closing: s.closing}
	s.keys = &keyCache{store: o.Store, now: o.Now, used: s.noteKeyUse}
	if s.publicURL != "" {
		u, err := url.Parse(s.publicURL)
		if err != nil || u.Host == "" {
			return nil, fmt.Errorf("api: public URL %q is not an absolute address", o.PublicURL)
		}
		s.publicHost = u.Host
	}
	var err error
	if s.pages, err = dashboard.New(); err != nil {
		return nil, err
	}
	if o.MonitorRedis != nil {
		s.monitor = newMonitor(o.MonitorRedis)
	}
	return s, nil
}

// Register adds every route of this room but those of RegisterOperations. The app's ErrorHandler should be this package's.
func (s *Server) Register(app *fiber.App) {
	s.registerMonitor(app)
	s.registerOperationsAPI(app.Group(adminPath, s.fence))
	s.registerConsole(app)

	client := app.Group("/api/client", s.m.observe("api"), s.fence)
	s.registerLogin(client)
	s.registerWebhooks(client)
	s.registerVerification(client)
	s.registerSecrets(client)
	s.registerTrials(client)
	s.registerChecks(client)
	s.registerPreviews(client)
	s.registerFilterPreview(client)
	s.registerDeliveries(client)
	s.registerStats(client)
	s.registerUsage(client)
	s.registerJobs(client)
	s.registerEventTypes(client)
	s.registerListening(client)
	s.registerEvents(client)
	s.registerTimeline(client)
	s.registerNumbers(client)
	s.registerReports(client)
	s.registerReplies(client)
	s.registerOnPremises(client)
	s.registerContacts(client)
	s.registerErasures(client)
	s.registerConversations(client)
	s.registerOrders(client)
	s.registerForms(client)
	s.registerBroadcasts(client)
	s.registerKeys(client)
	s.registerKeyRegeneration(client)
	s.registerTeam(client)
	s.registerInvitations(client)
	s.registerMe(client)
	s.registerAudit(client)
	s.registerMediaSettings(client)

	s.registerNumberAPI(app.Group("/v1", s.m.observe("v1")))
	s.registerMediaLinks(app)
	s.registerInspector(app)
	s.registerDocument(app)
	s.registerPages(app)
}

// Close ends live streams and the monitor's connections, and waits for what is still being noted.
func (s *Server) Close() error {
	var err error
	s.closeOnce.Do(func() {
		close(s.closing)
		s.tail.end()
		if s.monitor != nil {
			err = s.monitor.close()
		}
	})
	return err
}

// refresh makes a change of the routes known to this process at once. Others see it within their interval, and so does
// this one if it fails here.
func (s *Server) refresh(ctx context.Context) {
	if err := s.directory.Refresh(ctx); err != nil {
		s.log.Warn("routes not refreshed yet", "error", err)
	}
}
