package bench

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"wabagate/models"
)

// The mixes of callbacks.
const (
	MixText = "text" // text messages, through every stage
	MixAll  = "all"  // everything that WhatsApp sends, end to end, in turns with text messages
)

// Options say what to measure on. The zero value measures the embedded default once.
type Options struct {
	DatabaseURL models.Secret // PostgreSQL; a database of our own is made there and dropped. Empty → SQLite in a temporary directory
	RedisURL    models.Secret // a single Redis; an empty logical database of it is used. Empty → the in-process queue
	Throwaway   bool          // starts a Postgres and a Redis of our own, with the durability of production, and measures on them
	Mix         string        // MixText or MixAll; empty → MixText
	Fairness    bool          // measures what a dead webhook, a slow one and a broadcast cost the others, instead of all else
	Replies     bool          // measures what a model in trouble costs messages, instead of all else
	Sending     bool          // measures messages that leave and their statuses, instead of all else
	History     int           // measures with so many events in the history instead of all else; starts its own stores. 0 → does not
	Pages       int           // measures the pages of the dashboard with so many deliveries instead of all else; starts its own stores unless there are some. 0 → does not
	Quick       bool          // smaller numbers, without the hanging webhook
	Connections int           // requests under way at a time, in every figure and limit alike; 0 or less → 64
	Rounds      int           // of turns, with Fairness and Replies; 0 or less → as many as Quick says
	Runs        int           // 0 or less → 1; the report holds medians, and of losses the worst
	Profile     string        // directory that gets a CPU profile of each gateway process; empty → none
	Progress    io.Writer     // gets a line per stage; nil → nothing
}

// sizes is how much of everything.
type sizes struct {
	connections int
	limit       time.Duration // of each limit that is bounded by time
	tasks       int           // of each limit that is bounded by number
	acknowledge int           // callbacks
	endToEnd    int           // callbacks
	rate        int           // callbacks per second
	steady      time.Duration
	idle        time.Duration
	hooks       int
	hangRate    int
	hang        time.Duration // 0: stage left out
	rounds      int           // of the mixes, each in its turn
	mixed       int           // callbacks in a turn
	budget      time.Duration // of a whole run

	fleet         int // webhooks, each of a number of its own
	fairRounds    int
	recipients    int // of the broadcast
	recipientRate int // per second
	liveRate      int // messages per second, for as long as the broadcast takes

	sends    int // messages
	sendRate int // per second

	reads   int // of each kind, on the history
	inserts int // times that callbacks are added to the history
	views   int // of each page

	postFor, drainFor time.Duration // patience with a slow machine
}

func (o Options) sizes() sizes {
	s := sizes{
		connections: 64, limit: 3 * time.Second, tasks: 20_000, acknowledge: 100_000, endToEnd: 60_000, rate: 200, steady: 20 * time.Second,
		idle: 10 * time.Second, hooks: 50, hangRate: 20, hang: 15 * time.Second, rounds: 7, mixed: 20_000,
		budget: 4 * time.Minute, postFor: 30 * time.Second, drainFor: 45 * time.Second,
		fleet: 100, fairRounds: 3, recipients: 20_000, recipientRate: 400, liveRate: 20, reads: 500, inserts: 3, views: 200, sends: 20_000, sendRate: 500,
	}
	if o.Quick {
		s.limit, s.tasks, s.acknowledge, s.endToEnd, s.rounds, s.mixed = time.Second, 5_000, 20_000, 10_000, 3, 10_000
		s.steady, s.idle, s.hang, s.budget, s.postFor, s.drainFor = 5*time.Second, 4*time.Second, 0, time.Minute, 10*time.Second, 15*time.Second
		s.fairRounds, s.recipients, s.recipientRate, s.reads, s.inserts, s.views = 2, 2_000, 400, 100, 1, 40
		s.sends = 5_000
	}
	switch {
	case o.Fairness:
		s.budget = 15 * time.Minute
	case o.Replies:
		s.recipients = 10_000 // which is how long live messages come
		if o.Quick {
			s.recipients = 4_000
		}
		s.liveRate, s.budget = 150, 15*time.Minute
	case o.Pages > 0:
		s.budget = time.Hour
	case o.History > 0:
		s.budget, s.acknowledge = time.Hour, min(s.acknowledge, 50_000)
	}
	if o.Rounds > 0 {
		s.fairRounds = o.Rounds
	}
	if o.Connections > 0 {
		s.connections = o.Connections
	}
	return s
}

// bench is one run.
type bench struct {
	o          Options
	s          sizes
	executable string
	dir        string // temporary, for logs and data
	stores     *stores
	receiver   *receiver
	say        *narrator
	report     *Report
}

// Run measures. When it returns, whatever the reason, nothing it started is left.
func Run(ctx context.Context, o Options) (*Report, error) {
	if (o.History > 0 || o.Pages > 0) && o.DatabaseURL == "" {
		o.Throwaway = true
	}
	if o.Throwaway {
		o.DatabaseURL, o.RedisURL = "", ""
	}
	switch o.Mix {
	case "":
		o.Mix = MixText
	case MixText, MixAll:
	default:
		return nil, fmt.Errorf("--mix %s: expected %s or %s", o.Mix, MixText, MixAll)
	}
	if err := o.check(); err != nil {
		return nil, err
	}
	var reports []*Report
	for i := range max(o.Runs, 1) {
		say := &narrator{w: o.Progress}
		if o.Runs > 1 {
			say.line(fmt.Sprintf("run %d of %d", i+1, o.Runs))
		}
		r, err := runOnce(ctx, o, say)
		if err != nil {
			return nil, err
		}
		reports = append(reports, r)
	}
	return Merge(reports), nil
}

