package api

import (
	"cmp"
	"context"
	"errors"
	"net/http"
	"time"

	"github.com/gofiber/fiber/v2"

	"wabagate/fanout/dialect"
	"wabagate/fanout/event"
	"wabagate/models"
)

func (s *Server) registerTrials(r fiber.Router) {
	r.Post("/webhooks/test", s.client(s.handleTrial))
	r.Post("/webhooks/:id<int>/test", s.client(s.handleTrial))
}

// trial is a sample that was sent, and what came of it.
type trial struct {
	EventID string
	Event   string
	Payload []byte
	Attempt models.Attempt
}

// trialJSON is a trial as the API shows it.
type trialJSON struct {
	Status    int    `json:"status"` // the receiver's; 0 when no answer came
	Outcome   string `json:"outcome"`
	Reason    string `json:"reason"`
	LatencyMS int64  `json:"latency_ms"`
	Answer    string `json:"answer"`
	Payload   string `json:"payload"` // the exact bytes that were posted
	EventID   string `json:"event_id"`
	Event     string `json:"event"`
}

func (s *Server) handleTrial(c *fiber.Ctx, who caller) error {
	o := parseObject(c.Request().Body(), "webhook_id", "event")
	id, name := member[int64](o, "webhook_id", "the id of a webhook"), member[string](o, "event", "the name of an event")
	if o.err != nil {
		return o.err
	}
	if c.Params("id") != "" {
		var err error
		if id.value, err = pathID(c, "id"); err != nil {
			return err
		}
	} else if !id.given || id.null {
		return invalid("webhook_id", codeRequired, "is required")
	}
	t, err := s.try(c.UserContext(), who.Business, id.value, name.value)
	if err != nil {
		return err
	}
	return reply(c, http.StatusOK, trialJSON{Status: t.Attempt.Status, Outcome: t.Attempt.Outcome, Reason: t.Attempt.Reason,
		LatencyMS: t.Attempt.Duration.Milliseconds(), Answer: t.Attempt.Answer, Payload: string(t.Payload), EventID: t.EventID, Event: t.Event})
}

// trialTimeout is longer than the longest timeout of a webhook.
const trialTimeout = (maxTimeout + 5) * time.Second

// try sends a sample of an event type now; no name is a received message. The webhook need not be subscribed to it, nor
// active: the point is to see what the receiver does.
func (s *Server) try(ctx context.Context, businessID, id int64, name string) (trial, error) {
	w, err := s.store.Webhook(ctx, businessID, id)
	if err != nil {
		return trial{}, err
	}
	d, _ := dialect.Lookup(w.Dialect)
	e, err := sampleIn(d, cmp.Or(name, event.MessageReceived), businessID, s.now())
	if err != nil {
		return trial{}, err
	}
	noteOf(ctx).about("webhook", id, w.Name)
	// What the attempt may take is the webhook's affair and not that of ordinary requests.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), trialTimeout)
	defer cancel()
	attempt, payload, err := s.courier.Try(ctx, w, e)
	if errors.Is(err, dialect.ErrNoShape) {
		return trial{}, invalid("event", "event_unspoken", "%s has no form in the dialect %s, which passes on what the platform sent and nothing else", e.Type, w.Dialect)
	}
	return trial{EventID: e.ID, Event: e.Type, Payload: payload, Attempt: attempt}, err
}

// sample is a sample event in the name of a business.
func sample(name string, businessID int64, now time.Time) (event.Event, error) {
	e, err := event.Sample(name, now)
	if errors.Is(err, event.ErrUnknownType) {
		return e, unknownEvent("event", name)
	}
	if err != nil {
		return e, err
	}
	return inNameOf(e, businessID)
}

// sampleIn is a sample that a dialect has a form for, where there is one. Raw dialects have none for some of the usual samples, but
// for a variant: of a changed order that of a payment, of which the platform told.
func sampleIn(d dialect.Dialect, name string, businessID int64, now time.Time) (event.Event, error) {
	e, err := sample(name, businessID, now)
	if err != nil || !d.Raw() || !d.Speaks(e.Type) {
		return e, err
	}
	if _, err := d.Render(nil, e); !errors.Is(err, dialect.ErrNoShape) {
		return e, nil
	}
	for _, v := range event.Samples(now) {
		if v.Type != e.Type {
			continue
		}
		if _, err := d.Render(nil, v.Event); err == nil {
			return inNameOf(v.Event, businessID)
		}
	}
	return e, nil
}

// inNameOf gives a sample to a business.
func inNameOf(e event.Event, businessID int64) (event.Event, error) {
	d, err := e.Decode()
	if err != nil {
		return e, err
	}
	key, _ := event.ParseID(e.ID)
	d.BusinessID = businessID
	return event.New(key, e.Type, d, e.Upstream, e.CreatedAt)
}
