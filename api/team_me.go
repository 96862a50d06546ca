package api

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"

	"github.com/gofiber/fiber/v2"

	"wabagate/fanout/event"
	"wabagate/models"
)

// registerMe adds what people do about their own account, whatever their role.
func (s *Server) registerMe(r fiber.Router) {
	r.Get("/me", s.client(s.handleMe))
	r.Put("/me", s.client(s.handleMeUpdate))
	r.Put("/me/password", s.client(s.handlePasswordChange))
	r.Get("/me/sessions", s.client(s.handleSessionList))
	r.Delete("/me/sessions", s.client(s.handleSessionsEnd))
	r.Delete("/me/sessions/:id", s.client(s.handleSessionEnd))
}

type businessJSON struct {
	ID   int64  `json:"id"`
	Name string `json:"name"`
}

// meJSON is who is calling.
type meJSON struct {
	User     *userJSON    `json:"user"` // null for a key
	Business businessJSON `json:"business"`
}

func (s *Server) handleMe(c *fiber.Ctx, who caller) error {
	b, err := s.store.Business(c.UserContext(), who.Business)
	if err != nil {
		return err
	}
	me := meJSON{Business: businessJSON{b.ID, b.Name}}
	if who.User != nil {
		u := userView(*who.User)
		me.User = &u
	}
	return reply(c, http.StatusOK, me)
}

func (s *Server) handleMeUpdate(c *fiber.Ctx, who caller) error {
	o := parseObject(c.Request().Body(), "name")
	name := member[string](o, "name", "text")
	if o.err != nil {
		return o.err
	}
	if err := s.setOwnName(c.UserContext(), who, name.value); err != nil {
		return err
	}
	return reply(c, http.StatusOK, message{"Name changed."})
}

// setOwnName calls the caller something else.
func (s *Server) setOwnName(ctx context.Context, who caller, name string) error {
	name = strings.TrimSpace(name)
	if err := checkText("name", name, true, maxName); err != nil {
		return err
	}
	if err := s.store.SetUserName(ctx, who.User.ID, name); err != nil {
		return err
	}
	told := noteOf(ctx).changed("name", who.User.Name, name)
	told.object = models.Object{Kind: "user", ID: strconv.FormatInt(who.User.ID, 10), Name: name}
	return nil
}

func (s *Server) handlePasswordChange(c *fiber.Ctx, who caller) error {
	o := parseObject(c.Request().Body(), "current_password", "new_password")
	present, next := member[string](o, "current_password", "text"), member[string](o, "new_password", "text")
	if o.err != nil {
		return o.err
	}
	if err := s.changePassword(c, who, models.Secret(present.value), models.Secret(next.value)); err != nil {
		return err
	}
	return reply(c, http.StatusOK, message{"Password changed. Your other sessions have ended."})
}

// changePassword changes the caller's own password and ends their other sessions. Whoever found a session open cannot keep the
// account: the present password is asked for, and guesses are limited like logins.
func (s *Server) changePassword(c *fiber.Ctx, who caller, present, next models.Secret) error {
	if present == "" {
		return invalid("current_password", codeRequired, "is required")
	}
	if len(present) > maxLogin {
		return invalid("current_password", codeTooLong, "is too long")
	}
	if err := checkPassword("new_password", next.Text()); err != nil {
		return err
	}
	key := fmt.Sprintf("password of %d", who.User.ID)
	if wait := s.logins.take(allowance{key, loginFailures}); wait > 0 {
		return tooManyFailures("too many wrong passwords", wait)
	}
	ctx := c.UserContext()
	err := s.hash(ctx, func() error {
		return s.store.ChangePassword(ctx, who.User.ID, present, next, ownToken(c))
	})
	if errors.Is(err, models.ErrNotFound) {
		return invalid("current_password", "invalid_credentials", "is not your present password")
	}
	if err != nil {
		return err
	}
	s.logins.forget(key)
	noteOf(ctx).object = objectOf(*who.User)
	return nil
}

// ownToken is the token of the session that a person's request comes with.
func ownToken(c *fiber.Ctx) models.Secret {
	return models.Secret(strings.Clone(c.Cookies(sessionCookie)))
}

// sessionJSON is a login that lasts.
type sessionJSON struct {
	ID        string     `json:"id"`
	Current   bool       `json:"current"` // the one that asks
	IP        string     `json:"ip"`      // where it was begun
	UserAgent string     `json:"user_agent"`
	CreatedAt event.Time `json:"created_at"`
	ExpiresAt event.Time `json:"expires_at"`
}

func (s *Server) handleSessionList(c *fiber.Ctx, who caller) error {
	if err := person(who); err != nil {
		return err
	}
	list, err := s.store.Sessions(c.UserContext(), who.User.ID)
	if err != nil {
		return err
	}
	current := models.SessionID(ownToken(c))
	view := func(one models.Session) sessionJSON {
		return sessionJSON{ID: one.ID, Current: one.ID == current, IP: one.IP, UserAgent: one.Agent, CreatedAt: event.Time{Time: one.CreatedAt}, ExpiresAt: event.Time{Time: one.ExpiresAt}}
	}
	return reply(c, http.StatusOK, map[string][]sessionJSON{"sessions": views(list, view)})
}

func (s *Server) handleSessionEnd(c *fiber.Ctx, who caller) error {
	if err := s.store.EndSessionOf(c.UserContext(), who.User.ID, strings.Clone(c.Params("id"))); err != nil {
		return err
	}
	return reply(c, http.StatusOK, message{"Session ended."})
}

func (s *Server) handleSessionsEnd(c *fiber.Ctx, who caller) error {
	n, err := s.endOthers(c, who)
	if err != nil {
		return err
	}
	return reply(c, http.StatusOK, message{fmt.Sprintf("Other sessions ended: %d.", n)})
}

// endOthers ends the sessions of the caller but the one that asks, and says how many there were.
func (s *Server) endOthers(c *fiber.Ctx, who caller) (int64, error) {
	n, err := s.store.EndOtherSessions(c.UserContext(), who.User.ID, ownToken(c))
	if err == nil {
		noteOf(c.UserContext()).object = objectOf(*who.User)
	}
	return n, err
}
