package fanout

import (
	"context"
	"fmt"
	"log/slog"
	"strconv"
	"time"

	"wabagate/fanout/event"
	"wabagate/models"
)

// Keeper looks after what takes longer than a delivery: jobs, webhooks that have failed for days, and the age of the
// history. Of several processes one does so at a time; two at once do no harm.
type Keeper struct {
	o   KeeperOptions
	log *slog.Logger
	now func() time.Time
}

// KeeperOptions are the parts that a keeper works with. All but Now are needed.
type KeeperOptions struct {
	Store   *models.Store
	Courier *Courier
	News    *Recorder
	Queue   Enqueuer
	Routes  Refresher
	// Retention is how long history is kept.
	Retention models.Retention
	// Leads says whether this process is the one that is to do it.
	Leads   func() bool
	Log     *slog.Logger
	Metrics *Metrics
	// Now is the clock; nil means the store's.
	Now func() time.Time
}

// NewKeeper makes a keeper.
func NewKeeper(o KeeperOptions) *Keeper {
	if o.Now == nil {
		o.Now = o.Store.Now
	}
	return &Keeper{o: o, log: o.Log.With("component", "keeper"), now: o.Now}
}

const (
	// stepEvery is how often a running job is looked at: its next chunk follows when the last one has been attempted.
	stepEvery = 100 * time.Millisecond
	// jobChunk is how many deliveries a job has under way at once.
	jobChunk = 100
	// jobsEvery is how often the keeper looks for running jobs while it knows of none.
	jobsEvery = time.Second
	// healthEvery is how often webhooks that fail are looked at.
	healthEvery = 15 * time.Second
	// probeDormantEvery is how often a webhook that was switched off for failing gets one event, so that it heals by itself
	// when its receiver is mended.
	probeDormantEvery = time.Hour
	// foldEvery is how often what was counted is added up.
	foldEvery = 5 * time.Second
	// maintainEvery is how often leaves are made ahead and old history is dropped.
	maintainEvery = 15 * time.Minute
)

// duty is something that the keeper looks after, as the metrics call it.
type duty string

// The duties.
const (
	dutyJobs    duty = "jobs"
	dutyHealth  duty = "health"
	dutyCounts  duty = "counts"
	dutyHistory duty = "history"
)

var duties = [...]duty{dutyJobs, dutyHealth, dutyCounts, dutyHistory}

// Run keeps until ctx ends.
func (k *Keeper) Run(ctx context.Context) {
	t := time.NewTicker(stepEvery)
	defer t.Stop()
	var jobs, health, folded, maintained time.Time
	busy := false
	for {
		select {
		case <-ctx.Done():
			return
		case <-t.C:
		}
		if !k.o.Leads() {
			continue
		}
		now := time.Now()
		if busy || now.Sub(jobs) >= jobsEvery {
			jobs = now
			busy = k.try(ctx, dutyJobs, 30*time.Second, k.Jobs)
		}
		if now.Sub(health) >= healthEvery {
			health = now
			k.try(ctx, dutyHealth, time.Minute, k.Health)
		}
		if now.Sub(folded) >= foldEvery {
			folded = now
			k.try(ctx, dutyCounts, 30*time.Second, k.Fold)
		}
		if now.Sub(maintained) >= maintainEvery {
			maintained = now
			k.try(ctx, dutyHistory, 10*time.Minute, k.Maintain)
		}
	}
}

// try says whether there is more to do at once.
func (k *Keeper) try(ctx context.Context, d duty, limit time.Duration, do func(context.Context) (bool, error)) bool {
	c, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	began := time.Now()
	more, err := do(c)
	if ctx.Err() == nil {
		k.o.Metrics.keeps(d, began, err)
	}
	if err != nil && ctx.Err() == nil {
		k.log.Warn("cannot look after this now; will go on trying", "duty", d, "error", err)
	}
	return more && err == nil
}

