package api

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/gofiber/fiber/v2"

	"wabagate/fanout"
	"wabagate/fanout/deliver"
	"wabagate/fanout/dialect"
	"wabagate/fanout/event"
	"wabagate/fanout/signature"
	"wabagate/models"
)

func (s *Server) registerWebhooks(r fiber.Router) {
	r.Get("/webhooks", s.client(s.handleWebhookList))
	r.Post("/webhooks", s.client(s.handleWebhookCreate))
	r.Get("/webhooks/:id<int>", s.client(s.handleWebhookGet))
	r.Put("/webhooks/:id<int>", s.client(s.handleWebhookUpdate))
	r.Delete("/webhooks/:id<int>", s.client(s.handleWebhookDelete))
}

// webhookJSON is a webhook as lists show it. The first eight members are those of TwaBot's page, in its order.
type webhookJSON struct {
	ID              int64       `json:"id"`
	Name            string      `json:"name"`
	URL             string      `json:"url"`
	Events          []string    `json:"events"`
	IsActive        int         `json:"is_active"`
	LastTriggeredAt *event.Time `json:"last_triggered_at"`
	FailCount       int64       `json:"fail_count"`
	CreatedAt       event.Time  `json:"created_at"`

	Description string `json:"description"`
	NumberID    *int64 `json:"number_id"` // null: all numbers
	Dialect     string `json:"dialect"`
	RateLimit   int    `json:"rate_limit"` // 0: none
	// RetrySchedule is in seconds; null is the dialect's, an empty list is none.
	RetrySchedule []int64 `json:"retry_schedule"`
	Timeout       int64   `json:"timeout"` // seconds
	// Headers shows names; a value never leaves again.
	Headers        map[string]models.Secret `json:"headers"`
	DisabledReason string                   `json:"disabled_reason"`
	Filter         json.RawMessage          `json:"filter"`   // null: every event of the chosen types
	Verified       *bool                    `json:"verified"` // null where the dialect has no challenge
	VerifyReason   string                   `json:"verify_reason"`

	// DisabledBy is owner, receiver (it answered 410) or failures; empty while the webhook is on.
	DisabledBy string      `json:"disabled_by"`
	DisabledAt *event.Time `json:"disabled_at"` // null while it is on
	// CatchingUp says that a job is delivering what was held; new events follow it.
	CatchingUp bool `json:"catching_up"`
	// FailingSince is the first failure since the last success; null: it does not fail.
	FailingSince *event.Time `json:"failing_since"`

	Ordering          string           `json:"ordering"`
	Auth              *authJSON        `json:"auth"`
	ClientCertificate *certificateJSON `json:"client_certificate"`
}

func webhookView(w models.Webhook) webhookJSON {
	v := webhookJSON{ID: w.ID, Name: w.Name, URL: w.URL, Events: w.Events, FailCount: w.Health.FailCount, CreatedAt: event.Time{Time: w.CreatedAt},
		Description: w.Description, NumberID: w.NumberID, Dialect: w.Dialect, RateLimit: w.RateLimit, RetrySchedule: inSeconds(w.RetrySchedule),
		Timeout: int64(timeoutOf(w) / time.Second), Headers: map[string]models.Secret{}, DisabledReason: w.DisabledReason,
		Filter: w.Filter, VerifyReason: w.VerifyReason,
		Ordering: cmp.Or(w.Ordering, models.OrderNone), Auth: authView(w.Auth), ClientCertificate: certificateView(w.Auth)}
	if w.Active {
		v.IsActive = 1
	}
	if !w.Health.LastTriggeredAt.IsZero() {
		v.LastTriggeredAt = &event.Time{Time: w.Health.LastTriggeredAt}
	}
	for name := range w.Headers {
		v.Headers[name] = ""
	}
	if mustVerify(w) {
		v.Verified = &w.Verified
	}
	v.DisabledBy, v.CatchingUp = string(w.DisabledBy), w.CatchingUp
	if !w.DisabledAt.IsZero() {
		v.DisabledAt = &event.Time{Time: w.DisabledAt}
	}
	if !w.Health.FailingSince.IsZero() {
		v.FailingSince = &event.Time{Time: w.Health.FailingSince}
	}
	return v
}

// timeoutOf is how long an attempt may take: the webhook's own limit or its dialect's.
func timeoutOf(w models.Webhook) time.Duration {
	if w.Timeout > 0 {
		return w.Timeout
	}
	d, _ := dialect.Lookup(w.Dialect)
	return d.Manners.Timeout
}

