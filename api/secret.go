package api

import (
	"context"
	"net/http"

	"github.com/gofiber/fiber/v2"

	"wabagate/fanout/signature"
	"wabagate/models"
)

func (s *Server) registerSecrets(r fiber.Router) {
	r.Get("/webhooks/:id<int>/secret", s.client(s.handleSecretGet))
	r.Post("/webhooks/:id<int>/secret/rotate", s.client(s.handleSecretRotate))
}

// secretJSON is null for a webhook whose deliveries are unsigned.
type secretJSON struct {
	Secret *string `json:"secret"`
}

func (s *Server) handleSecretGet(c *fiber.Ctx, who caller) error {
	id, err := pathID(c, "id")
	if err != nil {
		return err
	}
	w, err := s.store.Webhook(c.UserContext(), who.Business, id)
	if err != nil {
		return err
	}
	var answer secretJSON
	if w.Secret != "" {
		text := w.Secret.Text()
		answer.Secret = &text
	}
	return reply(c, http.StatusOK, answer)
}

func (s *Server) handleSecretRotate(c *fiber.Ctx, who caller) error {
	id, err := pathID(c, "id")
	if err != nil {
		return err
	}
	o := parseObject(c.Request().Body(), "overlap_seconds")
	overlap := member[int64](o, "overlap_seconds", "a number of seconds")
	if o.err != nil {
		return o.err
	}
	if overlap.value != 0 {
		return invalid("overlap_seconds", codeUnavailable, "can only be 0 in this version: the old secret ends at once")
	}
	secret, err := s.rotateSecret(c.UserContext(), who.Business, id)
	if err != nil {
		return err
	}
	text := secret.Text()
	return reply(c, http.StatusOK, secretJSON{&text})
}

// rotateSecret gives a webhook a new random secret; the old one is over.
func (s *Server) rotateSecret(ctx context.Context, businessID, id int64) (models.Secret, error) {
	secret := models.Secret(signature.NewRandomSecret().Text())
	_, err := s.store.UpdateWebhook(ctx, businessID, id, func(w *models.Webhook) error {
		w.Secret = secret
		return nil
	})
	if err != nil {
		return "", err
	}
	s.refresh(ctx)
	return secret, nil
}
