package gateway

import (
	"bytes"
	"errors"
	"log/slog"
	"time"

	"github.com/gofiber/fiber/v2"

	"wabagate/models"
	"wabagate/waba"
)

// MaxBody is the largest callback that is taken, in bytes. The platform's own limit is 3 MB.
const MaxBody = 4 << 20

// Apps finds the app of a name, from memory.
type Apps interface {
	App(name string) (models.App, bool)
}

// Handler answers the platform.
type Handler struct {
	apps   Apps
	accept *Acceptor
	log    *slog.Logger
	m      *Metrics
}

// Register adds the callback routes to an app whose body limit is MaxBody and which does not parse multipart forms.
func Register(app fiber.Router, apps Apps, a *Acceptor, log *slog.Logger, m *Metrics) {
	h := &Handler{apps: apps, accept: a, log: log.With("component", "gateway"), m: m}
	app.Get("/webhooks/cloud/:app", h.handshake)
	app.Post("/webhooks/cloud/:app", h.callback)
}

// handshake is the verification of the callback address: the right token gets the challenge back as it came, everything
// else 403. It carries no signature.
func (h *Handler) handshake(c *fiber.Ctx) error {
	app, _ := h.apps.App(c.Params("app"))
	answer, status := waba.Handshake(c.Query("hub.mode"), c.Query("hub.verify_token"), c.Query("hub.challenge"), app.VerifyToken.Text())
	if status != fiber.StatusOK {
		return c.Status(fiber.StatusForbidden).SendString("the verify token or the mode is wrong\n")
	}
	c.Set(fiber.HeaderContentType, fiber.MIMETextPlainCharsetUTF8)
	c.Set(fiber.HeaderXContentTypeOptions, "nosniff")
	return c.SendString(answer)
}

// callback takes one callback. An unknown app and a wrong signature look the same from outside.
func (h *Handler) callback(c *fiber.Ctx) error {
	began := time.Now()
	status := h.take(c, began)
	h.m.acknowledged(status, time.Since(began))
	c.Status(status)
	switch status {
	case fiber.StatusOK:
		return nil
	case fiber.StatusUnauthorized:
		return c.SendString("the signature does not fit this app\n")
	default:
		return c.SendString("not kept; send it again\n")
	}
}

func (h *Handler) take(c *fiber.Ctx, at time.Time) int {
	app, ok := h.apps.App(c.Params("app"))
	secrets := make([][]byte, len(app.Secrets))
	for i, s := range app.Secrets {
		secrets[i] = []byte(s.Text())
	}
	raw := c.Request().Body() // as it came: what was signed
	if !waba.Verify(raw, c.Get(waba.SignatureHeader), secrets...) || !ok {
		return fiber.StatusUnauthorized
	}
	// The server reuses its buffer when the handler returns.
	err := h.accept.Accept(c.Context(), app.ID, at.UTC(), bytes.Clone(raw))
	switch {
	case err == nil:
		return fiber.StatusOK
	case errors.Is(err, ErrUnavailable):
	default:
		h.log.Error("callback not kept", "app", app.Name, "bytes", len(raw), "error", err)
	}
	return fiber.StatusServiceUnavailable
}
