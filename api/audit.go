package api

import (
	"cmp"
	"context"
	"net/http"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/gofiber/fiber/v2"

	"wabagate/fanout/event"
	"wabagate/models"
)

func (s *Server) registerAudit(r fiber.Router) {
	r.Get("/audit", s.client(s.handleAuditList))
}

// actor is the caller as the audit log names them.
func (who caller) actor() models.Actor {
	switch {
	case who.User != nil:
		return models.Actor{Kind: models.ActorUser, ID: who.User.ID, Name: who.User.Called()}
	case who.Key != nil:
		return models.Actor{Kind: models.ActorKey, ID: who.Key.ID, Name: who.Key.Name}
	}
	return models.Actor{Kind: models.ActorUnknown}
}

// audit records what a request has done, if it is one that is recorded.
func (s *Server) audit(c *fiber.Ctx, who caller, told *note) {
	action := cmp.Or(told.action, actionOf(c.Method(), placeOf(c.Route().Path)))
	if action == "" || told.idle || c.Response().StatusCode() >= http.StatusBadRequest {
		return
	}
	e := models.AuditEntry{BusinessID: who.Business, Actor: who.actor(), IP: s.source(c), Action: action, Object: told.object, Changes: told.changes}
	if e.Object.Kind == "" {
		e.Object.Kind = kindOf(action)
		if names := c.Route().Params; len(names) > 0 {
			e.Object.ID = strings.Clone(c.Params(names[len(names)-1]))
		}
	}
	if e.Changes == nil {
		e.Changes = fieldsOf(c)
	}
	s.record(c.UserContext(), e)
}

// recordTimeout bounds how long a request waits for its entry.
const recordTimeout = 5 * time.Second

// record adds to the audit log, also for a caller who has gone. What was done is done, so a failure goes to our own log.
func (s *Server) record(ctx context.Context, e models.AuditEntry) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), recordTimeout)
	defer cancel()
	if err := s.store.Record(ctx, e); err != nil {
		s.log.Error("not in the audit log", "action", e.Action, "business_id", e.BusinessID, "actor_kind", e.Actor.Kind, "actor_id", e.Actor.ID, "object_id", e.Object.ID, "error", err)
	}
}

// tail is work that no request waits for.
type tail struct {
	mu    sync.Mutex
	ended bool
	group sync.WaitGroup
}

// do runs fn beside the request; not at all after the end.
func (t *tail) do(fn func(ctx context.Context)) { t.within(recordTimeout, fn) }

// within is do for what may take longer, or shorter.
func (t *tail) within(limit time.Duration, fn func(ctx context.Context)) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.ended {
		return
	}
	t.group.Go(func() {
		ctx, cancel := context.WithTimeout(context.Background(), limit)
		defer cancel()
		fn(ctx)
	})
}

// end waits for what is under way.
func (t *tail) end() {
	t.mu.Lock()
	t.ended = true
	t.mu.Unlock()
	t.group.Wait()
}

type actorJSON struct {
	Kind string `json:"kind"` // user, key, operator, admin, system or unknown
	ID   *int64 `json:"id"`   // of the user, operator or key; null for the others
	Name string `json:"name"` // as it was then
}

type objectJSON struct {
	Kind string `json:"kind"`
	ID   string `json:"id"`
	Name string `json:"name"` // as it was then; empty where there is none
}

// auditJSON is an entry of the audit log.
type auditJSON struct {
	ID      string          `json:"id"`
	At      event.Time      `json:"at"`
	Actor   actorJSON       `json:"actor"`
	IP      string          `json:"ip"`
	Action  string          `json:"action"`
	Object  objectJSON      `json:"object"`
	Changes []models.Change `json:"changes"`
}

func auditView(e models.AuditEntry) auditJSON {
	v := auditJSON{ID: strconv.FormatInt(e.ID, 10), At: event.Time{Time: e.At()}, Actor: actorJSON{Kind: e.Actor.Kind, Name: e.Actor.Name}, IP: e.IP, Action: e.Action,
		Object: objectJSON{e.Object.Kind, e.Object.ID, e.Object.Name}, Changes: append([]models.Change{}, e.Changes...)}
	if e.Actor.ID != 0 {
		v.Actor.ID = &e.Actor.ID
	}
	return v
}

var actionText = regexp.MustCompile(`^[a-z_]+\.([a-z_]+|\*)$`)

// parseAuditFilter reads what the log is asked for. query reads one parameter.
func parseAuditFilter(query func(key string, defaults ...string) string) (f models.AuditFilter, err error) {
	if f.Before, f.Limit, err = page(query); err != nil {
		return f, err
	}
	if f.From, err = moment("from", query("from")); err != nil {
		return f, err
	}
	if f.To, err = moment("to", query("to")); err != nil {
		return f, err
	}
	if f.Action = strings.Clone(query("action")); f.Action != "" && !actionText.MatchString(f.Action) {
		return f, invalid("action", codeInvalid, "must be an action such as webhook.updated, or webhook.* for all that are done to webhooks")
	}
	kind, id, one := strings.Cut(strings.Clone(query("actor")), ":")
	kinds := []string{models.ActorUser, models.ActorKey, models.ActorOperator, models.ActorAdmin, models.ActorSystem, models.ActorUnknown}
	if kind != "" && !slices.Contains(kinds, kind) {
		return f, invalid("actor", codeInvalid, "must be one of %s; or user:ID or key:ID", strings.Join(kinds, ", "))
	}
	f.ActorKind = kind
	if one {
		if f.ActorID, err = queryID("actor", id); err != nil || f.ActorID == 0 {
			return f, invalid("actor", codeInvalid, "must name a user or key by its id, such as user:3")
		}
	}
	return f, nil
}

// auditList is a page of the audit log.
type auditList struct {
	Entries []auditJSON `json:"entries"`
	Next    string      `json:"next_cursor,omitempty"`
}

func (s *Server) handleAuditList(c *fiber.Ctx, who caller) error {
	f, err := parseAuditFilter(c.Query)
	if err != nil {
		return err
	}
	rows, next, err := s.auditPage(c.UserContext(), who.Business, f)
	if err != nil {
		return err
	}
	return reply(c, http.StatusOK, auditList{views(rows, auditView), next})
}

// auditPage reads one page of the audit log and the cursor of the next, empty on the last.
func (s *Server) auditPage(ctx context.Context, businessID int64, f models.AuditFilter) (rows []models.AuditEntry, next string, err error) {
	limit := f.Limit
	f.Limit++
	if rows, err = s.store.Audit(ctx, businessID, f); err != nil {
		return nil, "", err
	}
	rows, next = cut(rows, limit, func(e models.AuditEntry) int64 { return e.ID })
	return rows, next, nil
}
