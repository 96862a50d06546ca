package api

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"slices"
	"strings"

	"github.com/gofiber/fiber/v2"

	"wabagate/fanout/event"
	"wabagate/models"
)

func (s *Server) registerOrders(r fiber.Router) {
	r.Get("/orders", s.client(s.handleOrderList))
	r.Get("/orders/:id<int>", s.client(s.handleOrderGet))
	r.Put("/orders/:id<int>", s.client(s.handleOrderUpdate))
}

// maxReference is the most characters that a reference of a business may have.
const maxReference = 100

// orderStatuses are those that an order can be given: pending, and the ones that order_status messages know.
func orderStatuses() []string {
	return []string{"pending", "accepted", "processing", "partially_shipped", "shipped", "completed", "canceled"}
}

// orderJSON is a cart that a customer sent, or what a business asked to be paid for.
type orderJSON struct {
	ID             int64           `json:"id"`
	Reference      string          `json:"reference"`
	MessageID      string          `json:"message_id"` // the wamid of the cart
	NumberID       int64           `json:"number_id"`
	ConversationID int64           `json:"conversation_id"`
	Status         string          `json:"status"`
	PaymentStatus  string          `json:"payment_status"`
	CatalogID      string          `json:"catalog_id"`
	Text           string          `json:"text"`
	Items          json.RawMessage `json:"items"` // as they came; null: none
	Total          float64         `json:"total"`
	Currency       string          `json:"currency"`
	Payment        json.RawMessage `json:"payment"` // the platform's payment object; null: none
	CreatedAt      event.Time      `json:"created_at"`
	UpdatedAt      event.Time      `json:"updated_at"`
}

func orderView(o models.Order) orderJSON {
	return orderJSON{ID: o.ID, Reference: o.Reference, MessageID: o.Wamid, NumberID: o.NumberID, ConversationID: o.ConversationID, Status: o.Status,
		PaymentStatus: o.PaymentStatus, CatalogID: o.CatalogID, Text: o.Text, Items: o.Items, Total: o.Total, Currency: o.Currency, Payment: o.Payment,
		CreatedAt: event.Time{Time: o.CreatedAt}, UpdatedAt: event.Time{Time: o.UpdatedAt}}
}

// parseOrderFilter reads what a list is asked for. query reads one parameter.
func parseOrderFilter(query func(key string, defaults ...string) string) (f models.OrderFilter, err error) {
	f.Status = strings.Clone(query("status"))
	if f.Status != "" && !slices.Contains(orderStatuses(), f.Status) {
		return f, invalid("status", codeInvalid, "must be one of %s", strings.Join(orderStatuses(), ", "))
	}
	f.Before, f.Limit, err = page(query)
	return f, err
}

// orders are a page of a business's orders, and the cursor of the next.
func (s *Server) orders(ctx context.Context, businessID int64, f models.OrderFilter) ([]models.Order, string, error) {
	limit := f.Limit
	f.Limit++
	rows, err := s.store.ListOrders(ctx, businessID, f)
	rows, next := cut(rows, limit, func(o models.Order) int64 { return o.ID })
	return rows, next, err
}

// orderList is a page of orders.
type orderList struct {
	Orders []orderJSON `json:"orders"`
	Next   string      `json:"next_cursor,omitempty"`
}

func (s *Server) handleOrderList(c *fiber.Ctx, who caller) error {
	f, err := parseOrderFilter(c.Query)
	if err != nil {
		return err
	}
	rows, next, err := s.orders(c.UserContext(), who.Business, f)
	if err != nil {
		return err
	}
	return reply(c, http.StatusOK, orderList{views(rows, orderView), next})
}

func (s *Server) handleOrderGet(c *fiber.Ctx, who caller) error {
	id, err := pathID(c, "id")
	if err != nil {
		return err
	}
	order, err := s.store.OrderByID(c.UserContext(), who.Business, id)
	if err != nil {
		return err
	}
	return reply(c, http.StatusOK, map[string]orderJSON{"order": orderView(order)})
}

// orderChange is what a request says about an order. What is not given stays as it is.
type orderChange struct{ status, reference maybe[string] }

func parseOrder(body []byte) (orderChange, error) {
	o := parseObject(body, "status", "reference")
	ch := orderChange{status: member[string](o, "status", "text"), reference: member[string](o, "reference", "text, or null for none")}
	if o.err != nil {
		return ch, o.err
	}
	return ch, ch.check()
}

func (ch *orderChange) check() error {
	if ch.status.given && !slices.Contains(orderStatuses(), ch.status.value) {
		return invalid("status", codeInvalid, "must be one of %s", strings.Join(orderStatuses(), ", "))
	}
	ch.reference.value = strings.TrimSpace(ch.reference.value)
	return checkText("reference", ch.reference.value, false, maxReference)
}

func (ch orderChange) apply(o *models.Order) {
	if ch.status.given {
		o.Status = ch.status.value
	}
	if ch.reference.given {
		o.Reference = ch.reference.value
	}
}

// setOrder changes an order, and tells webhooks of it.
func (s *Server) setOrder(ctx context.Context, businessID, id int64, ch orderChange) (models.Order, error) {
	order, err := s.recorder.SetOrder(ctx, businessID, id, func(o *models.Order) error {
		ch.apply(o)
		return nil
	})
	if errors.Is(err, models.ErrConflict) {
		return order, &Error{Status: http.StatusConflict, Code: "conflict", Message: "another order of this number has this reference", Field: "reference"}
	}
	return order, err
}

// orderUpdated is an order after a change.
type orderUpdated struct {
	Message string    `json:"message"`
	Order   orderJSON `json:"order"`
}

func (s *Server) handleOrderUpdate(c *fiber.Ctx, who caller) error {
	id, err := pathID(c, "id")
	if err != nil {
		return err
	}
	// Whether it is there comes before what is wrong with the request.
	if _, err := s.store.OrderByID(c.UserContext(), who.Business, id); err != nil {
		return err
	}
	ch, err := parseOrder(c.Request().Body())
	if err != nil {
		return err
	}
	order, err := s.setOrder(c.UserContext(), who.Business, id, ch)
	if err != nil {
		return err
	}
	return reply(c, http.StatusOK, orderUpdated{"Order updated.", orderView(order)})
}
