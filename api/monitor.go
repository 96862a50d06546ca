package api

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"

	"github.com/gofiber/fiber/v2"
	"github.com/gofiber/fiber/v2/middleware/adaptor"
	"github.com/hibiken/asynqmon"
	"github.com/redis/go-redis/v9"

	"wabagate/models"
)

const monitorPath = "/monitor"

// monitorPolicy lets asynqmon's own page work, whose HTML starts with inline scripts. Its fonts from outside stay out.
const monitorPolicy = "default-src 'none'; script-src 'self' 'unsafe-inline'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; " +
	"font-src 'self' data:; connect-src 'self'; manifest-src 'self'; base-uri 'self'; form-action 'self'; frame-ancestors 'none'"

// monitor is the web page of the queues, as operators see it and as viewers do, who change nothing. What tasks carry is not
// shown in it: the console reveals it, and the audit log knows to whom.
type monitor struct {
	pages    [2]*asynqmon.HTTPHandler
	operator fiber.Handler
	viewer   fiber.Handler
}

// monitorRedis hands asynqmon a client made elsewhere.
type monitorRedis func() redis.UniversalClient

func (m monitorRedis) MakeRedisClient() any { return m() }

func newMonitor(client func() redis.UniversalClient) *monitor {
	page := func(readOnly bool) *asynqmon.HTTPHandler {
		return asynqmon.New(asynqmon.Options{RootPath: monitorPath, RedisConnOpt: monitorRedis(client), ReadOnly: readOnly, PayloadFormatter: asynqmon.PayloadFormatterFunc(redactedPayload)})
	}
	m := &monitor{pages: [2]*asynqmon.HTTPHandler{page(false), page(true)}}
	m.operator, m.viewer = adaptor.HTTPHandler(m.pages[0]), adaptor.HTTPHandler(m.pages[1])
	return m
}

// redactedPayload is what the monitor shows of what a task carries.
func redactedPayload(string, []byte) string {
	return "redacted; reveal it at " + operationsPath + "/tasks"
}

// close ends the monitor's connections; those that somebody else closed already are no error.
func (m *monitor) close() error {
	var errs []error
	for _, page := range m.pages {
		if err := page.Close(); err != nil && !errors.Is(err, redis.ErrClosed) {
			errs = append(errs, err)
		}
	}
	return errors.Join(errs...)
}

func (s *Server) registerMonitor(app *fiber.App) {
	if s.monitor == nil {
		return
	}
	for _, path := range []string{monitorPath, monitorPath + "/*"} {
		app.All(path, s.fence, s.serveMonitor)
	}
}

// serveMonitor sends strangers to the login, refuses users who do not operate the gateway, and lets viewers look.
func (s *Server) serveMonitor(c *fiber.Ctx) error {
	user, err := s.sessionUser(c)
	if errors.Is(err, errUnauthenticated) && c.Method() == http.MethodGet && !strings.HasPrefix(c.Path(), monitorPath+"/api/") {
		return c.Redirect("/login?next="+url.QueryEscape(monitorPath+"/"), http.StatusFound)
	}
	if err != nil {
		return err
	}
	if err := operates(user.Operations(), c.Method()); err != nil {
		return err
	}
	c.Set(fiber.HeaderContentSecurityPolicy, monitorPolicy)
	c.Set(fiber.HeaderXContentTypeOptions, "nosniff")
	c.Set(fiber.HeaderReferrerPolicy, "same-origin")
	if !user.IsOperator {
		return s.monitor.viewer(c)
	}
	if err := s.wholesale(c); err != nil {
		return err
	}
	if err := s.monitor.operator(c); err != nil || reads(c.Method()) {
		return err
	}
	if c.Response().StatusCode() < http.StatusBadRequest {
		s.record(c.UserContext(), monitored(caller{User: &user}, s.source(c), c.Method(), strings.Clone(c.Path())))
	}
	return nil
}

// wholesaleMost is how many tasks asynq may run, archive or delete at once. It does so in one script, during which Redis serves
// nobody else: ten thousand take it some tens of milliseconds.
const wholesaleMost = 10_000

// ofWholeQueue is the queue that a request to the monitor changes as a whole; empty for any other.
func ofWholeQueue(method, path string) string {
	rest, ok := strings.CutPrefix(path, monitorPath+"/api/queues/")
	queue, list, of := strings.Cut(rest, "/")
	if !ok || reads(method) || of && !strings.HasSuffix(list, "_all") || !of && method != http.MethodDelete {
		return ""
	}
	return queue
}

// wholesale refuses what would keep Redis from everybody else for long.
func (s *Server) wholesale(c *fiber.Ctx) error {
	queue := ofWholeQueue(c.Method(), c.Path())
	if queue == "" || s.queues == nil {
		return nil
	}
	depths, err := s.queues.Depths(c.UserContext())
	if err != nil {
		return err
	}
	for _, d := range depths {
		if n := d.Pending + d.Active + d.Scheduled + d.Retry + d.Archived; d.Queue == queue && n > wholesaleMost {
			return &Error{Status: http.StatusConflict, Code: "too_many", Message: fmt.Sprintf("%s has %d tasks, and all at once would stop Redis for everybody: change them in parts at %s/tasks", queue, n, operationsPath)}
		}
	}
	return nil
}

// monitored is the entry of the audit log for what was changed in the monitor: its address says what.
func monitored(who caller, ip, method, path string) models.AuditEntry {
	did := strings.TrimPrefix(path, monitorPath+"/api/")
	return models.AuditEntry{Actor: who.operatorActor(), IP: ip, Action: "monitor.used", Object: models.Object{Kind: "monitor", ID: method + " " + did, Name: method + " " + did}}
}
