package api

import (
	"context"
	"crypto/subtle"
	"errors"
	"net/http"
	"strings"
	"time"

	"github.com/gofiber/fiber/v2"
	"github.com/gofiber/fiber/v2/middleware/adaptor"
	"github.com/prometheus/client_golang/prometheus/promhttp"
)

// readyTimeout bounds a readiness check: an orchestrator asks again soon.
const readyTimeout = 3 * time.Second

// RegisterOperations adds what every process offers, whatever its role: health, readiness, metrics and profiles.
func (s *Server) RegisterOperations(app *fiber.App) {
	app.Get("/healthz", func(c *fiber.Ctx) error { return c.SendString("ok") })
	app.Get("/readyz", s.handleReady)
	if s.registry != nil {
		app.Get("/metrics", s.guardMetrics, adaptor.HTTPHandler(promhttp.HandlerFor(s.registry, promhttp.HandlerOpts{})))
	}
	s.registerDebug(app)
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

// guardMetrics lets through who has the token, who is logged in as an operator, and everybody where that is configured.
func (s *Server) guardMetrics(c *fiber.Ctx) error {
	if s.metricsOpen {
		return c.Next()
	}
	if given, ok := strings.CutPrefix(c.Get(fiber.HeaderAuthorization), "Bearer "); ok && s.token != "" &&
		subtle.ConstantTimeCompare([]byte(given), []byte(s.token.Text())) == 1 {
		return c.Next()
	}
	err := s.operator(c, "the metrics are")
	if errors.Is(err, errUnauthenticated) {
		return &Error{Status: http.StatusUnauthorized, Code: "unauthenticated",
			Message: "the metrics need the token of WABAGATE_METRICS_TOKEN as Authorization: Bearer, or an operator's session; WABAGATE_METRICS_OPEN=true opens them to everybody"}
	}
	if err != nil {
		return err
	}
	return c.Next()
}
