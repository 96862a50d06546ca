package api

import (
	"context"
	"errors"
	"net/http"
	"strconv"
	"time"

	"github.com/gofiber/fiber/v2"

	"wabagate/fanout/event"
	"wabagate/models"
)

// Refuge is where callbacks are kept while the database is away.
type Refuge interface {
	// Len is how many groups of callbacks are there.
	Len(ctx context.Context) (int64, error)
}

func (s *Server) registerErasures(r fiber.Router) {
	r.Post("/contacts/:id<int>/erase", s.client(s.handleContactErase))
	r.Get("/erasures", s.client(s.handleErasureList))
}

// eraseBudget is how long one request erases; what is left goes on with the next.
const eraseBudget = 8 * time.Second

// The states of an erasure.
const (
	erasureRunning = "running"
	erasureDone    = "done"
)

// erasureNote says what an erasure does not reach.
const erasureNote = "Not covered: what was delivered to webhooks before, a delivery that was under way at that moment, backups of the database, what other customers wrote about the contact, " +
	"and WhatsApp itself. What was still owed to webhooks is skipped. A message from the same person, or a callback that WhatsApp sends again, after the erasure makes a new contact."

// receiptJSON says what was erased. It holds no personal data.
type receiptJSON struct {
	ID          int64            `json:"id"`
	ContactID   int64            `json:"contact_id"`
	State       string           `json:"state"` // running or done
	RequestedBy string           `json:"requested_by"`
	StartedAt   event.Time       `json:"started_at"`
	ErasedAt    *event.Time      `json:"erased_at"` // null while it runs
	Counts      map[string]int64 `json:"counts"`
	Note        string           `json:"note"`
}

func receiptView(e models.Erasure) receiptJSON {
	v := receiptJSON{ID: e.ID, ContactID: e.ContactID, State: erasureRunning, RequestedBy: e.RequestedBy, StartedAt: event.Time{Time: e.StartedAt}, ErasedAt: timeView(e.ErasedAt), Note: erasureNote,
		Counts: map[string]int64{}}
	if v.ErasedAt != nil {
		v.State = erasureDone
	}
	for _, kind := range []string{"contacts", "identities", "conversations", "events", "messages", "orders", "digests", "deliveries", "attempts", "callbacks", "inspections", "queue"} {
		v.Counts[kind] = e.Counts[kind] // tasks of the queue hold ids only: there is nothing to erase
	}
	return v
}

// handleContactErase erases a contact everywhere. 200 once it is done, 202 while there is more to do: the same request
// goes on with it.
func (s *Server) handleContactErase(c *fiber.Ctx, who caller) error {
	id, err := pathID(c, "id")
	if err != nil {
		return err
	}
	if o := parseObject(c.Request().Body()); o.err != nil {
		return o.err
	}
	e, err := s.erase(c.UserContext(), who, id, eraseBudget)
	if err != nil {
		return err
	}
	status := http.StatusOK
	if e.ErasedAt.IsZero() {
		status = http.StatusAccepted
	}
	return reply(c, status, map[string]receiptJSON{"receipt": receiptView(e)})
}

// erase erases a contact everywhere, or goes on with it, for about as long as the budget.
func (s *Server) erase(ctx context.Context, who caller, id int64, budget time.Duration) (models.Erasure, error) {
	if _, err := s.store.ContactByID(ctx, who.Business, id); err != nil {
		return models.Erasure{}, err
	}
	if s.refuge != nil {
		switch n, err := s.refuge.Len(ctx); {
		case err != nil:
			return models.Erasure{}, err
		case n > 0:
			return models.Erasure{}, &Error{Status: http.StatusConflict, Code: "callbacks_waiting", Message: "callbacks wait in Redis for the database; erase again in a moment", RetryAfter: 2 * time.Second}
		}
	}
	by := "key"
	if who.User != nil {
		by = "user " + strconv.FormatInt(who.User.ID, 10)
	}
	e, err := s.store.Erase(ctx, who.Business, id, by, budget)
	if errors.Is(err, models.ErrTranslating) {
		return e, &Error{Status: http.StatusConflict, Code: "callbacks_waiting", Message: "callbacks of this contact are still being translated; erase again in a moment", RetryAfter: 2 * time.Second}
	}
	if err == nil {
		s.log.Info("contact erased", "contact_id", e.ContactID, "erasure_id", e.ID, "done", !e.ErasedAt.IsZero())
	}
	return e, err
}

// erasureList is a page of receipts of erasures.
type erasureList struct {
	Erasures []receiptJSON `json:"erasures"`
	Next     string        `json:"next_cursor,omitempty"`
}

func (s *Server) handleErasureList(c *fiber.Ctx, who caller) error {
	before, limit, err := page(c.Query)
	if err != nil {
		return err
	}
	rows, err := s.store.Erasures(c.UserContext(), who.Business, before, limit+1)
	if err != nil {
		return err
	}
	rows, next := cut(rows, limit, func(e models.Erasure) int64 { return e.ID })
	return reply(c, http.StatusOK, erasureList{views(rows, receiptView), next})
}
