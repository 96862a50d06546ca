package api

import (
	"net/http"
	"strings"

	"github.com/gofiber/fiber/v2"

	"wabagate/api/dashboard"
	"wabagate/models"
)

// pageJoin is what an invitation's link opens, for somebody who is no user yet.
func (s *Server) pageJoin(c *fiber.Ctx) error { return s.showJoin(c, readForm(c, "name", "password")) }

// showJoin draws it, with what is wrong with the form if it came back.
func (s *Server) showJoin(c *fiber.Ctx, form typedForm) error {
	view := dashboard.Joining{Shell: gateShell(c, "Join"), Action: "/invitations/" + strings.Clone(c.Params("token"))}
	in, b, err := s.invitation(c, models.Secret(strings.Clone(c.Params("token"))))
	if err != nil {
		e := public(err)
		if e == nil || e.Status == http.StatusTooManyRequests {
			return err
		}
		view.Ended = sentence(e)
		return s.renderJoin(c, e.Status, view)
	}
	view.InvitedTo, view.Inviter, view.Email, view.Role, view.Ends = b.Name, in.InvitedBy, in.Email, roleText(in.Role), dashboard.NewWhen(in.ExpiresAt, s.now())
	if u, err := s.sessionUser(c); err == nil {
		view.Present = u.Called()
	}
	view.Fields = form.fields(dashboard.Field{Name: "name", Label: "Your name", Complete: "name", Required: true, Max: maxName, Focus: form.wrong == nil || form.wrong.Field == "name"},
		dashboard.Field{Name: "password", Label: "Choose a password", Type: "password", Complete: "new-password", Required: true, Max: maxLogin, Hint: "At least 8 characters. A password manager makes a good one.", Focus: form.wrong != nil && form.wrong.Field == "password"})
	view.Error = form.general(view.Fields)
	return s.renderJoin(c, form.status(), view)
}

// renderJoin keeps the token out of the Referer of whatever the page asks for. The origin stays, which fence judges by.
func (s *Server) renderJoin(c *fiber.Ctx, status int, view dashboard.Joining) error {
	if err := s.render(c, status, view); err != nil {
		return err
	}
	c.Set(fiber.HeaderReferrerPolicy, "strict-origin")
	c.Set("X-Robots-Tag", "noindex")
	return nil
}

func (s *Server) submitJoin(c *fiber.Ctx) error {
	in := readForm(c, "name", "password")
	if _, err := s.acceptInvitation(c, models.Secret(strings.Clone(c.Params("token"))), in.values["name"], models.Secret(in.values["password"])); err != nil {
		if err := in.refuse(err); err != nil {
			return err
		}
		return s.showJoin(c, in)
	}
	return back(c, "/", "joined")
}
