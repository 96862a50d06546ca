package api

import (
	"errors"
	"net/http"
	"net/url"
	"strings"

	"github.com/gofiber/fiber/v2"
	"github.com/gofiber/fiber/v2/middleware/adaptor"
	"github.com/hibiken/asynqmon"
	"github.com/redis/go-redis/v9"
)

const monitorPath = "/monitor"

// monitorPolicy lets asynqmon's own page work, whose HTML starts with inline scripts. Its fonts from outside stay out.
const monitorPolicy = "default-src 'none'; script-src 'self' 'unsafe-inline'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; " +
	"font-src 'self' data:; connect-src 'self'; manifest-src 'self'; base-uri 'self'; form-action 'self'; frame-ancestors 'none'"

// monitor is the web page of the queues. Payloads may be seen in it: they hold ids only.
type monitor struct {
	page  *asynqmon.HTTPHandler
	serve fiber.Handler
}

// monitorRedis hands asynqmon a client made elsewhere.
type monitorRedis func() redis.UniversalClient

func (m monitorRedis) MakeRedisClient() any { return m() }

func newMonitor(client func() redis.UniversalClient) *monitor {
	page := asynqmon.New(asynqmon.Options{RootPath: monitorPath, RedisConnOpt: monitorRedis(client)})
	return &monitor{page: page, serve: adaptor.HTTPHandler(page)}
}

// close ends the monitor's connections; those that somebody else closed already are no error.
func (m *monitor) close() error {
	if err := m.page.Close(); err != nil && !errors.Is(err, redis.ErrClosed) {
		return err
	}
	return nil
}

func (s *Server) registerMonitor(app *fiber.App) {
	if s.monitor == nil {
		return
	}
	for _, path := range []string{monitorPath, monitorPath + "/*"} {
		app.All(path, s.fence, s.operatorsOnly, s.monitor.serve)
	}
}

// operatorsOnly sends strangers to the login and refuses users who are no operators.
func (s *Server) operatorsOnly(c *fiber.Ctx) error {
	user, err := s.sessionUser(c)
	if errors.Is(err, errUnauthenticated) && c.Method() == http.MethodGet && !strings.HasPrefix(c.Path(), monitorPath+"/api/") {
		return c.Redirect("/login?next="+url.QueryEscape(monitorPath+"/"), http.StatusFound)
	}
	if err != nil {
		return err
	}
	if !user.IsOperator {
		return &Error{Status: http.StatusForbidden, Code: "operators_only", Message: "the queues are for operators"}
	}
	c.Set(fiber.HeaderContentSecurityPolicy, monitorPolicy)
	c.Set(fiber.HeaderXContentTypeOptions, "nosniff")
	c.Set(fiber.HeaderReferrerPolicy, "same-origin")
	return c.Next()
}
