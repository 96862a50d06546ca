package line

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"hash/fnv"
	"strings"
	"sync"
	"time"

	"wabagate/models"
	"wabagate/waba/graph"
)

const (
	// checkEvery is how often a number is looked after. The platform allows a WhatsApp account with a number 5,000 calls an
	// hour; a check is some six.
	checkEvery = 15 * time.Minute
	// checkSpread is by how much that differs from number to number and time to time, so that they do not all come at once.
	checkSpread = 3 * time.Minute
	// checkTimeout is how long an upstream may take for the answers of one check, and checksAtOnce how many checks run.
	checkTimeout = time.Minute
	checksAtOnce = 4
	// lookEvery is how often it is looked for numbers whose turn it is.
	lookEvery = 20 * time.Second
	// warnAhead is how long before its end a token is warned of.
	warnAhead = 7 * 24 * time.Hour
)

// Check looks after a number now: whether its token is good, its app subscribed, its callbacks come here and it can send. What
// it found is kept, and told in the log when it is news. The error is models.ErrNotFound when nobody said how the number is
// reached, or the gateway's own.
func (l *Lines) Check(ctx context.Context, n models.Number) (models.UpstreamHealth, error) {
	u, err := l.o.Store.UpstreamOf(ctx, n.ID)
	if err != nil {
		return models.UpstreamHealth{}, err
	}
	h := l.look(ctx, n, u)
	if err := ctx.Err(); err != nil { // what was found is that we were stopped
		return h, err
	}
	if now, err := l.o.Store.UpstreamOf(ctx, n.ID); err == nil && now.Token != u.Token { // replaced while we looked at the old one
		h, u = l.look(ctx, n, now), now
	}
	if err := l.o.Store.KeepUpstreamHealth(ctx, n.ID, h); err != nil {
		return h, err
	}
	l.tell(n.ID, u.Checked, h)
	return h, nil
}

// tell writes what changed into the log.
func (l *Lines) tell(numberID int64, before, now models.UpstreamHealth) {
	log := l.o.Log.With("number_id", numberID)
	switch {
	case now.Trouble == before.Trouble && !before.At.IsZero():
	case now.Trouble == "" && before.Trouble != "":
		log.Info("number is well again")
	case now.Trouble != "":
		log.Warn("number needs attention", "works", now.OK, "trouble", now.Trouble)
	}
}

// Run looks after every number until ctx ends: each about every 15 minutes, by the one process that leads.
func (l *Lines) Run(ctx context.Context) {
	t := time.NewTicker(lookEvery)
	defer t.Stop()
	for {
		if l.o.Leads == nil || l.o.Leads() {
			if err := l.round(ctx); err != nil && ctx.Err() == nil {
				l.o.Log.Warn("numbers not looked after", "error", err)
			}
		} else {
			l.o.Metrics.show(nil, time.Time{})
		}
		select {
		case <-ctx.Done():
			return
		case <-t.C:
		}
	}
}

// round checks the numbers whose turn it is.
func (l *Lines) round(ctx context.Context) error {
	us, err := l.o.Store.Upstreams(ctx)
	if err != nil {
		return err
	}
	l.o.Metrics.show(us, l.o.Now())
	numbers := map[int64]models.Number{}
	for _, n := range l.o.Directory.Routes().Numbers {
		numbers[n.ID] = n
	}
	var wg sync.WaitGroup
	defer wg.Wait()
	places := make(chan struct{}, checksAtOnce)
	for _, u := range us {
		n, known := numbers[u.NumberID]
		if !known || !due(u.NumberID, u.Checked.At, l.o.Now()) {
			continue
		}
		select {
		case places <- struct{}{}:
		case <-ctx.Done():
			return ctx.Err()
		}
		wg.Go(func() {
			defer func() { <-places }()
			if _, err := l.Check(ctx, n); err != nil && ctx.Err() == nil && !errors.Is(err, models.ErrNotFound) {
				l.o.Log.Warn("number not checked", "number_id", n.ID, "error", err)
			}
		})
	}
	return nil
}

// due says whether it is a number's turn. The moment is the same for every process that asks.
func due(numberID int64, checked, now time.Time) bool {
	if checked.IsZero() {
		return true
	}
	h := fnv.New64a()
	_, _ = fmt.Fprint(h, numberID, checked.UnixMilli()) // a hash has no way to fail
	spread := time.Duration(h.Sum64()%uint64(2*checkSpread)) - checkSpread
	return now.Sub(checked) >= checkEvery+spread
}

// look asks an upstream about a number. What cannot be asked is the trouble.
func (l *Lines) look(ctx context.Context, n models.Number, u models.Upstream) models.UpstreamHealth {
	ctx, cancel := context.WithTimeout(ctx, checkTimeout)
	defer cancel()
	ask := l.lookProvider
	if u.Style == StyleCloud {
		ask = l.lookCloud
	}
	f, err := ask(ctx, Account(u, n), n)
	f.now, f.expires = l.o.Now(), u.TokenExpiresAt
	h := models.UpstreamHealth{At: f.now, Subscribed: f.subscribed, VerifiedName: f.number.VerifiedName, Quality: f.number.QualityRating, Throughput: f.number.Throughput}
	var t *Trouble
	switch {
	case errors.As(err, &t):
		h.Trouble = t.Text()
	case err != nil:
		h.Trouble = err.Error()
	default:
		h.OK, h.Trouble = f.judge()
	}
	return h
}

