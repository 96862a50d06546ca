package api

import (
	"context"
	"errors"
	"net/http"

	"github.com/gofiber/fiber/v2"

	"wabagate/fanout/dialect"
	"wabagate/fanout/event"
	"wabagate/models"
)

// deliveryDetail is a delivery with its webhook and what was posted.
type deliveryDetail struct {
	models.DeliveryDetail
	Webhook models.Webhook
	Payload []byte
}

// delivery reads one delivery of a business. The payload is what its webhook is sent as it is set now.
func (s *Server) delivery(ctx context.Context, businessID int64, id deliveryID) (deliveryDetail, error) {
	var d deliveryDetail
	var err error
	if d.Webhook, err = s.store.Webhook(ctx, businessID, id.webhook); err != nil {
		return d, err
	}
	if d.DeliveryDetail, err = s.store.Delivery(ctx, businessID, id.event, id.webhook); err != nil {
		return d, err
	}
	if emptied(d.Event) != nil {
		d.Payload = d.Event.Data
		return d, nil
	}
	d.Payload, err = s.courier.Payload(d.Webhook, d.Event)
	if errors.Is(err, dialect.ErrNoShape) {
		err = nil // the webhook changed its dialect to one without this event
	}
	return d, err
}

type attemptJSON struct {
	N          int        `json:"n"`
	StartedAt  event.Time `json:"started_at"`
	LatencyMS  int64      `json:"latency_ms"`
	StatusCode int        `json:"status_code"` // 0 when no answer came
	Outcome    string     `json:"outcome"`
	Reason     string     `json:"reason"`
	Answer     string     `json:"answer"`
}

func attemptView(a models.Attempt) attemptJSON {
	return attemptJSON{N: a.N, StartedAt: event.Time{Time: a.StartedAt}, LatencyMS: a.Duration.Milliseconds(), StatusCode: a.Status, Outcome: a.Outcome, Reason: a.Reason, Answer: a.Answer}
}

// deliveryDetailJSON has the attempts themselves where the list has their number.
type deliveryDetailJSON struct {
	deliveryJSON
	Payload  string        `json:"payload"` // the exact bytes
	Attempts []attemptJSON `json:"attempts"`
}

func (s *Server) handleDeliveryGet(c *fiber.Ctx, who caller) error {
	id, err := pathDelivery(c)
	if err != nil {
		return err
	}
	d, err := s.delivery(c.UserContext(), who.Business, id)
	if err != nil {
		return err
	}
	v := deliveryDetailJSON{deliveryJSON: deliveryView(withLast(d.DeliveryDetail)), Payload: string(d.Payload), Attempts: make([]attemptJSON, len(d.Attempts))}
	for i, a := range d.Attempts {
		v.Attempts[i] = attemptView(a)
	}
	return reply(c, http.StatusOK, map[string]deliveryDetailJSON{"delivery": v})
}

// withLast fills in what lists show of the last attempt.
func withLast(d models.DeliveryDetail) models.DeliveryRow {
	r := d.Row
	if n := len(d.Attempts); n > 0 {
		last := d.Attempts[n-1]
		us := last.Duration.Microseconds()
		r.LastStatus, r.LastReason, r.LastUS, r.LastAt = &last.Status, &last.Reason, &us, &last.StartedAt
	}
	return r
}

func (s *Server) handleDeliveryResend(c *fiber.Ctx, who caller) error {
	id, err := pathDelivery(c)
	if err != nil {
		return err
	}
	if err := s.resend(c.UserContext(), who.Business, id); err != nil {
		return err
	}
	return reply(c, http.StatusAccepted, message{"Delivery queued."})
}

// resend has a delivery attempted again now, because a person asked.
func (s *Server) resend(ctx context.Context, businessID int64, id deliveryID) error {
	w, err := s.store.Webhook(ctx, businessID, id.webhook)
	if err != nil {
		return err
	}
	d, err := s.store.Delivery(ctx, businessID, id.event, id.webhook)
	if err != nil {
		return err
	}
	if err := mayResend(w, d); err != nil {
		return err
	}
	work := models.Work{ID: s.store.NextID(), Kind: models.Deliver, Priority: models.Live, WebhookID: id.webhook, DueAt: s.now(), Members: []int64{id.event}}
	if err := s.store.Reopen(ctx, id.event, id.webhook, work); err != nil {
		return err
	}
	if err := s.queue.Enqueue(ctx, work); err != nil {
		s.log.Warn("resend not queued yet; the reconciler will", "webhook_id", id.webhook, "error", err)
	}
	return nil
}

// mayResend refuses what would go nowhere or twice.
func mayResend(w models.Webhook, d models.DeliveryDetail) error {
	switch {
	case !w.Active:
		return &Error{Status: http.StatusConflict, Code: "webhook_inactive", Message: "the webhook is off; switch it on first"}
	case d.Row.State == models.Pending && d.Row.Attempts == 0:
		return &Error{Status: http.StatusConflict, Code: "in_progress", Message: "the delivery has not had its first attempt yet"}
	}
	return emptied(d.Event)
}

// emptied says why there is nothing left to deliver of an event; nil: there is.
func emptied(e models.Event) error {
	switch {
	case e.Erased():
		return &Error{Status: http.StatusGone, Code: "erased", Message: "what this delivery told was erased with its contact"}
	case len(e.Data) == 0:
		return &Error{Status: http.StatusGone, Code: "expired", Message: "what this delivery told is older than contents are kept"}
	}
	return nil
}
