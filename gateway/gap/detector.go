package gap

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"wabagate/models"
)

// Options are the parts that a detector works with. Store, Routes and Tell are needed.
type Options struct {
	Store *models.Store
	// Routes has the numbers that are connected.
	Routes func() *models.Routes
	// Tell tells the business of a number; what is told again, by its Kind, Number and Key, is to tell nothing.
	Tell func(context.Context, ...News) error
	// After is how long a message may be without a status; 0 means DefaultAfter.
	After time.Duration
	// Leads says whether this process is the one that looks; nil: it is. Two at once do no harm.
	Leads func() bool
	// Now is the clock; nil means the store's.
	Now func() time.Time
	Log *slog.Logger // nil discards
	// Registry gets the metrics; nil: nobody does.
	Registry prometheus.Registerer
}

// DefaultAfter is how long a message may be without a status. The platform says sent within seconds; callbacks that it failed
// to post come again within minutes.
const DefaultAfter = 15 * time.Minute

// Kind is what is missing.
type Kind string

// The kinds.
const (
	Silent     Kind = "silent"     // nothing comes for a number
	Unreported Kind = "unreported" // messages of a number have no status
)

// News is what a detector found about a number.
type News struct {
	Kind   Kind
	Number models.Number
	Key    string // tells it from other news of the same kind about the same number
	At     time.Time
	Reason string // for people
	// From and Until bound the time that it is about; of a silence, which goes on, Until is zero and From the last callback.
	From, Until time.Time
	Count       int64    // of messages; 0 on a silence
	Wamids      []string // of the first of them, at most wamidsTold
}

const (
	lookEvery = 3 * time.Minute
	// lookFor bounds a look; the next goes on where it ended.
	lookFor = 5 * time.Minute
	// settling is longer than the transactions that make events take: what is younger is not counted yet.
	settling = time.Minute
	// deafAfter is how long nobody may have looked before it is taken for a time in which the gateway itself was away.
	deafAfter = 30 * time.Minute
	// backlogged is how late the translation of callbacks may be before nothing is concluded from what has not been heard. What
	// is later than hopeless hangs by itself, and the rest of the callbacks has been heard.
	backlogged, hopeless = 2 * time.Minute, time.Hour

	period = 15 * time.Minute
	// periodsAtOnce bounds a look after a long pause.
	periodsAtOnce = 96
	wamidsTold    = 20
)

// The marks that the detector keeps in the database, so that another process goes on where the last one ended.
const (
	markLooked    = "looked"    // the last look
	markListening = "listening" // since when there have been looks without a pause
	markJudged    = "judged"    // messages accepted before it have been judged
)

// Detector looks for what did not come. Make it with New; Run looks every few minutes.
type Detector struct {
	o   Options
	log *slog.Logger
	now func() time.Time
	m   *metrics
}

