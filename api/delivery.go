package api

import (
	"context"
	"fmt"
	"net/http"
	"strconv"
	"strings"

	"github.com/gofiber/fiber/v2"

	"wabagate/fanout/event"
	"wabagate/models"
)

func (s *Server) registerDeliveries(r fiber.Router) {
	r.Get("/webhooks/:id<int>/deliveries", s.client(s.handleDeliveryList))
	r.Get("/deliveries", s.client(s.handleHistory))
	r.Get("/deliveries/:id", s.client(s.handleDeliveryGet))
	r.Post("/deliveries/:id/resend", s.client(s.handleDeliveryResend))
}

// deliveryID is the public name of a delivery: the event's number and the webhook.
type deliveryID struct{ event, webhook int64 }

func (d deliveryID) String() string { return fmt.Sprintf("dlv_%d_%d", d.event, d.webhook) }

// parseDeliveryID reads what String wrote, and nothing else: a delivery has one name.
func parseDeliveryID(text string) (deliveryID, bool) {
	rest, ok := strings.CutPrefix(text, "dlv_")
	first, second, two := strings.Cut(rest, "_")
	if !ok || !two {
		return deliveryID{}, false
	}
	e, err1 := strconv.ParseInt(first, 10, 64)
	w, err2 := strconv.ParseInt(second, 10, 64)
	d := deliveryID{e, w}
	return d, err1 == nil && err2 == nil && e > 0 && w > 0 && d.String() == text
}

// pathDelivery reads a delivery's name from the path.
func pathDelivery(c *fiber.Ctx) (deliveryID, error) {
	id, ok := parseDeliveryID(c.Params("id"))
	if !ok {
		return id, ofStatus(http.StatusNotFound)
	}
	return id, nil
}

// statusOf is the word for where a delivery stands.
func statusOf(state models.DeliveryState, attempts int) string {
	switch {
	case state == models.Succeeded:
		return "succeeded"
	case state == models.Failed:
		return "failed"
	case state == models.Held:
		return "held"
	case state == models.Skipped:
		return "skipped"
	case attempts > 0:
		return "retrying"
	}
	return "pending"
}

// narrow puts a status into a filter. Pending is everything that is still owed, what is being retried included.
func narrow(f *models.DeliveryFilter, status string) error {
	state := models.Pending
	switch status {
	case "":
		return nil
	case "succeeded":
		state = models.Succeeded
	case "failed":
		state = models.Failed
	case "held":
		state = models.Held
	case "skipped":
		state = models.Skipped
	case "pending":
	case "retrying":
		f.Retrying = true
	default:
		return invalid("status", codeInvalid, "must be succeeded, failed, pending, retrying, held or skipped")
	}
	f.State = &state
	return nil
}

// eventTypes are the types that a filter such as "message.incoming,order.*" stands for; nil is all.
func eventTypes(filter string) ([]string, error) {
	var types []string
	for name := range strings.SplitSeq(filter, ",") {
		name = strings.TrimSpace(name)
		if name == "" {
			continue
		}
		canonical, ok := event.Resolve(name)
		switch {
		case !ok:
			return nil, unknownEvent("event", name)
		case canonical == "*":
			return nil, nil
		}
		set := event.NewSet([]string{canonical})
		for _, t := range event.Catalogue() {
			if set.Has(t.Name) {
				types = append(types, t.Name)
			}
		}
	}
	return types, nil
}

// parseDeliveryFilter reads what a list is asked for. query reads one parameter.
func parseDeliveryFilter(query func(key string, defaults ...string) string) (models.DeliveryFilter, error) {
	var f models.DeliveryFilter
	err := narrow(&f, query("status"))
	if err == nil {
		f.Types, err = eventTypes(query("event"))
	}
	if err == nil {
		f.From, err = moment("from", query("from"))
	}
	if err == nil {
		f.To, err = moment("to", query("to"))
	}
	if err == nil {
		f.Before, err = cursor(query("cursor"))
	}
	if err == nil {
		f.Limit, err = number("limit", query("limit"), 50, 1, 200)
	}
	return f, err
}

// deliveryJSON is a delivery as lists show it.
type deliveryJSON struct {
	ID             string      `json:"id"`
	EventID        string      `json:"event_id"`
	Event          string      `json:"event"`
	WebhookID      int64       `json:"webhook_id"`
	Status         string      `json:"status"`
	Attempts       int         `json:"attempts"`
	NextAttemptAt  *event.Time `json:"next_attempt_at"` // null when none is planned
	CreatedAt      event.Time  `json:"created_at"`
	LastStatusCode *int        `json:"last_status_code"`
	LastReason     *string     `json:"last_reason"`
	LatencyMS      *int64      `json:"latency_ms"`
	LastAttemptAt  *event.Time `json:"last_attempt_at"`
}

func deliveryView(r models.DeliveryRow) deliveryJSON {
	v := deliveryJSON{ID: deliveryID{r.EventID, r.WebhookID}.String(), EventID: publicEventID(r.Key), Event: r.Type, WebhookID: r.WebhookID,
		Status: statusOf(r.State, r.Attempts), Attempts: r.Attempts, CreatedAt: event.Time{Time: r.CreatedAt}, LastStatusCode: r.LastStatus, LastReason: r.LastReason}
	if r.State == models.Pending {
		v.NextAttemptAt = &event.Time{Time: r.DueAt}
	}
	if r.LastUS != nil {
		ms := *r.LastUS / 1000
		v.LatencyMS = &ms
	}
	if r.LastAt != nil {
		v.LastAttemptAt = &event.Time{Time: *r.LastAt}
	}
	return v
}

func publicEventID(key []byte) string {
	var k event.Key
	copy(k[:], key)
	return k.EventID()
}

func (s *Server) handleDeliveryList(c *fiber.Ctx, who caller) error {
	id, err := pathID(c, "id")
	if err != nil {
		return err
	}
	f, err := parseDeliveryFilter(c.Query)
	if err != nil {
		return err
	}
	// The webhook says whose the deliveries are.
	if _, err := s.store.Webhook(c.UserContext(), who.Business, id); err != nil {
		return err
	}
	rows, next, err := s.deliveries(c.UserContext(), id, f)
	if err != nil {
		return err
	}
	list := historyPage{Deliveries: make([]deliveryJSON, len(rows)), Next: next}
	for i, r := range rows {
		list.Deliveries[i] = deliveryView(r)
	}
	return reply(c, http.StatusOK, list)
}

// deliveries reads one page and the cursor of the next. A full page has a next one, which may turn out empty.
func (s *Server) deliveries(ctx context.Context, webhookID int64, f models.DeliveryFilter) (rows []models.DeliveryRow, next string, err error) {
	rows, err = s.store.Deliveries(ctx, webhookID, f)
	if err == nil && len(rows) > 0 && len(rows) == f.Limit {
		next = strconv.FormatInt(rows[len(rows)-1].EventID, 10)
	}
	return rows, next, err
}
