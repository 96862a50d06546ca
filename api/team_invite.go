package api

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"time"

	"github.com/gofiber/fiber/v2"

	"wabagate/fanout/event"
	"wabagate/models"
)

// registerInvitations adds what somebody with an invitation does, who is no user yet.
func (s *Server) registerInvitations(r fiber.Router) {
	r.Get("/invitations/:token", s.handleInvitation)
	r.Post("/invitations/accept", s.handleInvitationAccept)
}

const (
	// invitationLasts is how long an invitation may be accepted.
	invitationLasts = 7 * 24 * time.Hour
	maxEmail        = 320
	minLogin        = 8 // of a password to log in with, in bytes
	maxLogin        = 1024
)

// invitationJSON is an invitation that nobody has accepted yet.
type invitationJSON struct {
	ID        int64      `json:"id"`
	Email     string     `json:"email"`
	Role      string     `json:"role"`
	InvitedBy string     `json:"invited_by"`
	CreatedAt event.Time `json:"created_at"`
	ExpiresAt event.Time `json:"expires_at"`
}

func invitationView(in models.Invitation) invitationJSON {
	return invitationJSON{ID: in.ID, Email: in.Email, Role: string(in.Role), InvitedBy: in.InvitedBy, CreatedAt: event.Time{Time: in.CreatedAt}, ExpiresAt: event.Time{Time: in.ExpiresAt}}
}

// checkEmail judges an address by its look; whether somebody is there shows when the link arrives.
func checkEmail(email string) error {
	name, host, ok := strings.Cut(email, "@")
	switch {
	case email == "":
		return invalid("email", codeRequired, "is required")
	case len(email) > maxEmail:
		return invalid("email", codeTooLong, "is too long")
	case !ok || name == "" || host == "" || strings.ContainsFunc(email, func(r rune) bool { return r <= ' ' || r == 0x7f }) || strings.Contains(host, "@"):
		return invalid("email", codeInvalid, "must be an e-mail address, such as amal@example.com")
	}
	return checkText("email", email, true, maxEmail)
}

// checkPassword judges a password to be.
func checkPassword(field, password string) error {
	switch {
	case password == "":
		return invalid(field, codeRequired, "is required")
	case len(password) < minLogin:
		return invalid(field, codeInvalid, "must have at least %d characters", minLogin)
	case len(password) > maxLogin:
		return invalid(field, codeTooLong, "must have at most %d bytes", maxLogin)
	}
	return nil
}

// invitationCreated is a new invitation, whose link is shown this once.
type invitationCreated struct {
	ID         int64          `json:"id"`
	Message    string         `json:"message"`
	URL        string         `json:"url"`
	Token      string         `json:"token"`
	Invitation invitationJSON `json:"invitation"`
}

func (s *Server) handleInvite(c *fiber.Ctx, who caller) error {
	o := parseObject(c.Request().Body(), "email", "role")
	email, name := member[string](o, "email", "text"), member[string](o, "role", "text")
	if o.err != nil {
		return o.err
	}
	role, err := parseRole(name.value)
	if err != nil {
		return err
	}
	in, token, err := s.invite(c.UserContext(), who, email.value, role)
	if err != nil {
		return err
	}
	return reply(c, http.StatusCreated, invitationCreated{in.ID, "Give this link to " + in.Email + ". It is shown this once, works once and ends after 7 days.", s.invitationURL(c, token), token.Text(), invitationView(in)})
}

// invitationURL is the page where an invitation is accepted.
func (s *Server) invitationURL(c *fiber.Ctx, token models.Secret) string {
	return s.base(c) + "/invitations/" + token.Text()
}

// invite asks somebody to join the caller's business.
func (s *Server) invite(ctx context.Context, who caller, email string, role models.Role) (models.Invitation, models.Secret, error) {
	email = strings.ToLower(strings.TrimSpace(email))
	if err := checkEmail(email); err != nil {
		return models.Invitation{}, "", err
	}
	in, token, err := s.store.Invite(ctx, models.Invitation{BusinessID: who.Business, Email: email, Role: role, InvitedBy: who.actor().Name}, invitationLasts)
	if errors.Is(err, models.ErrConflict) {
		return in, "", &Error{Status: http.StatusConflict, Code: "conflict", Field: "email", Message: "somebody logs in with this address already, here or at another business; invite another address"}
	}
	if err == nil {
		noteOf(ctx).about("invitation", in.ID, in.Email).changed("role", nil, string(role))
	}
	return in, token, err
}

