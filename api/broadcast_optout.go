package api

import (
	"context"
	"net/http"
	"strings"

	"github.com/gofiber/fiber/v2"

	"wabagate/fanout/event"
	"wabagate/models"
)

func (s *Server) registerOptOuts(r fiber.Router) {
	r.Get("/opt-outs", s.client(s.handleOptOutList))
	r.Post("/opt-outs", s.client(s.handleOptOutAdd))
	r.Delete("/opt-outs", s.client(s.handleOptOutRemove))
}

// maxWhy bounds the reason of an opt-out.
const maxWhy = 200

// optOutJSON is a name under which somebody wants no broadcasts.
type optOutJSON struct {
	ID     int64      `json:"id"`
	WaID   string     `json:"wa_id,omitempty"` // a number; either this or a business-scoped user id
	UserID string     `json:"user_id,omitempty"`
	Since  event.Time `json:"since"`
	Why    string     `json:"why"`
}

func optOutView(o models.OptOut) optOutJSON {
	return optOutJSON{ID: o.ID, WaID: o.WaID, UserID: o.UserID, Since: event.Time{Time: o.Since}, Why: o.Why}
}

// namedOptOut is the opt-out of a number, a user id or both.
func namedOptOut(business int64, waID, userID string, required bool) (models.OptOut, error) {
	o := models.OptOut{BusinessID: business, WaID: digitsOf(waID), UserID: strings.Clone(strings.TrimSpace(userID))}
	switch {
	case required && strings.TrimSpace(waID) == "" && o.UserID == "":
		return o, invalid("wa_id", codeRequired, "is required, or user_id: who wants no broadcasts")
	case waID != "" && (len(o.WaID) < 5 || len(o.WaID) > 15):
		return o, invalid("wa_id", codeInvalid, "must be a phone number with country code, such as 15550177321")
	}
	return o, checkText("user_id", o.UserID, false, maxUserID)
}

// optOutList is a page of opt-outs.
type optOutList struct {
	OptOuts []optOutJSON `json:"opt_outs"`
	Next    string       `json:"next_cursor,omitempty"`
}

func (s *Server) handleOptOutList(c *fiber.Ctx, who caller) error {
	before, limit, err := page(c.Query)
	if err != nil {
		return err
	}
	name, err := namedOptOut(who.Business, c.Query("wa_id"), c.Query("user_id"), false)
	if err != nil {
		return err
	}
	rows, err := s.store.OptOuts(c.UserContext(), who.Business, name, before, limit+1)
	if err != nil {
		return err
	}
	rows, next := cut(rows, limit, func(o models.OptOut) int64 { return o.ID })
	return reply(c, http.StatusOK, optOutList{views(rows, optOutView), next})
}

// optOutAdded says that somebody gets no broadcasts any more.
type optOutAdded struct {
	Message string `json:"message"`
	Added   int64  `json:"added"` // names; 0: they were there
}

// handleOptOutAdd keeps that somebody wants no broadcasts from the business. What is kept already stays as it is.
func (s *Server) handleOptOutAdd(c *fiber.Ctx, who caller) error {
	added, err := s.addOptOut(c.UserContext(), who.Business, c.Request().Body())
	if err != nil {
		return err
	}
	return reply(c, http.StatusOK, optOutAdded{"Opt-out kept.", added})
}

// addOptOut keeps what a body says, and answers how many names are new.
func (s *Server) addOptOut(ctx context.Context, businessID int64, body []byte) (added int64, err error) {
	o := parseObject(body, "wa_id", "user_id", "since", "why")
	waID, userID := member[string](o, "wa_id", "text: a phone number"), member[string](o, "user_id", "text")
	since, why := member[string](o, "since", "text: a time such as 2026-11-21T10:00:00Z"), member[string](o, "why", "text")
	if o.err != nil {
		return 0, o.err
	}
	out, err := namedOptOut(businessID, waID.value, userID.value, true)
	if err != nil {
		return 0, err
	}
	if out.Since, err = moment("since", since.value); err != nil {
		return 0, err
	}
	if out.Since.IsZero() {
		out.Since = s.now()
	}
	if out.Why = strings.TrimSpace(why.value); out.Why == "" {
		out.Why = "entered by the business"
	}
	if err := checkText("why", out.Why, true, maxWhy); err != nil {
		return 0, err
	}
	return s.store.AddOptOuts(ctx, out)
}

// handleOptOutRemove forgets an opt-out, whoever made it.
func (s *Server) handleOptOutRemove(c *fiber.Ctx, who caller) error {
	if err := s.removeOptOut(c.UserContext(), who.Business, c.Query("wa_id"), c.Query("user_id")); err != nil {
		return err
	}
	return reply(c, http.StatusOK, message{"Opt-out removed."})
}

func (s *Server) removeOptOut(ctx context.Context, businessID int64, waID, userID string) error {
	o, err := namedOptOut(businessID, waID, userID, true)
	if err != nil {
		return err
	}
	removed, err := s.store.RemoveOptOut(ctx, o)
	if err == nil && removed == 0 {
		err = models.ErrNotFound
	}
	return err
}