// facts are what an upstream said of a number.
type facts struct {
	number     graph.PhoneNumber // zero at providers
	subscribed bool              // what happens on the number is posted to somebody
	elsewhere  string            // and that is not this gateway but this site; empty: it is, or is not known
	health     graph.Health
	expires    time.Time // of the token; zero: never, or not known
	now        time.Time
}

// judge says whether a number works, and what a person has to know of it. What is only to come leaves it working.
func (f facts) judge() (ok bool, trouble string) {
	blocked, limited := f.hindrance()
	var wrong, soon []string
	if !f.subscribed {
		wrong = append(wrong, "Nothing that happens on the number is posted to this gateway: connect the number again, with its token.")
	}
	if f.number.Status != "" && f.number.Status != "CONNECTED" {
		wrong = append(wrong, fmt.Sprintf("The platform says that the number is %s and not CONNECTED: register it, or see WhatsApp Manager.", f.number.Status))
	}
	if blocked != "" {
		wrong = append(wrong, blocked)
	}
	if !f.expires.IsZero() && !f.now.Before(f.expires) {
		wrong = append(wrong, fmt.Sprintf("The token ended on %s: replace it.", day(f.expires)))
	} else if !f.expires.IsZero() && f.expires.Sub(f.now) < warnAhead {
		soon = append(soon, fmt.Sprintf("The token ends on %s: replace it before.", day(f.expires)))
	}
	if f.subscribed && f.elsewhere != "" {
		soon = append(soon, fmt.Sprintf("The number's callbacks go to %s: unless they are passed on to this gateway, connect the number again with override.", f.elsewhere))
	}
	if limited != "" {
		soon = append(soon, limited)
	}
	if f.number.QualityRating == "RED" {
		soon = append(soon, "The quality of the number is low: too many users blocked or reported it, and the platform may limit it.")
	}
	return len(wrong) == 0, strings.Join(append(wrong, soon...), " ")
}

func day(t time.Time) string { return t.UTC().Format("2 January 2006, 15:04 UTC") }

// hindrance is what keeps the number from sending at all, or from sending as much as it might, in the platform's own words.
func (f facts) hindrance() (blocked, limited string) {
	for _, e := range f.health.Entities {
		text := "The platform says " + e.CanSend + " of the " + entity(e.Type)
		for _, reason := range e.Errors {
			text += ": " + strings.TrimSpace(reason.Description+" "+reason.Solution)
		}
		switch e.CanSend {
		case "BLOCKED":
			blocked = cmp.Or(blocked, text)
		case "LIMITED":
			limited = cmp.Or(limited, text)
		}
	}
	switch {
	case blocked == "" && f.health.CanSend == "BLOCKED":
		blocked = "The platform says that the number cannot send: see WhatsApp Manager."
	case limited == "" && f.health.CanSend == "LIMITED":
		limited = "The platform limits what the number can send: see WhatsApp Manager."
	}
	return blocked, limited
}

// entity is what people call those that a message depends on.
func entity(kind string) string {
	switch kind {
	case "PHONE_NUMBER":
		return "number"
	case "WABA":
		return "WhatsApp account"
	case "BUSINESS":
		return "business"
	case "APP":
		return "app"
	}
	return strings.ToLower(strings.ReplaceAll(kind, "_", " "))
}

func (l *Lines) lookCloud(ctx context.Context, a graph.Account, _ models.Number) (facts, error) {
	e, err := l.examine(ctx, a, false)
	f := facts{number: e.number}
	if err != nil {
		return f, err
	}
	apps, err := l.o.Client.SubscribedApps(ctx, e.account)
	if err != nil {
		return f, failed(StepSubscription, "waba_id", "The apps of the WhatsApp account could not be read", err, adviceWABA)
	}
	for _, app := range apps {
		f.subscribed = f.subscribed || app.ID == e.account.AppID || e.account.AppID == ""
	}
	at, err := l.o.Client.Callbacks(ctx, e.account)
	if err != nil {
		return f, failed(StepOverride, "", "It could not be read where the number's callbacks go", err, adviceNumber)
	}
	// The host may be another: there are several ways to one gateway.
	if address := cmp.Or(at.Number, at.WABA, at.App); address != "" && !strings.Contains(address, cloudPath) {
		f.elsewhere = site(address)
	}
	if f.health, err = l.o.Client.HealthStatus(ctx, e.account); err != nil {
		return f, failed(StepNumber, "", "The number's health could not be read", err, adviceNumber)
	}
	return f, nil
}

func (l *Lines) lookProvider(ctx context.Context, a graph.Account, n models.Number) (facts, error) {
	var f facts
	set, err := l.o.Client.Webhook(ctx, a)
	switch {
	case refusesToken(err):
		t := failed(StepToken, "token", "The provider did not accept the key", err, nil)
		t.Advice = adviceKey
		return f, t
	case err != nil:
		return f, failed(StepWebhook, "", "It could not be read where the number's callbacks go", err, nil, n.OnpremToken.Text())
	}
	f.subscribed = n.OnpremToken != "" && strings.HasSuffix(set, onpremPath+n.OnpremToken.Text())
	if a.Style == graph.Dialog360 {
		if f.health, err = l.o.Client.HealthStatus(ctx, a); err != nil {
			return f, failed(StepNumber, "", "The number's health could not be read", err, nil)
		}
	}
	return f, nil
}
