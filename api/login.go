package api

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"time"

	"github.com/gofiber/fiber/v2"

	"wabagate/models"
)

func (s *Server) registerLogin(r fiber.Router) {
	r.Post("/login", s.handleLogin)
	r.Post("/logout", s.handleLogout)
	r.Get("/me", s.client(s.handleMe))
}

type userJSON struct {
	ID         int64  `json:"id"`
	Email      string `json:"email"`
	BusinessID int64  `json:"business_id"`
	IsOperator bool   `json:"is_operator"`
}

func userView(u models.User) userJSON {
	return userJSON{ID: u.ID, Email: u.Email, BusinessID: u.BusinessID, IsOperator: u.IsOperator}
}

func (s *Server) handleLogin(c *fiber.Ctx) error {
	o := parseObject(c.Request().Body(), "email", "password")
	email, password := member[string](o, "email", "text"), member[string](o, "password", "text")
	if o.err != nil {
		return o.err
	}
	user, err := s.login(c, email.value, models.Secret(password.value))
	if err != nil {
		return err
	}
	return reply(c, http.StatusOK, map[string]userJSON{"user": userView(user)})
}

// login checks an address and password, within the limit, and gives the browser its session.
func (s *Server) login(c *fiber.Ctx, email string, password models.Secret) (models.User, error) {
	ctx, cancel := context.WithTimeout(c.UserContext(), requestTimeout)
	defer cancel()
	email = strings.ToLower(strings.TrimSpace(email))
	switch {
	case email == "":
		return models.User{}, invalid("email", codeRequired, "is required")
	case password == "":
		return models.User{}, invalid("password", codeRequired, "is required")
	case len(email) > 320 || len(password) > 1024:
		return models.User{}, invalid("email", codeTooLong, "is too long")
	}
	key := email + " " + strings.Clone(c.IP())
	if wait := s.logins.take(key); wait > 0 {
		return models.User{}, &Error{Status: http.StatusTooManyRequests, Code: "too_many_logins",
			Message: "too many failed logins; try again later", RetryAfter: wait}
	}
	user, err := s.authenticate(ctx, email, password)
	if err != nil {
		return user, err
	}
	s.logins.forget(key)
	token, err := s.store.StartSession(ctx, user.ID, sessionLength)
	if err != nil {
		return user, err
	}
	c.Cookie(s.cookie(token.Text(), s.now().Add(sessionLength)))
	return user, nil
}

// authenticate holds a place while it hashes: each hash costs a core and 16 MiB for some milliseconds.
func (s *Server) authenticate(ctx context.Context, email string, password models.Secret) (models.User, error) {
	select {
	case s.hashing <- struct{}{}:
		defer func() { <-s.hashing }()
	case <-ctx.Done():
		return models.User{}, ctx.Err()
	}
	user, err := s.store.Authenticate(ctx, email, password)
	if errors.Is(err, models.ErrNotFound) {
		return user, &Error{Status: http.StatusUnauthorized, Code: "invalid_credentials", Message: "the address or the password is wrong"}
	}
	return user, err
}

func (s *Server) cookie(value string, expires time.Time) *fiber.Cookie {
	return &fiber.Cookie{Name: sessionCookie, Value: value, Path: "/", Expires: expires, HTTPOnly: true, Secure: s.secure, SameSite: fiber.CookieSameSiteLaxMode}
}

func (s *Server) handleLogout(c *fiber.Ctx) error {
	if err := s.logout(c); err != nil {
		return err
	}
	return reply(c, http.StatusOK, message{"Logged out."})
}

func (s *Server) logout(c *fiber.Ctx) error {
	if token := c.Cookies(sessionCookie); token != "" {
		if err := s.store.EndSession(c.UserContext(), models.Secret(token)); err != nil {
			return err
		}
	}
	c.Cookie(s.cookie("", time.Unix(1, 0)))
	return nil
}

func (s *Server) handleMe(c *fiber.Ctx, who caller) error {
	b, err := s.store.Business(c.UserContext(), who.Business)
	if err != nil {
		return err
	}
	type business struct {
		ID   int64  `json:"id"`
		Name string `json:"name"`
	}
	me := struct {
		User     *userJSON `json:"user"` // null for a key
		Business business  `json:"business"`
	}{Business: business{b.ID, b.Name}}
	if who.User != nil {
		u := userView(*who.User)
		me.User = &u
	}
	return reply(c, http.StatusOK, me)
}

// message is the answer to a change that has nothing else to say.
type message struct {
	Message string `json:"message"`
}