// Jobs gives each running job its next step. It says whether any is running.
func (k *Keeper) Jobs(ctx context.Context) (bool, error) {
	jobs, err := k.o.Store.RunningJobs(ctx)
	if err != nil {
		return false, err
	}
	k.o.Metrics.jobs.Set(float64(len(jobs)))
	for _, j := range jobs {
		if sub, ok := k.o.Courier.subs.current().byID[j.WebhookID]; ok && !sub.ready() {
			// It would be handed out and held again, for ever. The routes may be older than the job; the next look is not.
			if err := k.o.Routes.Refresh(ctx); err != nil {
				return false, err
			}
			if sub, ok := k.o.Courier.subs.current().byID[j.WebhookID]; ok && !sub.ready() {
				if err := k.o.Store.FailJob(ctx, j.ID, "the webhook takes nothing: it is off, or its receiver has not answered the challenge"); err != nil {
					return false, err
				}
				continue
			}
		}
		after, works, err := k.o.Store.StepJob(ctx, j.ID, jobChunk)
		if err != nil {
			if !lasting(err) {
				return false, err
			}
			k.log.Error("job failed", "job_id", j.ID, "webhook_id", j.WebhookID, "error", err)
			if err := k.o.Store.FailJob(ctx, j.ID, "it could not go on: "+err.Error()); err != nil {
				return false, err
			}
			continue
		}
		if len(works) > 0 {
			if err := k.o.Queue.Enqueue(ctx, works...); err != nil {
				k.log.Warn("a job's deliveries are not queued yet; the reconciler will", "job_id", j.ID, "error", err)
			}
		}
		if after.State != models.JobRunning {
			k.log.Info("job ended", "job_id", j.ID, "webhook_id", j.WebhookID, "kind", j.Kind, "state", after.State, "released", after.Released)
			if err := k.o.Routes.Refresh(ctx); err != nil {
				return false, err
			}
		}
	}
	return len(jobs) > 0, nil
}

// warnings are the shares of the way to being switched off that are announced, in percent.
var warnings = [...]int{50, 70, 90}

// warning is the last share that has been reached.
func warning(percent int) int {
	reached := 0
	for _, w := range warnings {
		if percent >= w {
			reached = w
		}
	}
	return reached
}

// Health warns of webhooks that fail for days, switches them off when it has been too long, tells of those that work
// again, and tries those that it has switched off.
func (k *Keeper) Health(ctx context.Context) (bool, error) {
	ws, err := k.o.Store.Troubled(ctx)
	if err != nil {
		return false, err
	}
	for _, w := range ws {
		if err := k.judge(ctx, w); err != nil {
			return false, fmt.Errorf("webhook %d: %w", w.ID, err)
		}
	}
	dormant, err := k.o.Store.Dormant(ctx)
	if err != nil {
		return false, err
	}
	for _, w := range dormant {
		if k.now().Sub(w.Health.LastTriggeredAt) < probeDormantEvery || k.now().Sub(w.DisabledAt) < probeDormantEvery {
			continue
		}
		if err := k.probe(ctx, w); err != nil {
			return false, fmt.Errorf("probe webhook %d: %w", w.ID, err)
		}
	}
	return false, nil
}

