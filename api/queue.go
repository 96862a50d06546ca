package api

import (
	"context"
	"net/http"
	"time"

	"github.com/gofiber/fiber/v2"

	"wabagate/fanout/deliver"
	"wabagate/fanout/event"
	"wabagate/fanout/task"
	"wabagate/models"
)

// Queues says how full the queues are.
type Queues interface {
	Depths(ctx context.Context) ([]task.Depth, error)
}

// Circuits says which webhooks are refused for the moment.
type Circuits interface {
	State(ctx context.Context, webhookID int64) (deliver.BreakerState, error)
}

// Breakers lists the webhooks whose deliveries are refused for the moment.
type Breakers interface {
	Open(ctx context.Context) (map[int64]deliver.BreakerState, error)
}

// queueJSON is how full a queue is.
type queueJSON struct {
	Queue     string `json:"queue"`
	Pending   int    `json:"pending"`
	Active    int    `json:"active"`
	Scheduled int    `json:"scheduled"`
	Retry     int    `json:"retry"`
	Archived  int    `json:"archived"`
	// OldestSeconds is how long the task at the head has been ready.
	OldestSeconds float64 `json:"oldest_seconds"`
	Paused        bool    `json:"paused"`
	// PerSecond and FailedPerSecond are the tasks that workers were given, and those in which they failed, measured since
	// somebody looked in the last minute; null: nobody did. FailedToday counts those since midnight (UTC). What a receiver
	// refuses is no failure of a worker.
	PerSecond       *float64 `json:"per_second"`
	FailedPerSecond *float64 `json:"failed_per_second"`
	FailedToday     int      `json:"failed_today"`
}

// waitingJSON is how much waits for a webhook.
type waitingJSON struct {
	WebhookID  int64       `json:"webhook_id"`
	Deliveries int64       `json:"deliveries"` // to be attempted now, and retries to come
	OldestDue  *event.Time `json:"oldest_due"` // null: nothing waits
	// OverdueSeconds is how long the oldest of it could have been attempted.
	OverdueSeconds float64 `json:"overdue_seconds"`
}

func waitingView(w models.WebhookWaiting, now time.Time) waitingJSON {
	v := waitingJSON{WebhookID: w.WebhookID, Deliveries: w.Deliveries}
	if !w.OldestDue.IsZero() {
		v.OldestDue, v.OverdueSeconds = &event.Time{Time: w.OldestDue}, max(0, now.Sub(w.OldestDue).Seconds())
	}
	return v
}

// waitingShown is how many webhooks the overview names: those for which most waits.
const waitingShown = 50

// depths are how full the queues are and how fast they are worked off.
func (s *Server) depths(ctx context.Context) ([]queueJSON, error) {
	list := []queueJSON{}
	if s.queues == nil {
		return list, nil
	}
	depths, err := s.queues.Depths(ctx)
	if err != nil {
		return nil, err
	}
	rates := s.board.rates(depths)
	for _, d := range depths {
		v := queueJSON{Queue: d.Queue, Pending: d.Pending, Active: d.Active, Scheduled: d.Scheduled, Retry: d.Retry, Archived: d.Archived,
			OldestSeconds: d.Oldest.Seconds(), Paused: d.Paused, FailedToday: d.FailedToday}
		if r := rates[d.Queue]; r.Known {
			v.PerSecond, v.FailedPerSecond = &r.Processed, &r.Failed
		}
		list = append(list, v)
	}
	return list, nil
}

// businessWaitingJSON is how much waits for all webhooks of a business.
type businessWaitingJSON struct {
	BusinessID int64       `json:"business_id"`
	Name       string      `json:"name"`
	Deliveries int64       `json:"deliveries"`
	Webhooks   int         `json:"webhooks"` // for which something waits
	Failing    int         `json:"failing"`  // of those
	OldestDue  *event.Time `json:"oldest_due"`
}

// queuesJSON is what waits, by queue, by webhook and by business.
type queuesJSON struct {
	Queues     []queueJSON           `json:"queues"`
	Webhooks   []waitingJSON         `json:"webhooks"`
	Businesses []businessWaitingJSON `json:"businesses"`
	// CountedAt is when what waits for webhooks was counted; null: it is being counted for the first time.
	CountedAt *event.Time `json:"counted_at"`
}

func (s *Server) handleQueues(c *fiber.Ctx, _ caller) error {
	v := queuesJSON{Webhooks: []waitingJSON{}, Businesses: []businessWaitingJSON{}}
	var err error
	if v.Queues, err = s.depths(c.UserContext()); err != nil {
		return err
	}
	waiting := s.board.waiting(c.UserContext())
	v.CountedAt = timeView(waiting.At)
	for _, w := range waiting.Webhooks[:min(len(waiting.Webhooks), waitingShown)] {
		v.Webhooks = append(v.Webhooks, waitingView(w, s.now()))
	}
	for _, b := range waiting.Businesses[:min(len(waiting.Businesses), waitingShown)] {
		v.Businesses = append(v.Businesses, businessWaitingJSON{b.ID, b.Name, b.Deliveries, b.Webhooks, b.Failing, timeView(b.OldestDue)})
	}
	return reply(c, http.StatusOK, v)
}

// circuitJSON is whether deliveries to a webhook are refused for the moment.
type circuitJSON struct {
	State string      `json:"state"` // closed (delivering), open (refused) or half-open (one is being tried)
	Until *event.Time `json:"until"` // of an open one: when the next is tried
	// Failed and Total are the attempts of the last minute.
	Failed int `json:"failed"`
	Total  int `json:"total"`
}

// circuit is nil when it is not known: then nothing is refused either.
func (s *Server) circuit(ctx context.Context, webhookID int64) *circuitJSON {
	if s.circuits == nil {
		return nil
	}
	state, err := s.circuits.State(ctx, webhookID)
	if err != nil {
		return nil
	}
	v := &circuitJSON{State: state.State, Failed: state.Failed, Total: state.Total}
	if !state.Until.IsZero() {
		v.Until = &event.Time{Time: state.Until}
	}
	return v
}
