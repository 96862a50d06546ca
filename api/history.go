package api

import (
	"context"
	"fmt"
	"net/http"
	"strconv"
	"strings"

	"github.com/gofiber/fiber/v2"

	"wabagate/models"
)

// writePlace gives a place in a business's deliveries its public form; empty is the end.
func writePlace(p models.DeliveryPlace) string {
	if p == (models.DeliveryPlace{}) {
		return ""
	}
	return fmt.Sprintf("%d.%d", p.EventID, p.WebhookID)
}

// parsePlace reads what writePlace wrote; empty is the beginning.
func parsePlace(text string) (p models.DeliveryPlace, err error) {
	if text == "" {
		return p, nil
	}
	first, second, two := strings.Cut(text, ".")
	var err1, err2 error
	p.EventID, err1 = strconv.ParseInt(first, 10, 64)
	p.WebhookID, err2 = strconv.ParseInt(second, 10, 64)
	if !two || err1 != nil || err2 != nil || p.EventID <= 0 || p.WebhookID < 0 {
		return models.DeliveryPlace{}, invalid("cursor", codeInvalid, "is not one that a list gave out")
	}
	return p, nil
}

// parseHistory reads what a business's history is asked for. query reads one parameter.
func parseHistory(query func(key string, defaults ...string) string) (f models.HistoryFilter, err error) {
	one, err := parseDeliveryFilter(func(key string, defaults ...string) string {
		if key == "cursor" { // which is another one here
			return ""
		}
		return query(key, defaults...)
	})
	f = models.HistoryFilter{State: one.State, Retrying: one.Retrying, Types: one.Types, From: one.From, To: one.To, Limit: one.Limit}
	if err == nil {
		f.WebhookID, err = queryID("webhook_id", query("webhook_id"))
	}
	if err == nil {
		f.After, err = parsePlace(query("cursor"))
	}
	text := strings.TrimSpace(strings.Clone(query("q")))
	if err != nil || text == "" {
		return f, err
	}
	if err := checkText("q", text, true, maxSearch); err != nil {
		return f, err
	}
	search, err := parseSearch("q", text)
	f.Search = &search
	return f, err
}

// historyPage is a page of deliveries. One with a next_cursor may hold fewer than were asked for, or none: what a request
// reads of deliveries that do not match is bounded.
type historyPage struct {
	Deliveries []deliveryJSON `json:"deliveries"`
	Next       string         `json:"next_cursor,omitempty"`
}

func (s *Server) handleHistory(c *fiber.Ctx, who caller) error {
	f, err := parseHistory(c.Query)
	if err != nil {
		return err
	}
	if f.WebhookID != 0 {
		if _, err := s.store.Webhook(c.UserContext(), who.Business, f.WebhookID); err != nil {
			return err
		}
	}
	page, err := s.history(c.UserContext(), who.Business, f)
	if err != nil {
		return err
	}
	return reply(c, http.StatusOK, historyPage{views(page.Rows, deliveryView), writePlace(page.Next)})
}

// history reads a page of a business's deliveries. What looks like a user id may as well be a wamid of another spelling.
func (s *Server) history(ctx context.Context, businessID int64, f models.HistoryFilter) (models.HistoryPage, error) {
	page, err := s.store.BusinessDeliveries(ctx, businessID, f)
	if err == nil && len(page.Rows) == 0 && page.Next == (models.DeliveryPlace{}) && f.Search != nil && f.Search.UserID != "" {
		f.Search = &models.EventSearch{Wamid: f.Search.UserID}
		return s.store.BusinessDeliveries(ctx, businessID, f)
	}
	return page, err
}
