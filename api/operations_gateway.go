package api

import (
	"cmp"
	"context"
	"net/http"
	"slices"
	"time"

	"github.com/gofiber/fiber/v2"

	"wabagate/fanout"
	"wabagate/fanout/deliver"
	"wabagate/fanout/event"
	"wabagate/models"
)

// troubles are the webhooks of all businesses that somebody should look after.
type troubles struct {
	Disabled, Failing, Slow []models.WebhookTrouble
	// Open are those whose breakers are not closed; Names what is known of them.
	Open  map[int64]deliver.BreakerState
	Names map[int64]models.WebhookName
}

// slowOver is over how long the attempts of a slow webhook are looked at, whole hours.
const slowOver = time.Hour

func (s *Server) troubles(ctx context.Context) (t troubles, err error) {
	if t.Disabled, err = s.store.Disabled(ctx); err != nil {
		return t, err
	}
	if t.Failing, err = s.store.Failing(ctx); err != nil {
		return t, err
	}
	if t.Slow, err = s.store.Slow(ctx, s.now().Add(-slowOver)); err != nil || s.breakers == nil {
		return t, err
	}
	if t.Open, err = s.breakers.Open(ctx); err != nil {
		return t, err
	}
	ids := make([]int64, 0, len(t.Open))
	for id := range t.Open {
		ids = append(ids, id)
	}
	t.Names, err = s.store.WebhookNames(ctx, ids)
	return t, err
}

// troubleJSON is a webhook that somebody should look after.
type troubleJSON struct {
	WebhookID  int64  `json:"webhook_id"`
	Name       string `json:"name"`
	BusinessID int64  `json:"business_id"`
	Business   string `json:"business"`
	Active     bool   `json:"is_active"`
	FailCount  int64  `json:"fail_count"`
	// FailingSince is the first failure since the last success, DisablingPercent how much of the way to being switched off it
	// has gone.
	FailingSince     *event.Time `json:"failing_since"`
	DisablingPercent int         `json:"disabling_percent"`
	DisabledBy       string      `json:"disabled_by"`
	DisabledAt       *event.Time `json:"disabled_at"`
	DisabledReason   string      `json:"disabled_reason"`
	MeanMS           int64       `json:"mean_ms"` // how long its attempts took of late; 0 outside of the list of slow ones
	Breaker          string      `json:"breaker"` // open or half-open; empty: closed, or not known
	BreakerUntil     *event.Time `json:"breaker_until"`
}

func (s *Server) troubleView(open map[int64]deliver.BreakerState) func(models.WebhookTrouble) troubleJSON {
	return func(w models.WebhookTrouble) troubleJSON {
		v := troubleJSON{WebhookID: w.ID, Name: w.Name, BusinessID: w.BusinessID, Business: w.Business, Active: w.Active, FailCount: w.FailCount, FailingSince: timeView(w.Health.FailingSince),
			DisabledBy: string(w.DisabledBy), DisabledAt: timeView(w.DisabledAt), DisabledReason: w.Reason, MeanMS: w.Mean.Milliseconds()}
		v.DisablingPercent, _ = w.Health.Disabling(s.now())
		if b, ok := open[w.ID]; ok {
			v.Breaker, v.BreakerUntil = b.State, timeView(b.Until)
		}
		return v
	}
}

func (s *Server) handleTroubles(c *fiber.Ctx, _ caller) error {
	t, err := s.troubles(c.UserContext())
	if err != nil {
		return err
	}
	view := s.troubleView(t.Open)
	return reply(c, http.StatusOK, troublesJSON{views(t.Disabled, view), views(t.Failing, view), views(t.Slow, view), views(t.openHooks(), view)})
}

// openHooks are the webhooks whose breakers are not closed, by id; those that are gone are left out.
func (t troubles) openHooks() []models.WebhookTrouble {
	list := []models.WebhookTrouble{}
	for _, name := range t.Names {
		list = append(list, models.WebhookTrouble{WebhookName: name})
	}
	return byID(list)
}

// gatewayState is how the gateway as a whole is.
type gatewayState struct {
	Waiting    counted
	Reconciled *fanout.Reconciliation // nil: not known
	Maintained models.MaintenanceReport
	Kept       []models.KeptTable
	Silent     []models.SilentNumber
	Parked     int64 // callbacks of numbers that nobody has connected
	ParkedAt   time.Time
}

// maintainEvery is how often the history is looked after; see fanout.Keeper.
const maintainEvery = 15 * time.Minute

func (s *Server) gatewayState(ctx context.Context) (g gatewayState, err error) {
	g.Waiting = s.board.waiting(ctx)
	if s.reconciliation != nil {
		r, err := s.reconciliation(ctx)
		if err != nil {
			return g, err
		}
		g.Reconciled = &r
	}
	if g.Maintained, err = s.store.LastMaintenance(ctx); err != nil {
		return g, err
	}
	if g.Kept, err = s.store.Kept(ctx); err != nil {
		return g, err
	}
	if g.Silent, err = s.store.SilentNumbers(ctx); err != nil {
		return g, err
	}
	g.Parked, g.ParkedAt, err = s.store.CountParked(ctx)
	return g, err
}

