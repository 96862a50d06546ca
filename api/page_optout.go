package api

import (
	"net/url"
	"strings"

	"github.com/gofiber/fiber/v2"

	"wabagate/api/dashboard"
	"wabagate/models"
)

func (s *Server) pageOptOuts(c *fiber.Ctx, who caller) error {
	return s.showOptOuts(c, who, typedForm{})
}

func (s *Server) submitOptOutNew(c *fiber.Ctx, who caller) error {
	in := readForm(c, "wa_id", "user_id", "why")
	added, err := s.addOptOut(c.UserContext(), who.Business, in.body([]string{"wa_id", "user_id", "why"}, nil, nil))
	if err != nil {
		if err := in.refuse(err); err != nil {
			return err
		}
		return s.showOptOuts(c, who, in)
	}
	if added == 0 {
		return back(c, "/opt-outs", "opted-out-already")
	}
	return back(c, "/opt-outs", "opt-out-added")
}

func (s *Server) submitOptOutRemove(c *fiber.Ctx, who caller) error {
	if err := s.removeOptOut(c.UserContext(), who.Business, c.FormValue("wa_id"), c.FormValue("user_id")); err != nil {
		return err
	}
	return back(c, "/opt-outs", "opt-out-removed")
}

// showOptOuts draws the list, with the form as it is filled in.
func (s *Server) showOptOuts(c *fiber.Ctx, who caller, in typedForm) error {
	before, limit, err := page(c.Query)
	if err != nil {
		return err
	}
	asked := strings.TrimSpace(strings.Clone(c.Query("who")))
	name := models.OptOut{BusinessID: who.Business}
	if digits := digitsOf(asked); len(digits) >= 5 && !strings.ContainsFunc(asked, isLetter) {
		name.WaID = digits
	} else if asked != "" {
		name.UserID = asked
	}
	rows, err := s.store.OptOuts(c.UserContext(), who.Business, name, before, limit+1)
	if err != nil {
		return err
	}
	rows, next := cut(rows, limit, func(o models.OptOut) int64 { return o.ID })
	narrowed := url.Values{}
	if asked != "" {
		narrowed.Set("who", asked)
	}
	view := dashboard.OptOuts{Shell: shell(who, "Opt-outs"), Above: []dashboard.Crumb{{Label: "Broadcasts", Path: "/broadcasts"}}, Pager: pagerOf("/opt-outs", narrowed, before > 0, next),
		Search: dashboard.Field{Name: "who", Label: "Number or user id", Value: asked, Placeholder: "966500000001", Max: maxUserID}}
	for _, o := range rows {
		view.Items = append(view.Items, dashboard.OptOutName{WaID: o.WaID, UserID: o.UserID, Since: dashboard.NewWhen(o.Since, s.now()), Why: o.Why})
	}
	view.Fields = in.fields(dashboard.Field{Name: "wa_id", Label: "Number", Placeholder: "966500000001", Hint: "With its country code."},
		dashboard.Field{Name: "user_id", Label: "Or user id", Hint: "Where WhatsApp gave one instead of a number.", Max: maxUserID},
		dashboard.Field{Name: "why", Label: "Why", Placeholder: "asked on the phone", Max: maxWhy})
	view.Error = in.general(view.Fields)
	return s.render(c, in.status(), view)
}

func isLetter(r rune) bool { return r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' }
