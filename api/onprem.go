package api

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"net/http"

	"github.com/gofiber/fiber/v2"

	"wabagate/models"
)

func (s *Server) registerOnPremises(r fiber.Router) {
	r.Post("/numbers/:id<int>/onprem-token", s.client(s.handleTokenCreate))
	r.Delete("/numbers/:id<int>/onprem-token", s.client(s.handleTokenDelete))
}

// person refuses programs: what a key that leaked could do must not let strangers' callbacks in.
func person(who caller) error {
	if who.User == nil {
		return &Error{Status: http.StatusForbidden, Code: "session_only", Message: "a key cannot do this; log in and do it as a person"}
	}
	return nil
}

// addressCreated is a number's On-Premises address, which is shown this once.
type addressCreated struct {
	URL     string `json:"url"`
	Token   string `json:"token"`
	Message string `json:"message"`
}

// handleTokenCreate makes the address to which an On-Premises style provider posts what happens on a number. Whoever
// knows the address is believed, so it is shown this once; a new one ends the one before.
func (s *Server) handleTokenCreate(c *fiber.Ctx, who caller) error {
	id, err := pathID(c, "id")
	if err != nil {
		return err
	}
	if err := person(who); err != nil {
		return err
	}
	if o := parseObject(c.Request().Body()); o.err != nil {
		return o.err
	}
	token, err := s.setAddress(c.UserContext(), who.Business, id, addressToken())
	if err != nil {
		return err
	}
	return reply(c, http.StatusOK, addressCreated{s.base(c) + "/webhooks/onprem/" + token.Text(), token.Text(), "Give this address to your provider. It is shown this once, and an earlier one has ended."})
}

// setAddress gives a number an On-Premises address, or with an empty token none.
func (s *Server) setAddress(ctx context.Context, businessID, id int64, token models.Secret) (models.Secret, error) {
	if err := s.store.SetNumberToken(ctx, businessID, id, token); err != nil {
		return "", err
	}
	s.refresh(ctx)
	return token, nil
}

// addressToken is the secret part of an address: 32 random bytes in the letters of URLs.
func addressToken() models.Secret {
	var b [32]byte
	_, _ = rand.Read(b[:]) // never fails
	return models.Secret(base64.RawURLEncoding.EncodeToString(b[:]))
}

func (s *Server) handleTokenDelete(c *fiber.Ctx, who caller) error {
	id, err := pathID(c, "id")
	if err != nil {
		return err
	}
	if err := person(who); err != nil {
		return err
	}
	if _, err := s.setAddress(c.UserContext(), who.Business, id, ""); err != nil {
		return err
	}
	return reply(c, http.StatusOK, message{"The On-Premises address has ended."})
}

// base is the address of this server without a slash at the end: the configured one, or the one the caller used.
func (s *Server) base(c *fiber.Ctx) string {
	if s.publicURL != "" {
		return s.publicURL
	}
	return c.BaseURL()
}