// keptJSON is how far back a table goes.
type keptJSON struct {
	Table      string      `json:"table"`
	Partitions int         `json:"partitions"`
	Oldest     *event.Time `json:"oldest"`
	Newest     *event.Time `json:"newest"`
	Bytes      int64       `json:"bytes"` // 0: not known
}

// silentJSON is a number for which nothing comes although it should.
type silentJSON struct {
	NumberID   int64      `json:"number_id"`
	Name       string     `json:"name"`
	Display    string     `json:"display_number"`
	BusinessID int64      `json:"business_id"`
	Business   string     `json:"business"`
	Since      event.Time `json:"since"`
	FoundAt    event.Time `json:"found_at"`
}

func silentView(n models.SilentNumber) silentJSON {
	return silentJSON{n.NumberID, n.Name, n.Display, n.BusinessID, n.Business, event.Time{Time: n.Since}, event.Time{Time: n.FoundAt}}
}

// gatewayJSON is how the gateway as a whole is.
type gatewayJSON struct {
	Backlog struct {
		Callbacks  int64       `json:"callback_groups"`
		Deliveries int64       `json:"delivery_groups"`
		Sends      int64       `json:"send_groups"`
		Replies    int64       `json:"replies"`
		OldestDue  *event.Time `json:"oldest_due"`
		CountedAt  *event.Time `json:"counted_at"`
	} `json:"backlog"`
	Reconciler *reconcilerJSON `json:"reconciler"` // null: not known
	Retention  struct {
		LastAt     *event.Time `json:"last_at"`
		NextAt     *event.Time `json:"next_at"`
		TookMS     int64       `json:"took_ms"`
		Error      string      `json:"error"`
		Deleted    int64       `json:"deleted_rows"`
		Emptied    int64       `json:"emptied_rows"`
		Dropped    []string    `json:"dropped_partitions"`
		Unfinished int64       `json:"unfinished_deliveries"`
		Tables     []keptJSON  `json:"tables"`
	} `json:"retention"`
	Silent []silentJSON `json:"silent_numbers"`
	Parked struct {
		Callbacks int64       `json:"callbacks"`
		Oldest    *event.Time `json:"oldest"`
	} `json:"parked"`
}

type reconcilerJSON struct {
	Running bool             `json:"running"`
	Leader  string           `json:"leader"`
	Workers int              `json:"workers"`
	Lately  []reconciledJSON `json:"lately"`
}

// reconciledJSON is what was put into the queue again at one time.
type reconciledJSON struct {
	At     event.Time `json:"at"`
	Found  string     `json:"found"` // lost, orphan or asleep
	Kind   string     `json:"kind"`
	Pieces int        `json:"pieces"`
}

func reconciledView(r fanout.Reconciled) reconciledJSON {
	return reconciledJSON{event.Time{Time: r.At}, r.Found, r.Kind, r.Pieces}
}

func (s *Server) handleGateway(c *fiber.Ctx, _ caller) error {
	g, err := s.gatewayState(c.UserContext())
	if err != nil {
		return err
	}
	var v gatewayJSON
	b := &v.Backlog
	b.Callbacks, b.Deliveries, b.Sends, b.Replies = g.Waiting.Callbacks, g.Waiting.Backlog.Deliveries, g.Waiting.Sends, g.Waiting.Replies
	b.OldestDue, b.CountedAt = timeView(g.Waiting.OldestDue), timeView(g.Waiting.At)
	if r := g.Reconciled; r != nil {
		v.Reconciler = &reconcilerJSON{r.Leader != "", r.Leader, r.Workers, views(r.Lately, reconciledView)}
	}
	m, r := g.Maintained, &v.Retention
	r.LastAt, r.TookMS, r.Error, r.Deleted, r.Emptied = timeView(m.At), m.Took.Milliseconds(), m.Error, m.Done.Deleted, m.Done.Emptied
	r.Dropped, r.Unfinished = append([]string{}, m.Done.Dropped...), m.Done.Unfinished
	if !m.At.IsZero() {
		r.NextAt = timeView(m.At.Add(maintainEvery))
	}
	r.Tables = views(g.Kept, func(k models.KeptTable) keptJSON {
		return keptJSON{k.Name, k.Leaves, timeView(k.Oldest), timeView(k.Newest), k.Bytes}
	})
	v.Silent = views(g.Silent, silentView)
	v.Parked.Callbacks, v.Parked.Oldest = g.Parked, timeView(g.ParkedAt)
	return reply(c, http.StatusOK, v)
}

// byID puts webhooks in the order of their ids.
func byID(list []models.WebhookTrouble) []models.WebhookTrouble {
	slices.SortFunc(list, func(a, b models.WebhookTrouble) int { return cmp.Compare(a.ID, b.ID) })
	return list
}
