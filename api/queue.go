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

func (s *Server) registerQueues(app *fiber.App) {
	app.Get("/api/admin/queues", s.fence, s.operatorsAlone, s.handleQueues)
}

// operatorsAlone refuses everybody who is no operator; see operatorsOnly for pages.
func (s *Server) operatorsAlone(c *fiber.Ctx) error {
	user, err := s.sessionUser(c)
	switch {
	case err != nil:
		return err
	case !user.IsOperator:
		return &Error{Status: http.StatusForbidden, Code: "operators_only", Message: "the queues are for operators"}
	}
	return c.Next()
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

// queuesJSON is what waits, by queue and by webhook.
type queuesJSON struct {
	Queues   []queueJSON   `json:"queues"`
	Webhooks []waitingJSON `json:"webhooks"`
}

func (s *Server) handleQueues(c *fiber.Ctx) error {
	v := queuesJSON{Queues: []queueJSON{}, Webhooks: []waitingJSON{}}
	if s.queues != nil {
		depths, err := s.queues.Depths(c.UserContext())
		if err != nil {
			return err
		}
		for _, d := range depths {
			v.Queues = append(v.Queues, queueJSON{Queue: d.Queue, Pending: d.Pending, Active: d.Active, Scheduled: d.Scheduled, Retry: d.Retry, Archived: d.Archived,
				OldestSeconds: d.Oldest.Seconds(), Paused: d.Paused})
		}
	}
	waiting, err := s.store.Waiting(c.UserContext(), waitingShown)
	if err != nil {
		return err
	}
	for _, w := range waiting {
		v.Webhooks = append(v.Webhooks, waitingView(w, s.now()))
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