// judge is told by a pure decision what to do about one webhook that fails or has failed.
func (k *Keeper) judge(ctx context.Context, w models.Webhook) error {
	now, h := k.now(), w.Health
	percent, disable := h.Disabling(now)
	news := Operation{Webhook: w, At: now, Key: h.FailingSince.UTC().Format(time.RFC3339)}
	days := fmt.Sprintf("for %s", spell(now.Sub(h.FailingSince)))
	switch {
	case h.FailingSince.IsZero():
		news.Type, news.Reason = event.WebhookRecovered, "Deliveries succeed again."
		if h.LastFailureAt != nil {
			news.Key = h.LastFailureAt.UTC().Format(time.RFC3339)
		}
		if err := k.o.News.Tell(ctx, news); err != nil {
			return err
		}
		return k.o.Store.SetWarned(ctx, w.ID, 0)
	case disable:
		reason := "It has taken nothing " + days + "; deliveries are kept until it is switched on again."
		news.Type, news.Reason, news.Webhook.DisabledBy = event.WebhookDisabled, reason, models.ByFailures
		// The news first: told twice it is one event, and a webhook that is off is not looked at again.
		if err := k.o.News.Tell(ctx, news); err != nil {
			return err
		}
		if _, err := k.o.Store.DisableWebhook(ctx, w.ID, models.ByFailures, reason); err != nil {
			return err
		}
		k.log.Warn("webhook switched off: it failed for days", "webhook_id", w.ID, "failing_since", h.FailingSince)
		return k.o.Routes.Refresh(ctx)
	case warning(percent) > h.Warned:
		news.Type, news.DisablesAt = event.WebhookFailing, h.FailingSince.Add(models.DisableAfter)
		news.Key += fmt.Sprint(" ", warning(percent))
		news.Reason = fmt.Sprintf("It has taken nothing %s; it is switched off at %s if that goes on.", days, news.DisablesAt.UTC().Format("2006-01-02 15:04 MST"))
		if err := k.o.News.Tell(ctx, news); err != nil {
			return err
		}
		k.log.Warn("webhook fails", "webhook_id", w.ID, "failing_since", h.FailingSince, "percent", percent)
		return k.o.Store.SetWarned(ctx, w.ID, warning(percent))
	}
	return nil
}

// spell is a long time as people say it.
func spell(d time.Duration) string {
	if d < 48*time.Hour {
		return fmt.Sprintf("%d hours", int(d.Hours()))
	}
	return fmt.Sprintf("%d days", int(d.Hours()/24))
}

// probe attempts the oldest delivery that is held for a webhook that was switched off for failing. When it is taken, the
// webhook is on again and catches up.
func (k *Keeper) probe(ctx context.Context, w models.Webhook) error {
	due, ok, err := k.o.Store.OldestHeld(ctx, w.ID)
	if err != nil || !ok {
		return err
	}
	delivered, err := k.o.Courier.probe(ctx, w, due)
	if err != nil || !delivered {
		return err
	}
	_, job, err := k.o.Store.ResumeWebhook(ctx, w.BusinessID, w.ID, true)
	if err != nil {
		return err
	}
	k.log.Info("webhook works again; it catches up", "webhook_id", w.ID)
	if err := k.o.Store.Record(ctx, models.AuditEntry{BusinessID: w.BusinessID, Actor: models.SystemActor, Action: "webhook.enabled",
		Object: models.Object{Kind: "webhook", ID: strconv.FormatInt(w.ID, 10), Name: w.Name}, Changes: []models.Change{{Field: "is_active", Before: false, After: true}}}); err != nil {
		k.log.Error("not in the audit log", "webhook_id", w.ID, "error", err)
	}
	news := Operation{Type: event.WebhookRecovered, Webhook: w, Key: w.DisabledAt.UTC().Format(time.RFC3339), At: k.now(), Reason: "It took an event again and is switched on; what was kept for it follows."}
	news.Webhook.DisabledBy, news.Held = "", job.Total
	if err := k.o.News.Tell(ctx, news); err != nil {
		return err
	}
	return k.o.Routes.Refresh(ctx)
}

// Fold adds up what was counted.
func (k *Keeper) Fold(ctx context.Context) (bool, error) { return false, k.o.Store.FoldCounts(ctx) }

// Maintain makes room for the days to come and lets go of what is older than the retention.
func (k *Keeper) Maintain(ctx context.Context) (bool, error) {
	done, err := k.o.Store.Maintain(ctx, k.now(), k.o.Retention)
	k.o.Metrics.maintained(done)
	level := slog.LevelDebug
	if len(done.Dropped) > 0 || done.Deleted+done.Emptied+done.Unfinished+done.Parked > 0 {
		level = slog.LevelInfo
	}
	k.log.Log(ctx, level, "history looked after", "did", done)
	if err != nil {
		return false, err
	}
	// Work that went with its events may have been the turn of a lane.
	up, err := k.o.Store.FreeLanes(ctx)
	if err != nil || len(up) == 0 {
		return false, err
	}
	return false, k.o.Queue.Enqueue(ctx, up...)
}
