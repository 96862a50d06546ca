package api

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"time"

	"github.com/gofiber/fiber/v2"

	"wabagate/models"
)

// Sending takes what numbers are to send.
type Sending interface {
	// Queue keeps messages and sees to it that they are sent. The answer is in the order of the question; a message whose key
	// was used before is the one of then, with Existed.
	Queue(ctx context.Context, sends ...models.Send) ([]models.Send, error)
	// Await answers a message as soon as it is settled, or as it stands when the time is over.
	Await(ctx context.Context, id int64, timeout time.Duration) (models.Send, error)
}

// keyHeader carries a number's key where receivers and senders written for 360dialog put it.
const keyHeader = "D360-API-KEY"

// registerNumberAPI adds what a number's own key opens.
func (s *Server) registerNumberAPI(r fiber.Router) {
	r.Post("/messages", s.number(s.handleMessageSend))
	r.Get("/messages/*", s.number(s.handleMessageGet)) // a wamid may hold a slash
	r.Put("/messages/*", s.number(s.handleMessageRead))
	r.Get("/configs/webhook", s.number(s.handleConfigGet))
	r.Post("/configs/webhook", s.number(s.handleConfigSet))
	r.Delete("/configs/webhook", s.number(s.handleConfigDelete))
	s.registerMediaAPI(r)
}

// numberCaller is the number whose key a program has.
type numberCaller struct{ Business, Number int64 }

// numberHandler is a handler that knows which number is calling.
type numberHandler func(c *fiber.Ctx, who numberCaller) error

var (
	errNumberKey   = &Error{Status: http.StatusUnauthorized, Code: "unauthenticated", Message: "send the number's key as D360-API-KEY: wbn_… or as Authorization: Bearer wbn_…"}
	errBusinessKey = &Error{Status: http.StatusForbidden, Code: "business_key", Message: "this key opens a business; use the key of one number (wbn_…) here: POST /api/client/keys with its number_id makes one"}
)

// number lets a number's key through to h. There are no cookies here, so that no other site can make a browser call.
func (s *Server) number(h numberHandler) fiber.Handler {
	return func(c *fiber.Ctx) error {
		ctx, cancel := context.WithTimeout(c.UserContext(), requestTimeout)
		defer cancel()
		c.SetUserContext(ctx)
		token := numberToken(c.Get(keyHeader), c.Get(fiber.HeaderAuthorization))
		if token == "" {
			return errNumberKey
		}
		key, err := s.keys.find(ctx, token)
		switch {
		case errors.Is(err, models.ErrNotFound):
			return errNumberKey
		case err != nil:
			return err
		case key.NumberID == nil:
			return errBusinessKey
		}
		// Of what a number's key does, changes of webhooks are in the audit log; messages have a history of their own.
		told := &note{}
		c.SetUserContext(context.WithValue(ctx, noteKey{}, told))
		if err := h(c, numberCaller{key.BusinessID, *key.NumberID}); err != nil {
			return err
		}
		if told.object.Kind != "" {
			s.audit(c, caller{Business: key.BusinessID, Key: &key}, told)
		}
		return nil
	}
}

// numberToken is the key of a request: the number's own header comes before the general one.
func numberToken(own, authorization string) models.Secret {
	if own = strings.TrimSpace(own); own != "" {
		return models.Secret(own)
	}
	scheme, token, _ := strings.Cut(authorization, " ")
	if !strings.EqualFold(scheme, "Bearer") {
		return ""
	}
	return models.Secret(strings.TrimSpace(token))
}
