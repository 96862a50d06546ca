package api

import (
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/gofiber/fiber/v2"

	"wabagate/fanout/event"
	"wabagate/models"
)

func (s *Server) registerTimeline(r fiber.Router) {
	r.Get("/timeline/*", s.client(s.handleTimeline)) // a wamid may hold a slash
}

// The kinds of steps, in the order in which one causes the next.
const (
	stepCallback = "callback"
	stepEvent    = "event"
	stepDelivery = "delivery"
	stepAttempt  = "attempt"
)

// stepJSON is one thing that happened around a message. Of the parts the one that its kind names is there.
type stepJSON struct {
	At       event.Time     `json:"at"`
	Kind     string         `json:"kind"`
	Callback *callbackJSON  `json:"callback,omitempty"`
	Event    *eventStepJSON `json:"event,omitempty"`
	// Delivery is where the delivery stands now; its step is the moment when it was owed.
	Delivery *deliveryJSON    `json:"delivery,omitempty"`
	Attempt  *attemptStepJSON `json:"attempt,omitempty"`
}

type eventStepJSON struct {
	ID         string `json:"id"`
	Type       string `json:"type"`
	Sequence   int64  `json:"sequence,omitempty"`
	CallbackID int64  `json:"callback_id,omitempty"`
}

type attemptStepJSON struct {
	DeliveryID string `json:"delivery_id"`
	EventID    string `json:"event_id"`
	WebhookID  int64  `json:"webhook_id"`
	attemptJSON
}

// timelineMessageJSON is what is known of the message itself.
type timelineMessageJSON struct {
	Direction      string      `json:"direction"`
	Type           string      `json:"type"`
	Status         string      `json:"status"`
	NumberID       int64       `json:"number_id"`
	ConversationID int64       `json:"conversation_id"` // 0: not known
	SentAt         event.Time  `json:"sent_at"`
	StatusAt       *event.Time `json:"status_at"`
	EditedAt       *event.Time `json:"edited_at"`
	DeletedAt      *event.Time `json:"deleted_at"`
	SentBy         string      `json:"sent_by"`
}

func timelineMessageView(m models.Message) *timelineMessageJSON {
	v := &timelineMessageJSON{Direction: "outbound", Type: m.Type, Status: m.Status, NumberID: m.NumberID, ConversationID: m.ConversationID,
		SentAt: event.Time{Time: m.SentAt}, StatusAt: timeView(m.StatusAt), EditedAt: timeView(m.EditedAt), DeletedAt: timeView(m.DeletedAt), SentBy: m.SentBy}
	if m.Inbound {
		v.Direction = "inbound"
	}
	return v
}

type timelineJSON struct {
	Wamid   string               `json:"wamid"`
	Message *timelineMessageJSON `json:"message"` // null: only events of it are known
	Steps   []stepJSON           `json:"steps"`
	Cut     bool                 `json:"cut"` // older events are left out
}

// timeline reads what happened around the message in the path.
func (s *Server) timeline(c *fiber.Ctx, who caller) (wamid string, t models.Timeline, err error) {
	wamid, err = url.PathUnescape(strings.Clone(c.Params("*")))
	if err != nil || wamid == "" {
		return wamid, t, ofStatus(http.StatusNotFound)
	}
	t, err = s.store.Timeline(c.UserContext(), who.Business, wamid)
	return wamid, t, err
}

func (s *Server) handleTimeline(c *fiber.Ctx, who caller) error {
	wamid, t, err := s.timeline(c, who)
	if err != nil {
		return err
	}
	return reply(c, http.StatusOK, timelineView(wamid, t))
}

// timelineView puts what is known into the order of time; at one moment causes come first.
func timelineView(wamid string, t models.Timeline) timelineJSON {
	v := timelineJSON{Wamid: wamid, Steps: []stepJSON{}, Cut: t.Cut}
	if t.Message != nil {
		v.Message = timelineMessageView(*t.Message)
	}
	add := func(at time.Time, step stepJSON) {
		step.At = event.Time{Time: at}
		v.Steps = append(v.Steps, step)
	}
	for _, h := range t.Callbacks {
		view := callbackView(h)
		add(h.ReceivedAt, stepJSON{Kind: stepCallback, Callback: &view})
	}
	for _, e := range t.Events {
		add(e.CreatedAt, stepJSON{Kind: stepEvent, Event: &eventStepJSON{ID: event.Key(e.Key).EventID(), Type: e.Type, Sequence: e.Sequence, CallbackID: e.CallbackID}})
	}
	for _, d := range t.Deliveries {
		view := deliveryView(withLast(d))
		add(d.Row.CreatedAt, stepJSON{Kind: stepDelivery, Delivery: &view})
	}
	for _, d := range t.Deliveries {
		for _, a := range d.Attempts {
			add(a.StartedAt, stepJSON{Kind: stepAttempt, Attempt: &attemptStepJSON{DeliveryID: deliveryID{a.EventID, a.WebhookID}.String(),
				EventID: publicEventID(d.Row.Key), WebhookID: a.WebhookID, attemptJSON: attemptView(a)}})
		}
	}
	// Stable: what was added first is the cause of what was added later.
	slices.SortStableFunc(v.Steps, func(a, b stepJSON) int { return a.At.Compare(b.At.Time) })
	return v
}
