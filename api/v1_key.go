package api

import (
	"context"
	"net/http"

	"github.com/gofiber/fiber/v2"

	"wabagate/models"
)

func (s *Server) registerKeyRegeneration(r fiber.Router) {
	r.Post("/keys/:id<int>/regenerate", s.client(s.handleKeyRegenerate))
}

// handleKeyRegenerate puts a new key in the place of one, which ends. As at providers of the On-Premises style the webhook
// that was set with a number's key goes with it: whoever had the key may have sent the callbacks elsewhere.
func (s *Server) handleKeyRegenerate(c *fiber.Ctx, who caller) error {
	id, err := pathID(c, "id")
	if err != nil {
		return err
	}
	if o := parseObject(c.Request().Body()); o.err != nil {
		return o.err
	}
	k, token, removed, err := s.regenerateKey(c.UserContext(), who, id)
	if err != nil {
		return err
	}
	said := "Key made anew. It is shown this once, and the one before has ended."
	if removed {
		said += " The number's webhook went with it: set it again with POST /v1/configs/webhook."
	}
	return reply(c, http.StatusOK, keyCreated{k.ID, said, token.Text()})
}

// regenerateKey puts a new key in the place of one; removed says that the number's webhook went with it.
func (s *Server) regenerateKey(ctx context.Context, who caller, id int64) (k models.APIKey, token models.Secret, removed bool, err error) {
	old, err := s.ownKey(ctx, who.Business, id)
	if err != nil {
		return k, "", false, err
	}
	// The old one goes first: should anything fail after that, there is one key less and not one more.
	if err := s.store.DeleteAPIKey(ctx, who.Business, id); err != nil {
		return k, "", false, err
	}
	s.keys.forget()
	if removed, err = s.dropConfigsOf(ctx, who, old); err != nil {
		return k, "", removed, err
	}
	k, token, err = s.store.AddAPIKey(ctx, models.APIKey{BusinessID: who.Business, NumberID: old.NumberID, Name: old.Name, CreatedBy: who.actor().Name})
	if err == nil {
		noteOf(ctx).about("key", k.ID, k.Name).changed("id", id, k.ID)
	}
	return k, token, removed, err
}

// dropConfigsOf removes the webhook that was set with a number's key, and says whether there was one.
func (s *Server) dropConfigsOf(ctx context.Context, who caller, k models.APIKey) (bool, error) {
	if k.NumberID == nil {
		return false, nil
	}
	s.configuring.Lock()
	defer s.configuring.Unlock()
	found, err := s.configs(ctx, numberCaller{who.Business, *k.NumberID})
	if err != nil {
		return false, err
	}
	return len(found) > 0, s.dropConfigs(ctx, found)
}
