package api

import (
	"context"
	"crypto/subtle"
	"net/http"
	"strings"
	"time"

	"github.com/gofiber/fiber/v2"
	"github.com/gofiber/fiber/v2/middleware/adaptor"
	"github.com/prometheus/client_golang/prometheus/promhttp"
)

// readyTimeout bounds a readiness check: an orchestrator asks again soon.
const readyTimeout = 3 * time.Second

// RegisterOperations adds what every process offers, whatever its role: health, readiness and metrics.
func (s *Server) RegisterOperations(app *fiber.App) {
	app.Get("/healthz", func(c *fiber.Ctx) error { return c.SendString("ok") })
	app.Get("/readyz", s.handleReady)
	if s.registry != nil {
		app.Get("/metrics", s.guardMetrics, adaptor.HTTPHandler(promhttp.HandlerFor(s.registry, promhttp.HandlerOpts{})))
	}
}

func (s *Server) handleReady(c *fiber.Ctx) error {
	if s.ready != nil {
		ctx, cancel := context.WithTimeout(c.UserContext(), readyTimeout)
		defer cancel()
		if err := s.ready(ctx); err != nil {
			return c.Status(http.StatusServiceUnavailable).SendString(err.Error())
		}
	}
	return c.SendString("ok")
}

func (s *Server) guardMetrics(c *fiber.Ctx) error {
	if s.token == "" {
		return c.Next()
	}
	given, ok := strings.CutPrefix(c.Get(fiber.HeaderAuthorization), "Bearer ")
	if !ok || subtle.ConstantTimeCompare([]byte(given), []byte(s.token.Text())) != 1 {
		return &Error{Status: http.StatusUnauthorized, Code: "unauthenticated", Message: "the metrics need their Bearer token"}
	}
	return c.Next()
}