// check complains of options that do not go together.
func (o Options) check() error {
	chosen := 0
	for _, c := range []bool{o.Mix == MixAll, o.Fairness, o.Sending, o.Replies, o.History != 0, o.Pages != 0} {
		if c {
			chosen++
		}
	}
	switch {
	case chosen > 1:
		return errors.New("--mix all, --fairness, --sending, --replies, --history and --pages measure different things: choose one")
	case o.History != 0 && (o.History < 2*youngHistory || o.History > mostHistory):
		return fmt.Errorf("--history %d: expected a number of events from %d to %d", o.History, 2*youngHistory, mostHistory)
	case o.Pages != 0 && (o.Pages < leastPages || o.Pages > mostHistory):
		return fmt.Errorf("--pages %d: expected a number of deliveries from %d to %d", o.Pages, leastPages, mostHistory)
	}
	return nil
}

// mostHistory is some 250 GB.
const mostHistory = 100_000_000

// ErrInterrupted says that the caller ended a run.
var ErrInterrupted = errors.New("interrupted")

// errBudget ends the contexts of a run that takes too long.
var errBudget = errors.New("the run took too long")

func runOnce(parent context.Context, o Options, say *narrator) (r *Report, err error) {
	s := o.sizes()
	ctx, cancel := context.WithTimeoutCause(parent, s.budget, errBudget)
	defer cancel()
	b := &bench{o: o, s: s, say: say, report: &Report{Fairness: o.Fairness, Sending: o.Sending, Replies: o.Replies, History: o.History, Pages: o.Pages, Quick: o.Quick, Runs: 1, Connections: s.connections}}
	if b.executable, err = os.Executable(); err != nil {
		return nil, fmt.Errorf("find this program: %w", err)
	}
	if o.Profile != "" {
		if b.o.Profile, err = filepath.Abs(o.Profile); err != nil {
			return nil, err
		}
		if err := os.MkdirAll(b.o.Profile, 0o755); err != nil {
			return nil, fmt.Errorf("--profile: %w", err)
		}
	}
	if b.dir, err = os.MkdirTemp("", "wabagate-bench-"); err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(b.dir)) }()
	if b.receiver, err = newReceiver(); err != nil {
		return nil, err
	}
	defer b.receiver.close()

	say.begin("stores")
	if b.stores, err = openStores(ctx, o); err != nil {
		return nil, b.verdict(ctx, err)
	}
	// Not ctx: it may have ended, and the cleaning up has still to be done.
	defer func() { err = errors.Join(err, b.stores.close(context.WithoutCancel(ctx))) }()
	say.end(b.stores.describe())
	b.report.Stores = b.stores.describe()
	measure := b.stages
	switch {
	case o.Fairness:
		measure = b.fairness
	case o.Sending:
		measure = b.sending
	case o.Replies:
		measure = b.replying
	case o.History > 0:
		measure = b.history
	case o.Pages > 0:
		measure = b.pages
	case o.Mix == MixAll:
		measure = b.mixes
	}
	return b.report, b.verdict(ctx, measure(ctx))
}

// verdict is what the error of a stage means for the run. When the time is over, what was measured by then still counts.
func (b *bench) verdict(ctx context.Context, err error) error {
	if err == nil {
		return nil
	}
	b.say.abandon()
	switch cause := context.Cause(ctx); {
	case cause == nil:
		return err
	case !errors.Is(cause, errBudget):
		return ErrInterrupted
	case len(b.report.values) == 0:
		return fmt.Errorf("the run took longer than %v: %w", b.s.budget, err)
	}
	b.report.note(fmt.Sprintf("The run was cut off after %v; what was not measured by then is missing.", b.s.budget))
	return nil
}

// stages measures everything, each on stores without backlog unless it says otherwise.
func (b *bench) stages(ctx context.Context) error {
	if err := b.limits(ctx); err != nil {
		return fmt.Errorf("limits: %w", err)
	}
	main, err := b.prepare(ctx)
	if err != nil {
		return err
	}
	defer func() { main.close() }()
	drained, err := b.acknowledgeAndDrain(ctx, main)
	if err != nil {
		return err
	}
	if !drained {
		// What is left over would be in the way of everything after it.
		main.close()
		if main, err = b.prepare(ctx); err != nil {
			return err
		}
	}
	if err := b.endToEnd(ctx, main); err != nil {
		return fmt.Errorf("end to end: %w", err)
	}
	if err := b.idleAndSteady(ctx, main); err != nil {
		return err
	}
	if b.s.hang > 0 {
		if err := b.hanging(ctx, main); err != nil {
			return fmt.Errorf("hanging webhook: %w", err)
		}
	}
	return nil
}

// narrator tells what is going on, a line per stage.
type narrator struct {
	w     io.Writer
	began time.Time
	open  bool
}

func (n *narrator) line(s string) {
	if n.w != nil {
		fmt.Fprintln(n.w, s)
	}
}

func (n *narrator) begin(what string) {
	n.began, n.open = time.Now(), true
	if n.w != nil {
		fmt.Fprintf(n.w, "%-34s ", what)
	}
}

func (n *narrator) end(result string) {
	n.open = false
	n.line(fmt.Sprintf("%s  (%.1f s)", result, time.Since(n.began).Seconds()))
}

// abandon ends a line whose stage failed.
func (n *narrator) abandon() {
	if n.open {
		n.open = false
		n.line("failed")
	}
}
