package api

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"strings"

	"github.com/gofiber/fiber/v2"

	"wabagate/api/dashboard"
	"wabagate/models"
)

// operationsPath is where the console for operations stands, adminPath the same as an API.
const (
	operationsPath = "/operations"
	adminPath      = "/api/admin"
)

var (
	errOperatorsOnly = &Error{Status: http.StatusForbidden, Code: "operators_only", Message: "this is for those who operate the gateway; one of them can let you in: wabagate admin operator EMAIL"}
	errViewer        = &Error{Status: http.StatusForbidden, Code: "operators_only", Message: "viewers look, and change and reveal nothing: an operator can do this"}
)

// operates says whether somebody may make a request about the gateway as a whole: viewers what only reads, operators
// everything. What is revealed is asked for by a POST, so the method tells.
func operates(role models.OperationsRole, method string) error {
	switch {
	case role == models.Operator, role == models.Viewer && reads(method):
		return nil
	case role == models.Viewer:
		return errViewer
	}
	return errOperatorsOnly
}

// operations lets those who operate the gateway through to h, if they may (see operates), and has the audit log know what
// became of it. Every route of the console and of /api/admin goes through here. Keys are of businesses and open nothing.
func (s *Server) operations(h handler) fiber.Handler {
	return func(c *fiber.Ctx) error {
		ctx, cancel := context.WithTimeout(c.UserContext(), requestTimeout)
		defer cancel()
		c.SetUserContext(ctx)
		if c.Get(fiber.HeaderAuthorization) != "" {
			return errUnauthenticated
		}
		user, err := s.sessionUser(c)
		if err != nil {
			return err
		}
		if err := operates(user.Operations(), c.Method()); err != nil {
			return err
		}
		told := &note{}
		c.SetUserContext(context.WithValue(ctx, noteKey{}, told))
		who := caller{User: &user}
		if err := h(c, who); err != nil {
			return err
		}
		s.auditOperation(c, who, told)
		return nil
	}
}

// console is operations for pages: who is not logged in is sent to the login.
func (s *Server) console(h handler) fiber.Handler {
	inner := s.operations(func(c *fiber.Ctx, who caller) error {
		who.shell = gateShell(c, "")
		who.shell.Section, who.shell.User, who.shell.Operations = consoleSection(c.Path()), who.User.Email, string(who.User.Operations())
		who.shell.Console, who.shell.CanChange = true, who.User.IsOperator
		who.shell.Notice = notices[c.Query("done")]
		c.Locals(shellLocal, who.shell)
		return h(c, who)
	})
	return func(c *fiber.Ctx) error {
		err := inner(c)
		if !errors.Is(err, errUnauthenticated) {
			return err
		}
		next := operationsPath
		if c.Method() == http.MethodGet {
			next = strings.Clone(c.OriginalURL())
		}
		return c.Redirect("/login?next="+url.QueryEscape(next), http.StatusSeeOther)
	}
}

// consoleSection is the name of the section of the console that a path belongs to.
func consoleSection(path string) string {
	rest, _, _ := strings.Cut(strings.Trim(strings.TrimPrefix(path, operationsPath), "/"), "/")
	if rest == "" {
		rest = "queues"
	}
	for _, sec := range dashboard.ConsoleSections() {
		if sec.Name == "operations-"+rest {
			return sec.Name
		}
	}
	return ""
}

// operationActions name what requests about the gateway as a whole do, by method and place below /operations or /api/admin.
// Those that are not here are named by actionOf, so that none goes unrecorded.
var operationActions = map[string]string{
	"POST tasks/act":          "task.changed", // run, archived or deleted, says the handler
	"POST tasks/*/*/run":      "task.run",
	"POST tasks/*/*/archive":  "task.archived",
	"POST tasks/*/*/delete":   "task.deleted",
	"DELETE tasks/*/*":        "task.deleted",
	"POST tasks/*/*/reveal":   "task.revealed",
	"POST businesses":         "business.created",
	"POST businesses/*":       "business.updated",
	"PUT businesses/*":        "business.updated",
	"POST apps/*/token":       "app.token_rotated",
	"PUT apps/*/token":        "app.token_rotated",
	"POST apps/*/secrets":     "app.secret_added",
	"POST apps/*/secrets/old": "app.old_secrets_ended",
}

// operationPlace is a route's path below the console or its API.
func operationPlace(route string) string {
	place := placeOf(route)
	for _, prefix := range []string{adminPath, operationsPath} {
		if rest, ok := strings.CutPrefix("/"+place, prefix+"/"); ok {
			return rest
		}
	}
	return place
}

// operationAction names what a request does; empty is what goes unrecorded because it only looks.
func operationAction(method, route string) string {
	place := operationPlace(route)
	if named := operationActions[method+" "+place]; named != "" {
		return named
	}
	return actionOf(method, place)
}

// auditOperation records what a request about the gateway as a whole has done. What was done to a business stands in the
// business's own log too.
func (s *Server) auditOperation(c *fiber.Ctx, who caller, told *note) {
	action := told.action
	if action == "" {
		action = operationAction(c.Method(), c.Route().Path)
	}
	if action == "" || told.idle || c.Response().StatusCode() >= http.StatusBadRequest {
		return
	}
	e := models.AuditEntry{BusinessID: told.business, Actor: who.operatorActor(), IP: s.source(c), Action: action, Object: told.object, Changes: told.changes}
	if e.Object.Kind == "" {
		e.Object.Kind = kindOf(action)
	}
	s.record(c.UserContext(), e)
}

// operatorActor is the caller as the log names those who operate the gateway.
func (who caller) operatorActor() models.Actor {
	return models.Actor{Kind: models.ActorOperator, ID: who.User.ID, Name: who.User.Called()}
}