func inSeconds(ds []time.Duration) []int64 {
	if ds == nil {
		return nil
	}
	seconds := make([]int64, len(ds))
	for i, d := range ds {
		seconds[i] = int64(d / time.Second)
	}
	return seconds
}

// webhooksPage is how many webhooks a list holds.
const webhooksPage = 100

// webhookList is a page of webhooks.
type webhookList struct {
	Webhooks []webhookJSON `json:"webhooks"`
	Next     string        `json:"next_cursor,omitempty"`
}

func (s *Server) handleWebhookList(c *fiber.Ctx, who caller) error {
	after, err := cursor(c.Query("cursor"))
	if err != nil {
		return err
	}
	limit, err := number("limit", c.Query("limit"), webhooksPage, 1, 200)
	if err != nil {
		return err
	}
	ws, next, err := s.webhooks(c.UserContext(), who.Business, after, limit)
	if err != nil {
		return err
	}
	list := webhookList{Webhooks: make([]webhookJSON, len(ws)), Next: next}
	for i, w := range ws {
		list.Webhooks[i] = webhookView(w)
	}
	return reply(c, http.StatusOK, list)
}

// webhooks reads one page of a business's webhooks and the cursor of the next, empty on the last.
func (s *Server) webhooks(ctx context.Context, businessID, after int64, limit int) (ws []models.Webhook, next string, err error) {
	ws, err = s.store.Webhooks(ctx, businessID, after, limit+1)
	if err != nil || len(ws) <= limit {
		return ws, "", err
	}
	return ws[:limit], strconv.FormatInt(ws[limit-1].ID, 10), nil
}

// webhookCreated is a new webhook's id and secret, and what its receiver answered to the challenge of a dialect that has one.
type webhookCreated struct {
	ID      int64  `json:"id"`
	Message string `json:"message"`
	Secret  string `json:"secret,omitempty"`
	*verdictJSON
}

func (s *Server) handleWebhookCreate(c *fiber.Ctx, who caller) error {
	ch, err := parseWebhook(c.Request().Body())
	if err != nil {
		return err
	}
	w, asked, err := s.createWebhook(c.UserContext(), who.Business, ch)
	if err != nil {
		return err
	}
	created := webhookCreated{w.ID, "Webhook created." + asked.hint(w.ID), w.Secret.Text(), asked.view()}
	return reply(c, http.StatusCreated, created)
}

// createWebhook keeps a new webhook, verified or not. The verification is nil when its dialect wants none.
func (s *Server) createWebhook(ctx context.Context, businessID int64, ch webhookChange) (models.Webhook, *verification, error) {
	w, err := ch.newWebhook(businessID, func() string { return signature.NewRandomSecret().Text() })
	if err != nil {
		return w, nil, err
	}
	if err := s.lookAround(ctx, models.Webhook{BusinessID: businessID}, ch); err != nil {
		return w, nil, err
	}
	unproven(models.Webhook{}, &w)
	if w, err = s.store.CreateWebhook(ctx, w); err != nil {
		return w, nil, err
	}
	noteOf(ctx).about("webhook", w.ID, w.Name).changed("url", nil, bareURL(w.URL))
	s.refresh(ctx)
	if !mustVerify(w) {
		return w, nil, nil
	}
	return w, s.challenge(ctx, w), nil
}

// lookAround judges what a change says about the world: where the URL leads, whose the number is, and whether a new
// certificate has ended.
func (s *Server) lookAround(ctx context.Context, before models.Webhook, ch webhookChange) error {
	if ch.certificate.value.certificate != before.Auth.Certificate {
		if err := ch.certificate.value.checkAge(s.now()); err != nil {
			return err
		}
	}
	if ch.url.given {
		if err := s.guard.CheckURL(ctx, strings.TrimSpace(ch.url.value)); err != nil {
			if errors.Is(err, deliver.ErrForbidden) {
				return invalid("url", "url_forbidden", "leads to a place that webhooks may not reach: %s", err)
			}
			return invalid("url", codeInvalid, "%s", err)
		}
	}
	if ch.number.given && !ch.number.null {
		ns, err := s.store.Numbers(ctx, before.BusinessID)
		if err != nil {
			return err
		}
		if !owns(ns, ch.number.value) {
			return invalid("number_id", codeInvalid, "is not one of your numbers")
		}
	}
	return nil
}

