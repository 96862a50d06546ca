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

// Addresses finds whose address a callback came to, from memory.
type Addresses interface {
	App(name string) (models.App, bool)
	// NumberByToken finds the number whose On-Premises style address has the token.
	NumberByToken(token string) (models.Number, bool)
}

// Handler answers the platform.
type Handler struct {
	addresses Addresses
	accept    *Acceptor
	log       *slog.Logger
	m         *Metrics
}

// Register adds the callback routes to an app whose body limit is MaxBody and which does not parse multipart forms.
func Register(app fiber.Router, addresses Addresses, a *Acceptor, log *slog.Logger, m *Metrics) {
	h := &Handler{addresses: addresses, accept: a, log: log.With("component", "gateway"), m: m}
	app.Get("/webhooks/cloud/:app", h.handshake)
	app.Post("/webhooks/cloud/:app", h.answering(h.takeCloud, "the signature does not fit this app\n"))
	app.Post("/webhooks/onprem/:token", h.answering(h.takeOnPremises, "no number has this address\n"))
}

// handshake is the verification of the callback address: the right token gets the challenge back as it came, everything
// else 403. It carries no signature.
func (h *Handler) handshake(c *fiber.Ctx) error {
	app, _ := h.addresses.App(c.Params("app"))
	answer, status := waba.Handshake(c.Query("hub.mode"), c.Query("hub.verify_token"), c.Query("hub.challenge"), app.VerifyToken.Text())
	if status != fiber.StatusOK {
		return c.Status(fiber.StatusForbidden).SendString("the verify token or the mode is wrong\n")
	}
	c.Set(fiber.HeaderContentType, fiber.MIMETextPlainCharsetUTF8)
	c.Set(fiber.HeaderXContentTypeOptions, "nosniff")
	return c.SendString(answer)
}

// answering takes one callback and says what became of it. An unknown address and a wrong signature look the same from
// outside.
func (h *Handler) answering(take func(*fiber.Ctx, time.Time) int, refused string) fiber.Handler {
	return func(c *fiber.Ctx) error {
		began := time.Now()
		status := take(c, began)
		h.m.acknowledged(status, len(c.Request().Body()), time.Since(began))
		c.Status(status)
		switch status {
		case fiber.StatusOK:
			return nil
		case fiber.StatusUnauthorized:
			return c.SendString(refused)
		default:
			return c.SendString("not kept; send it again\n")
		}
	}
}

// takeCloud takes a callback of the platform: signed with one of the app's secrets.
func (h *Handler) takeCloud(c *fiber.Ctx, at time.Time) int {
	app, ok := h.addresses.App(c.Params("app"))
	secrets := make([][]byte, len(app.Secrets))
	for i, s := range app.Secrets {
		secrets[i] = []byte(s.Text())
	}
	raw := c.Request().Body() // as it came: what was signed
	if !waba.Verify(raw, c.Get(waba.SignatureHeader), secrets...) || !ok {
		return fiber.StatusUnauthorized
	}
	return h.keep(c, models.Callback{AppID: app.ID, ReceivedAt: at.UTC()}, app.Name)
}

// takeOnPremises takes a callback of a provider, which signs nothing: the address is the secret.
func (h *Handler) takeOnPremises(c *fiber.Ctx, at time.Time) int {
	n, ok := h.addresses.NumberByToken(c.Params("token"))
	if !ok {
		return fiber.StatusUnauthorized
	}
	return h.keep(c, models.Callback{NumberID: n.ID, ReceivedAt: at.UTC()}, n.PhoneNumberID)
}

func (h *Handler) keep(c *fiber.Ctx, cb models.Callback, from string) int {
	cb.Body = bytes.Clone(c.Request().Body()) // the server reuses its buffer when the handler returns
	err := h.accept.Accept(c.Context(), cb)
	switch {
	case err == nil:
		return fiber.StatusOK
	case errors.Is(err, ErrUnavailable):
	default:
		h.log.Error("callback not kept", "from", from, "bytes", len(cb.Body), "error", err)
	}
	return fiber.StatusServiceUnavailable
}