func (s *Server) handleInvitationEnd(c *fiber.Ctx, who caller) error {
	id, err := pathID(c, "id")
	if err != nil {
		return err
	}
	if err := s.endInvitation(c.UserContext(), who.Business, id); err != nil {
		return err
	}
	return reply(c, http.StatusOK, message{"Invitation taken back."})
}

// endInvitation takes an invitation back.
func (s *Server) endInvitation(ctx context.Context, businessID, id int64) error {
	in, err := s.store.EndInvitation(ctx, businessID, id)
	if err == nil {
		noteOf(ctx).about("invitation", in.ID, in.Email)
	}
	return err
}

// invitation finds the invitation of a token, within the limit of failed logins, and the business that asks.
func (s *Server) invitation(c *fiber.Ctx, token models.Secret) (models.Invitation, models.Business, error) {
	var b models.Business
	from := "from " + network(s.source(c))
	if wait := s.logins.take(allowance{from, loginFailuresSource}); wait > 0 {
		return models.Invitation{}, b, tooManyFailures("too many invitations that there are not", wait)
	}
	in, err := s.store.InvitationByToken(c.UserContext(), token)
	if err != nil {
		return in, b, invitationRefused(err)
	}
	s.logins.giveBack(from)
	b, err = s.store.Business(c.UserContext(), in.BusinessID)
	return in, b, err
}

func invitationRefused(err error) error {
	switch {
	case errors.Is(err, models.ErrNotFound):
		return &Error{Status: http.StatusNotFound, Code: "invitation_ended", Message: "this invitation was accepted, taken back or has ended; ask for a new one"}
	case errors.Is(err, models.ErrConflict):
		return &Error{Status: http.StatusConflict, Code: "conflict", Message: "somebody logs in with this address already"}
	}
	return err
}

// invitationShown is what an invitation says to whom it was sent.
type invitationShown struct {
	Business  string     `json:"business"`
	Email     string     `json:"email"`
	Role      string     `json:"role"`
	InvitedBy string     `json:"invited_by"`
	ExpiresAt event.Time `json:"expires_at"`
}

func (s *Server) handleInvitation(c *fiber.Ctx) error {
	in, b, err := s.invitation(c, models.Secret(strings.Clone(c.Params("token"))))
	if err != nil {
		return err
	}
	return reply(c, http.StatusOK, invitationShown{b.Name, in.Email, string(in.Role), in.InvitedBy, event.Time{Time: in.ExpiresAt}})
}

func (s *Server) handleInvitationAccept(c *fiber.Ctx) error {
	o := parseObject(c.Request().Body(), "token", "name", "password")
	token, name, password := member[string](o, "token", "text"), member[string](o, "name", "text"), member[string](o, "password", "text")
	if o.err != nil {
		return o.err
	}
	user, err := s.acceptInvitation(c, models.Secret(token.value), name.value, models.Secret(password.value))
	if err != nil {
		return err
	}
	return reply(c, http.StatusCreated, map[string]userJSON{"user": userView(user)})
}

// acceptInvitation makes the user who was invited and logs them in.
func (s *Server) acceptInvitation(c *fiber.Ctx, token models.Secret, name string, password models.Secret) (models.User, error) {
	ctx, cancel := context.WithTimeout(c.UserContext(), requestTimeout)
	defer cancel()
	name = strings.TrimSpace(name)
	if err := checkText("name", name, true, maxName); err != nil {
		return models.User{}, err
	}
	if err := checkPassword("password", password.Text()); err != nil {
		return models.User{}, err
	}
	// First without a hash, which a token that opens nothing is not worth.
	if _, _, err := s.invitation(c, token); err != nil {
		return models.User{}, err
	}
	var user models.User
	err := s.hash(ctx, func() (err error) {
		user, err = s.store.AcceptInvitation(ctx, token, name, password)
		return err
	})
	if err != nil {
		return user, invitationRefused(err)
	}
	s.record(ctx, models.AuditEntry{BusinessID: user.BusinessID, Actor: caller{User: &user}.actor(), IP: s.source(c), Action: "user.joined", Object: objectOf(user),
		Changes: []models.Change{{Field: "role", After: string(user.Role)}}})
	return user, s.begin(c, user)
}
