package api

import (
	"cmp"
	"context"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"github.com/gofiber/fiber/v2"

	"wabagate/api/dashboard"
	"wabagate/models"
)

// registerTeamPages adds the pages about people: the team, its keys and its log, and one's own account.
func (s *Server) registerTeamPages(app *fiber.App) {
	app.Get("/team", s.page(s.pageTeam))
	app.Post("/team/invitations", s.fence, s.page(s.submitInvite))
	// The link of an invitation stands under this address; who comes back to it later has only the team to see.
	app.Get("/team/invitations", func(c *fiber.Ctx) error { return back(c, "/team", "") })
	app.Post("/team/invitations/:id<int>/delete", s.fence, s.page(s.submitRevoke))
	app.Get("/team/users/:id<int>", s.page(s.pageTeamUser))
	app.Post("/team/users/:id<int>/role", s.fence, s.page(s.submitRole))
	app.Post("/team/users/:id<int>/remove", s.fence, s.page(s.submitRemove))

	s.registerKeyPages(app)
	app.Get("/team/audit", s.page(s.pageAudit))
	s.registerAccountPages(app)

	app.Get("/invitations/:token", s.pageJoin)
	app.Post("/invitations/:token", s.fence, s.submitJoin)
}

// roleTexts say what the roles may do, in the words of rightsAt.
var roleTexts = []dashboard.RoleText{
	{Name: string(models.RoleOwner), Text: "Does everything. Only owners manage the team, keys and the tokens of numbers, erase contacts and read the audit log."},
	{Name: string(models.RoleMember), Text: "Does the daily work: webhooks and their secrets, conversations, orders, broadcasts and automatic answers."},
	{Name: string(models.RoleReader), Text: "Looks at everything but secrets and the audit log, and changes nothing."},
}

func roleText(r models.Role) dashboard.RoleText {
	for _, t := range roleTexts {
		if t.Name == string(r) {
			return t
		}
	}
	return dashboard.RoleText{Name: string(r)}
}

// teamTabs are the pages of the team that the viewer may see.
func teamTabs(who caller, here string) []dashboard.Tab {
	tabs := []dashboard.Tab{{Label: "People", Path: "/team"}, {Label: "API keys", Path: "/team/keys"}}
	if who.may(owners) {
		tabs = append(tabs, dashboard.Tab{Label: "Audit log", Path: "/team/audit"})
	}
	for i := range tabs {
		tabs[i].Current = tabs[i].Path == here
	}
	return tabs
}

// stretch is one page of a list that is at hand as a whole, and where the next one begins. The cursor counts its items.
func stretch[T any](c *fiber.Ctx, path string, list []T) ([]T, dashboard.Pager, error) {
	from, err := cursor(c.Query("cursor"))
	if err != nil {
		return nil, dashboard.Pager{}, err
	}
	list = list[min(from, int64(len(list))):]
	next := ""
	if len(list) > itemsPerPage {
		list, next = list[:itemsPerPage], strconv.FormatInt(from+itemsPerPage, 10)
	}
	return list, pagerOf(path, nil, from > 0, next), nil
}

func (s *Server) teammate(who caller, u models.User) dashboard.Teammate {
	m := dashboard.Teammate{ID: u.ID, Name: u.Name, Email: u.Email, Role: string(u.Role), Me: u.ID == who.User.ID, Operator: u.IsOperator, Joined: dashboard.NewWhen(u.CreatedAt, s.now())}
	if u.LastLoginAt != nil {
		m.LastLogin = dashboard.NewWhen(*u.LastLoginAt, s.now())
	}
	return m
}

func (s *Server) invitationItem(in models.Invitation) dashboard.Invitation {
	return dashboard.Invitation{ID: in.ID, Email: in.Email, Role: string(in.Role), By: in.InvitedBy, Ends: dashboard.NewWhen(in.ExpiresAt, s.now())}
}

func (s *Server) pageTeam(c *fiber.Ctx, who caller) error {
	return s.showTeam(c, who, typedForm{values: map[string]string{"role": string(models.RoleMember)}}, nil)
}