// New makes a detector. It starts nothing.
func New(o Options) (*Detector, error) {
	if o.Store == nil || o.Routes == nil || o.Tell == nil {
		return nil, errors.New("gap: Options need Store, Routes and Tell")
	}
	if o.After < 0 {
		return nil, fmt.Errorf("gap: Options.After is %v: messages cannot be missed before they are sent", o.After)
	}
	if o.After == 0 {
		o.After = DefaultAfter
	}
	if o.Leads == nil {
		o.Leads = func() bool { return true }
	}
	if o.Now == nil {
		o.Now = o.Store.Now
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	return &Detector{o: o, log: o.Log.With("component", "gap"), now: o.Now, m: newMetrics(o.Registry)}, nil
}

// Run looks until ctx ends, while this process leads.
func (d *Detector) Run(ctx context.Context) {
	t := time.NewTicker(lookEvery)
	defer t.Stop()
	for {
		if d.o.Leads() {
			d.try(ctx)
		} else {
			d.m.rest()
		}
		select {
		case <-ctx.Done():
			return
		case <-t.C:
		}
	}
}

func (d *Detector) try(ctx context.Context) {
	c, cancel := context.WithTimeout(ctx, lookFor)
	defer cancel()
	if err := d.Look(c); err != nil && ctx.Err() == nil {
		d.log.Warn("cannot look for what did not come; will go on trying", "error", err)
	}
}

// Look looks once, from where the last look ended.
func (d *Detector) Look(ctx context.Context) (err error) {
	defer func() { d.m.looked(err) }()
	now := d.now()
	listening, err := d.listening(ctx, now)
	if err != nil {
		return err
	}
	if err := d.count(ctx, now.Add(-settling)); err != nil {
		return err
	}
	if err := d.park(ctx, now); err != nil {
		return err
	}
	waiting, err := d.o.Store.UntranslatedSince(ctx)
	if err != nil {
		return err
	}
	if late := now.Sub(waiting); !waiting.IsZero() && late > backlogged && late < hopeless {
		d.log.Info("callbacks wait to be translated; nothing is concluded from what has not been heard", "oldest_seconds", int(late.Seconds()))
		return nil
	}
	numbers := byID(d.o.Routes())
	if err := d.judgeMessages(ctx, now, numbers); err != nil {
		return err
	}
	return d.judgeNumbers(ctx, now, listening, numbers)
}

func byID(r *models.Routes) map[int64]models.Number {
	numbers := make(map[int64]models.Number, len(r.Numbers))
	for _, n := range r.Numbers {
		numbers[n.ID] = n
	}
	return numbers
}

// listening is since when there have been looks without a long pause: what did not come while the gateway was away is no
// silence of the platform's.
func (d *Detector) listening(ctx context.Context, now time.Time) (time.Time, error) {
	last, err := d.o.Store.Mark(ctx, markLooked)
	if err != nil {
		return now, err
	}
	since, err := d.o.Store.Mark(ctx, markListening)
	if err != nil {
		return now, err
	}
	if since.IsZero() || now.Sub(last) > deafAfter {
		since = now
		if err := d.o.Store.MoveMark(ctx, markListening, since); err != nil {
			return now, err
		}
	}
	return since, d.o.Store.MoveMark(ctx, markLooked, now)
}

// count adds up the events made before a moment.
func (d *Detector) count(ctx context.Context, until time.Time) error {
	until = until.Truncate(time.Millisecond)
	for {
		through, holes, err := d.o.Store.CountTraffic(ctx, until)
		if err != nil {
			return err
		}
		d.m.counted(until.Sub(through))
		if holes > 0 {
			d.m.holes.Add(float64(holes))
			d.log.Error("events of conversations are missing: numbers were given that no event has; see wabagate admin report", "holes", holes)
		}
		if !through.Before(until) {
			return nil
		}
		if err := ctx.Err(); err != nil {
			return err
		}
	}
}

// park measures what is kept for numbers that nobody has connected.
func (d *Detector) park(ctx context.Context, now time.Time) error {
	n, oldest, err := d.o.Store.CountParked(ctx)
	if err == nil {
		d.m.park(n, oldest, now)
	}
	return err
}

// judgeMessages tells of messages without a status, by the quarter of an hour in which they were accepted. A quarter is judged
// once the last of its messages has had its time: the same one is told under the same key, whoever judges it.
func (d *Detector) judgeMessages(ctx context.Context, now time.Time, numbers map[int64]models.Number) error {
	from, err := d.o.Store.Mark(ctx, markJudged)
	if err != nil {
		return err
	}
	if from.IsZero() {
		from = now.Add(-d.o.After - period).Truncate(period)
	}
	for range periodsAtOnce {
		to := from.Truncate(period).Add(period)
		if to.Add(d.o.After).After(now) {
			return nil
		}
		if err := d.judgePeriod(ctx, from, to, numbers); err != nil {
			return err
		}
		if err := d.o.Store.MoveMark(ctx, markJudged, to); err != nil {
			return err
		}
		from = to
	}
	return nil
}

func (d *Detector) judgePeriod(ctx context.Context, from, to time.Time, numbers map[int64]models.Number) error {
	counts, err := d.o.Store.CountUnreported(ctx, from, to)
	if err != nil {
		return err
	}
	for _, c := range counts {
		number, connected := numbers[c.NumberID]
		if !connected {
			continue // there is nobody to tell; the report has it in any case
		}
		first, err := d.o.Store.Unreported(ctx, models.UnreportedFilter{NumberID: c.NumberID, From: from, To: to, Limit: wamidsTold})
		if err != nil {
			return err
		}
		news := News{Kind: Unreported, Number: number, Key: from.UTC().Format(time.RFC3339), At: d.now(), From: from, Until: to, Count: c.Messages}
		for _, m := range first {
			news.Wamids = append(news.Wamids, m.Wamid)
		}
		news.Reason = unreportedReason(c.Messages, d.o.After)
		if err := d.o.Tell(ctx, news); err != nil {
			return err
		}
		d.m.unreported.Add(float64(c.Messages))
		d.log.Warn("messages without a status", "number_id", c.NumberID, "messages", c.Messages, "from", from, "until", to)
	}
	return nil
}

// judgeNumbers tells of numbers that are silent, and ends the silences that are over.
func (d *Detector) judgeNumbers(ctx context.Context, now, listening time.Time, numbers map[int64]models.Number) error {
	open, err := d.o.Store.EndSilences(ctx)
	if err != nil {
		return err
	}
	silent := len(open)
	defer func() { d.m.silent.Set(float64(silent)) }()
	heard := now.Add(-settling) // what came later is not counted yet
	quiet, err := d.o.Store.Quiet(ctx, now.Add(-rhythmOver), heard.Add(-shortest))
	if err != nil {
		return err
	}
	for _, p := range quiet {
		number, connected := numbers[p.NumberID]
		since := p.LastAt
		if listening.After(since) {
			since = listening
		}
		if !connected || heard.Sub(since) < shortest {
			continue
		}
		hours, err := d.o.Store.NumberHours(ctx, p.NumberID, now.Add(-rhythmOver-time.Hour), now)
		if err != nil {
			return err
		}
		if !NewRhythm(p.FirstAt, hours).silent(since, heard) {
			continue
		}
		// The news first: told twice it is one event, and a number that is known to be silent is not told of again.
		news := News{Kind: Silent, Number: number, Key: p.LastAt.UTC().Format(time.RFC3339Nano), At: now, From: p.LastAt, Reason: silentReason(now.Sub(p.LastAt))}
		if err := d.o.Tell(ctx, news); err != nil {
			return err
		}
		if err := d.o.Store.BeginSilence(ctx, p.NumberID, p.LastAt, now); err != nil {
			return err
		}
		silent++
		d.m.silences.Inc()
		d.log.Warn("nothing comes for a number", "number_id", p.NumberID, "since", p.LastAt)
	}
	return nil
}

func unreportedReason(n int64, after time.Duration) string {
	what := "one message and sent no status of it"
	if n != 1 {
		what = fmt.Sprintf("%d messages and sent no status of them", n)
	}
	return fmt.Sprintf("The platform accepted %s for at least %s; the report of the number's day names all.", what, spell(after))
}

func silentReason(silence time.Duration) string {
	return fmt.Sprintf("Nothing has come for this number for %s, which is not its rhythm: look whether the app is still subscribed to the account, "+
		"where the platform posts the number's callbacks, and whether its server reaches this gateway.", spell(silence))
}

// spell is a time as people say it.
func spell(d time.Duration) string {
	switch {
	case d < 2*time.Hour:
		return fmt.Sprintf("%d minutes", int(d.Minutes()))
	case d < 48*time.Hour:
		return fmt.Sprintf("%d hours", int(d.Hours()))
	}
	return fmt.Sprintf("%d days", int(d.Hours()/24))
}
