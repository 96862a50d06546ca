package api

import (
	"context"
	"errors"
	"fmt"
	"math"
	"net/http"
	"strings"
	"time"

	"github.com/gofiber/fiber/v2"

	"wabagate/models"
)

func (s *Server) registerLogin(r fiber.Router) {
	r.Post("/login", s.handleLogin)
	r.Post("/logout", s.handleLogout)
}

type userJSON struct {
	ID         int64  `json:"id"`
	Email      string `json:"email"`
	BusinessID int64  `json:"business_id"`
	IsOperator bool   `json:"is_operator"`
	Name       string `json:"name"` // may be empty
	Role       string `json:"role"`
}

func userView(u models.User) userJSON {
	return userJSON{ID: u.ID, Email: u.Email, BusinessID: u.BusinessID, IsOperator: u.IsOperator, Name: u.Name, Role: string(u.Role)}
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
	case len(email) > maxEmail || len(password) > maxLogin:
		return models.User{}, invalid("email", codeTooLong, "is too long")
	}
	// One address from one source, one source whatever the addresses, one address whatever the sources.
	source := network(s.source(c))
	pair, from, of := email+" "+source, "from "+source, "of "+email
	if wait := s.logins.take(allowance{pair, loginFailures}, allowance{from, loginFailuresSource}, allowance{of, loginFailuresOf}); wait > 0 {
		s.m.login(loginLimited)
		return models.User{}, tooManyFailures("too many failed logins", wait)
	}
	user, err := s.authenticate(ctx, email, password)
	if err != nil {
		if status(err) == http.StatusUnauthorized {
			s.m.login(loginWrong)
			s.recordFailure(email, s.source(c))
		}
		return user, err
	}
	s.logins.forget(pair)
	s.logins.giveBack(from)
	s.logins.giveBack(of)
	if err := s.begin(c, user); err != nil {
		return user, err
	}
	s.m.login(loggedIn)
	s.record(ctx, models.AuditEntry{BusinessID: user.BusinessID, Actor: caller{User: &user}.actor(), IP: s.source(c), Action: "user.logged_in", Object: objectOf(user)})
	return user, nil
}

// tooManyFailures refuses what failed too often.
func tooManyFailures(what string, wait time.Duration) *Error {
	minutes := int(math.Ceil(wait.Minutes()))
	return &Error{Status: http.StatusTooManyRequests, Code: "too_many_logins", RetryAfter: wait, Message: fmt.Sprintf("%s; try again in %d min", what, minutes)}
}

// status is the status of a refusal; 0 for other errors.
func status(err error) int {
	var e *Error
	if errors.As(err, &e) {
		return e.Status
	}
	return 0
}

// begin gives the browser a session of its own. Its token is new whatever the browser sent, and the session that it had ends.
func (s *Server) begin(c *fiber.Ctx, user models.User) error {
	if old := c.Cookies(sessionCookie); old != "" {
		if err := s.store.EndSession(c.UserContext(), models.Secret(old)); err != nil {
			return err
		}
	}
	from := models.Session{UserID: user.ID, IP: s.source(c), Agent: strings.Clone(c.Get(fiber.HeaderUserAgent))}
	token, err := s.store.BeginSession(c.UserContext(), from, sessionLength)
	if err != nil {
		return err
	}
	c.Cookie(s.cookie(token.Text(), s.now().Add(sessionLength)))
	return nil
}

// recordFailure tells the business of the address that somebody failed to log in with it. Nobody waits for it: how long an
// answer takes must not say whether there is such an address.
func (s *Server) recordFailure(email, source string) {
	s.tail.do(func(ctx context.Context) {
		user, err := s.store.UserByEmail(ctx, email)
		if err != nil {
			if !errors.Is(err, models.ErrNotFound) {
				s.log.Error("failed login not in the audit log", "error", err)
			}
			return
		}
		s.record(ctx, models.AuditEntry{BusinessID: user.BusinessID, Actor: models.Actor{Kind: models.ActorUnknown}, IP: source, Action: "user.login_failed", Object: objectOf(user)})
	})
}

// authenticate checks an address and password.
func (s *Server) authenticate(ctx context.Context, email string, password models.Secret) (user models.User, err error) {
	err = s.hash(ctx, func() error {
		user, err = s.store.Authenticate(ctx, email, password)
		return err
	})
	if errors.Is(err, models.ErrNotFound) {
		return user, &Error{Status: http.StatusUnauthorized, Code: "invalid_credentials", Message: "the address or the password is wrong"}
	}
	return user, err
}

// hash holds a place while fn hashes a password: each hash costs a core and 16 MiB for some milliseconds.
func (s *Server) hash(ctx context.Context, fn func() error) error {
	select {
	case s.hashing <- struct{}{}:
		defer func() { <-s.hashing }()
		return fn()
	case <-ctx.Done():
		return ctx.Err()
	}
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

// logout ends the session of the browser, if it has one, and takes its cookie.
func (s *Server) logout(c *fiber.Ctx) error {
	if token := c.Cookies(sessionCookie); token != "" {
		user, err := s.sessionUser(c)
		if err != nil && !errors.Is(err, errUnauthenticated) {
			return err
		}
		if err := s.store.EndSession(c.UserContext(), models.Secret(token)); err != nil {
			return err
		}
		if user.ID != 0 {
			s.record(c.UserContext(), models.AuditEntry{BusinessID: user.BusinessID, Actor: caller{User: &user}.actor(), IP: s.source(c), Action: "user.logged_out", Object: objectOf(user)})
		}
	}
	c.Cookie(s.cookie("", time.Unix(1, 0)))
	return nil
}

// message is the answer to a change that has nothing else to say.
type message struct {
	Message string `json:"message"`
}
