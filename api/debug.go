package api

import (
	"net/http"
	"net/http/pprof"

	"github.com/gofiber/fiber/v2"
	"github.com/gofiber/fiber/v2/middleware/adaptor"
)

// debugPath is where the Go runtime's profiles are, under the names that go tool pprof asks for.
const debugPath = "/debug/pprof"

// registerDebug serves profiles to operators. They show how the program works and not what passes through it, but a heap
// is large and a CPU profile costs while it runs: neither is for strangers.
func (s *Server) registerDebug(app *fiber.App) {
	profiles := http.NewServeMux()
	profiles.HandleFunc(debugPath+"/", pprof.Index)
	profiles.HandleFunc(debugPath+"/cmdline", pprof.Cmdline)
	profiles.HandleFunc(debugPath+"/profile", pprof.Profile)
	profiles.HandleFunc(debugPath+"/symbol", pprof.Symbol)
	profiles.HandleFunc(debugPath+"/trace", pprof.Trace)
	app.Get("/debug", s.guardDebug, func(c *fiber.Ctx) error { return c.Redirect(debugPath+"/", http.StatusFound) })
	app.Get("/debug/*", s.guardDebug, adaptor.HTTPHandler(profiles))
}

func (s *Server) guardDebug(c *fiber.Ctx) error {
	if err := s.operator(c, "profiles are"); err != nil {
		return err
	}
	c.Set(fiber.HeaderXContentTypeOptions, "nosniff")
	c.Set(fiber.HeaderContentSecurityPolicy, "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'")
	c.Set(fiber.HeaderCacheControl, "no-store")
	return c.Next()
}

// operator refuses everybody who is not logged in as an operator; what says what is for operators.
func (s *Server) operator(c *fiber.Ctx, what string) error {
	user, err := s.sessionUser(c)
	if err == nil && !user.IsOperator {
		err = &Error{Status: http.StatusForbidden, Code: "operators_only", Message: what + " for operators"}
	}
	return err
}
