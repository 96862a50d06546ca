package api

import (
	"context"
	"errors"
	"net/http"
	"strconv"
	"strings"

	"github.com/gofiber/fiber/v2"

	"wabagate/fanout/event"
	"wabagate/models"
)

func (s *Server) registerTeam(r fiber.Router) {
	r.Get("/team", s.client(s.handleTeam))
	r.Put("/team/users/:id<int>", s.client(s.handleRoleSet))
	r.Delete("/team/users/:id<int>", s.client(s.handleUserRemove))
	r.Post("/team/invitations", s.client(s.handleInvite))
	r.Delete("/team/invitations/:id<int>", s.client(s.handleInvitationEnd))
}

// teammateJSON is a user of the business.
type teammateJSON struct {
	ID          int64       `json:"id"`
	Email       string      `json:"email"`
	Name        string      `json:"name"` // may be empty
	Role        string      `json:"role"`
	IsOperator  bool        `json:"is_operator"`
	CreatedAt   event.Time  `json:"created_at"`
	LastLoginAt *event.Time `json:"last_login_at"` // null: never yet
}

func teammateView(u models.User) teammateJSON {
	v := teammateJSON{ID: u.ID, Email: u.Email, Name: u.Name, Role: string(u.Role), IsOperator: u.IsOperator, CreatedAt: event.Time{Time: u.CreatedAt}}
	if u.LastLoginAt != nil {
		v.LastLoginAt = timeView(*u.LastLoginAt)
	}
	return v
}

// teamJSON is who may log in, and who is invited.
type teamJSON struct {
	Users       []teammateJSON   `json:"users"`
	Invitations []invitationJSON `json:"invitations"`
}

func (s *Server) handleTeam(c *fiber.Ctx, who caller) error {
	users, invited, err := s.team(c.UserContext(), who.Business)
	if err != nil {
		return err
	}
	return reply(c, http.StatusOK, teamJSON{views(users, teammateView), views(invited, invitationView)})
}

// team reads the users of a business and the invitations that nobody has accepted yet.
func (s *Server) team(ctx context.Context, businessID int64) ([]models.User, []models.Invitation, error) {
	users, err := s.store.Users(ctx, businessID)
	if err != nil {
		return nil, nil, err
	}
	invited, err := s.store.Invitations(ctx, businessID)
	return users, invited, err
}

// parseRole reads a role by its name.
func parseRole(name string) (models.Role, error) {
	if role := models.Role(name); role.Known() {
		return role, nil
	}
	return "", invalid("role", codeInvalid, "must be one of %s", strings.Join(models.RoleNames(), ", "))
}

func (s *Server) handleRoleSet(c *fiber.Ctx, who caller) error {
	id, err := pathID(c, "id")
	if err != nil {
		return err
	}
	o := parseObject(c.Request().Body(), "role")
	name := member[string](o, "role", "text")
	if o.err != nil {
		return o.err
	}
	role, err := parseRole(name.value)
	if err != nil {
		return err
	}
	if err := s.setRole(c.UserContext(), who.Business, id, role); err != nil {
		return err
	}
	return reply(c, http.StatusOK, message{"Role changed."})
}

// setRole gives a user of a business another role, which counts from their next request on.
func (s *Server) setRole(ctx context.Context, businessID, id int64, role models.Role) error {
	before, err := s.store.SetRole(ctx, businessID, id, role)
	if err != nil {
		return teamRefused(err)
	}
	told := noteOf(ctx).changed("role", before.Role, role)
	told.object = objectOf(before)
	return nil
}

func (s *Server) handleUserRemove(c *fiber.Ctx, who caller) error {
	id, err := pathID(c, "id")
	if err != nil {
		return err
	}
	if err := s.removeUser(c.UserContext(), who.Business, id); err != nil {
		return err
	}
	return reply(c, http.StatusOK, message{"User removed, and logged out everywhere. Keys that the user made go on: see GET /api/client/keys."})
}

// removeUser removes a user from a business and ends their sessions.
func (s *Server) removeUser(ctx context.Context, businessID, id int64) error {
	gone, err := s.store.RemoveUser(ctx, businessID, id)
	if err != nil {
		return teamRefused(err)
	}
	noteOf(ctx).object = objectOf(gone)
	return nil
}

// objectOf is a user as the audit log names what something was done to.
func objectOf(u models.User) models.Object {
	return models.Object{Kind: "user", ID: strconv.FormatInt(u.ID, 10), Name: u.Called()}
}

// teamRefused says what to do about a change that would leave nobody; other errors stay as they are.
func teamRefused(err error) error {
	switch {
	case errors.Is(err, models.ErrLastOwner):
		return &Error{Status: http.StatusConflict, Code: "last_owner", Message: "this is the last owner of your business: make somebody else an owner first"}
	case errors.Is(err, models.ErrLastOperator):
		return &Error{Status: http.StatusConflict, Code: "last_operator", Message: "this is the last operator of the gateway: make another with wabagate admin user --operator first"}
	}
	return err
}