// showTeam draws the team, with the form of an invitation as it came back or the link of one that was made.
func (s *Server) showTeam(c *fiber.Ctx, who caller, in typedForm, fresh *dashboard.FreshInvitation) error {
	users, invitations, err := s.team(c.UserContext(), who.Business)
	if err != nil {
		return err
	}
	view := dashboard.Team{Shell: shell(who, "Team"), Pages: teamTabs(who, "/team"), Roles: roleTexts, Fresh: fresh}
	if users, view.Pager, err = stretch(c, "/team", users); err != nil {
		return err
	}
	view.Users = views(users, func(u models.User) dashboard.Teammate { return s.teammate(who, u) })
	slices.SortFunc(invitations, func(a, b models.Invitation) int { return cmp.Compare(b.ID, a.ID) })
	view.More = max(0, len(invitations)-listPage)
	view.Invitations = views(invitations[:len(invitations)-view.More], s.invitationItem)
	if who.may(ownersInPerson) {
		view.Fields = in.fields(dashboard.Field{Name: "email", Label: "Email", Type: "email", Required: true, Max: maxEmail, Complete: "off", Placeholder: "amal@example.com"},
			dashboard.Field{Name: "role", Label: "Role", Type: "select", Options: options("", [2]string{"owner", "owner"}, [2]string{"member", "member"}, [2]string{"read-only", "read-only"})})
		view.Error = in.general(view.Fields)
	}
	return s.render(c, in.status(), view)
}

func (s *Server) submitInvite(c *fiber.Ctx, who caller) error {
	in := readForm(c, "email", "role")
	role, err := parseRole(in.values["role"])
	if err == nil {
		var made models.Invitation
		var token models.Secret
		if made, token, err = s.invite(c.UserContext(), who, in.values["email"], role); err == nil {
			return s.showTeam(c, who, typedForm{values: map[string]string{"role": string(models.RoleMember)}}, &dashboard.FreshInvitation{Invitation: s.invitationItem(made), URL: s.invitationURL(c, token)})
		}
	}
	if err := in.refuse(err); err != nil {
		return err
	}
	return s.showTeam(c, who, in, nil)
}

func (s *Server) submitRevoke(c *fiber.Ctx, who caller) error {
	id, err := pathID(c, "id")
	if err != nil {
		return err
	}
	if err := s.endInvitation(c.UserContext(), who.Business, id); err != nil {
		return err
	}
	return back(c, "/team", "revoked")
}

// ownUser reads a user of a business.
func (s *Server) ownUser(ctx context.Context, businessID, id int64) (models.User, error) {
	users, err := s.store.Users(ctx, businessID)
	if err != nil {
		return models.User{}, err
	}
	i := slices.IndexFunc(users, func(u models.User) bool { return u.ID == id })
	if i < 0 {
		return models.User{}, fmt.Errorf("user %d: %w", id, models.ErrNotFound)
	}
	return users[i], nil
}

func (s *Server) pageTeamUser(c *fiber.Ctx, who caller) error { return s.showTeamUser(c, who, nil) }

// showTeamUser draws the page of a user, with what is wrong with a change if one was refused.
func (s *Server) showTeamUser(c *fiber.Ctx, who caller, wrong error) error {
	id, err := pathID(c, "id")
	if err != nil {
		return err
	}
	u, err := s.ownUser(c.UserContext(), who.Business, id)
	if err != nil {
		return err
	}
	view := dashboard.TeamUser{Shell: shell(who, u.Called()), Above: []dashboard.Crumb{{Label: "Team", Path: "/team"}}, Who: s.teammate(who, u)}
	for _, r := range roleTexts {
		view.Roles = append(view.Roles, dashboard.Choice{Value: r.Name, Label: r.Name, Hint: r.Text, Chosen: r.Name == string(u.Role)})
	}
	view.Remove = dashboard.Danger{Summary: "Remove from the team…", Button: "Remove " + map[bool]string{true: "yourself", false: "this person"}[view.Who.Me], Word: u.Email,
		Text: "They are logged out everywhere at once and cannot log in again. Keys that they made go on: look at the API keys afterwards.", Action: fmt.Sprintf("/team/users/%d/remove", u.ID)}
	status := http.StatusOK
	if wrong != nil {
		e := public(wrong)
		if e == nil {
			return wrong
		}
		status = e.Status
		if strings.HasSuffix(c.Route().Path, "/remove") {
			view.Remove.Error = sentence(e)
		} else {
			view.Error = sentence(e)
		}
	}
	return s.render(c, status, view)
}

func (s *Server) submitRole(c *fiber.Ctx, who caller) error {
	id, err := pathID(c, "id")
	if err != nil {
		return err
	}
	role, err := parseRole(strings.Clone(c.FormValue("role")))
	if err == nil {
		err = s.setRole(c.UserContext(), who.Business, id, role)
	}
	if err != nil {
		return s.showTeamUser(c, who, err)
	}
	return back(c, fmt.Sprintf("/team/users/%d", id), "role-changed")
}

func (s *Server) submitRemove(c *fiber.Ctx, who caller) error {
	id, err := pathID(c, "id")
	if err != nil {
		return err
	}
	u, err := s.ownUser(c.UserContext(), who.Business, id)
	if err == nil {
		err = confirmed(c, u.Email)
	}
	if err == nil {
		err = s.removeUser(c.UserContext(), who.Business, id)
	}
	if err != nil {
		return s.showTeamUser(c, who, err)
	}
	return back(c, "/team", "removed")
}