func (s *Server) handleWebhookGet(c *fiber.Ctx, who caller) error {
	id, err := pathID(c, "id")
	if err != nil {
		return err
	}
	w, err := s.store.Webhook(c.UserContext(), who.Business, id)
	if err != nil {
		return err
	}
	return reply(c, http.StatusOK, map[string]webhookJSON{"webhook": webhookView(w)})
}

// webhookUpdated says what was done to a webhook, and what its receiver answered where it was challenged anew.
type webhookUpdated struct {
	Message string `json:"message"`
	*verdictJSON
}

func (s *Server) handleWebhookUpdate(c *fiber.Ctx, who caller) error {
	id, err := pathID(c, "id")
	if err != nil {
		return err
	}
	ch, err := parseWebhook(c.Request().Body())
	if err != nil {
		return err
	}
	_, asked, err := s.updateWebhook(c.UserContext(), who.Business, id, ch)
	if err != nil {
		return err
	}
	kept, err := s.heldHint(c.UserContext(), id, ch)
	if err != nil {
		return err
	}
	updated := webhookUpdated{"Webhook updated." + asked.hint(id) + kept, asked.view()}
	return reply(c, http.StatusOK, updated)
}

// updateWebhook changes a webhook, and challenges its receiver where the change calls for it.
func (s *Server) updateWebhook(ctx context.Context, businessID, id int64, ch webhookChange) (models.Webhook, *verification, error) {
	// Whether it is there comes before what is wrong with the request, and the look around before the transaction.
	w, err := s.store.Webhook(ctx, businessID, id)
	if err != nil {
		return w, nil, err
	}
	changed := w
	if err := ch.apply(&changed); err != nil {
		return w, nil, err
	}
	if err := s.lookAround(ctx, w, ch); err != nil {
		return w, nil, err
	}
	var ask bool
	var was models.Webhook
	w, err = s.store.UpdateWebhook(ctx, businessID, id, func(kept *models.Webhook) error {
		before := *kept
		if err := ch.apply(kept); err != nil {
			return err
		}
		unproven(before, kept)
		ask, was = asksAgain(before, *kept), before
		return nil
	})
	if err != nil {
		return w, nil, err
	}
	noteOf(ctx).webhook(was, w)
	s.refresh(ctx)
	if was.Active && !w.Active {
		s.tellOff(ctx, w)
	}
	if !ask {
		return w, nil, nil
	}
	return w, s.challenge(ctx, w), nil
}

// tellOff tells the business's other webhooks that its owner switched one off.
func (s *Server) tellOff(ctx context.Context, w models.Webhook) {
	news := fanout.Operation{Type: event.WebhookDisabled, Webhook: w, Key: w.DisabledAt.UTC().Format(time.RFC3339Nano), At: s.now(),
		Reason: "Its owner switched it off; deliveries are kept until it is switched on again."}
	if err := s.recorder.Tell(ctx, news); err != nil {
		s.log.Warn("nobody was told that a webhook is off", "webhook_id", w.ID, "error", err)
	}
}

// heldHint tells whoever switches a webhook on what is kept for it; empty when there is nothing to tell.
func (s *Server) heldHint(ctx context.Context, id int64, ch webhookChange) (string, error) {
	if !ch.active.given || !bool(ch.active.value) {
		return "", nil
	}
	n, err := s.store.CountHeld(ctx, id)
	if err != nil || n.N == 0 {
		return "", err
	}
	return fmt.Sprintf(" Held while it was off: %d. POST /api/client/webhooks/%d/catch-up delivers them (from gap), or gives them up (from now).", n.N, id), nil
}

func (s *Server) handleWebhookDelete(c *fiber.Ctx, who caller) error {
	id, err := pathID(c, "id")
	if err != nil {
		return err
	}
	if err := s.deleteWebhook(c.UserContext(), who.Business, id); err != nil {
		return err
	}
	return reply(c, http.StatusOK, message{"Webhook deleted."})
}

func (s *Server) deleteWebhook(ctx context.Context, businessID, id int64) error {
	w, err := s.store.Webhook(ctx, businessID, id)
	if err != nil {
		return err
	}
	if err := s.store.DeleteWebhook(ctx, businessID, id); err != nil {
		return err
	}
	noteOf(ctx).about("webhook", id, w.Name).changed("url", bareURL(w.URL), nil)
	s.refresh(ctx)
	return nil
}
