package api

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/gofiber/fiber/v2"

	"wabagate/fanout/event"
	"wabagate/models"
)

func (s *Server) registerKeys(r fiber.Router) {
	r.Get("/keys", s.client(s.handleKeyList))
	r.Post("/keys", s.client(s.handleKeyCreate))
	r.Put("/keys/:id<int>", s.client(s.handleKeyRename))
	r.Delete("/keys/:id<int>", s.client(s.handleKeyDelete))
}

type keyJSON struct {
	ID        int64      `json:"id"`
	Name      string     `json:"name"`
	Prefix    string     `json:"prefix"`
	NumberID  *int64     `json:"number_id"` // null: the whole business
	CreatedAt event.Time `json:"created_at"`
	// CreatedBy is what whoever made it was called then; empty: not known.
	CreatedBy  string      `json:"created_by"`
	LastUsedAt *event.Time `json:"last_used_at"` // give or take a minute; null: never yet
}

func keyView(k models.APIKey) keyJSON {
	v := keyJSON{ID: k.ID, Name: k.Name, Prefix: k.Prefix, NumberID: k.NumberID, CreatedAt: event.Time{Time: k.CreatedAt}, CreatedBy: k.CreatedBy}
	if k.LastUsedAt != nil {
		v.LastUsedAt = timeView(*k.LastUsedAt)
	}
	return v
}

// noteKeyUse keeps when a key was last used. Nobody waits for it.
func (s *Server) noteKeyUse(id int64, at time.Time) {
	s.tail.do(func(ctx context.Context) {
		if err := s.store.KeyUsed(ctx, id, at); err != nil {
			s.log.Warn("use of a key not noted", "key_id", id, "error", err)
		}
	})
}

func (s *Server) handleKeyList(c *fiber.Ctx, who caller) error {
	ks, err := s.store.APIKeys(c.UserContext(), who.Business)
	if err != nil {
		return err
	}
	return reply(c, http.StatusOK, map[string][]keyJSON{"keys": views(ks, keyView)})
}

// keyCreated is a new key, which is shown this once.
type keyCreated struct {
	ID      int64  `json:"id"`
	Message string `json:"message"`
	Key     string `json:"key"`
}

func (s *Server) handleKeyCreate(c *fiber.Ctx, who caller) error {
	o := parseObject(c.Request().Body(), "name", "number_id")
	name, of := member[string](o, "name", "text"), member[int64](o, "number_id", "the id of a number, or null for the whole business")
	if o.err != nil {
		return o.err
	}
	var numberID *int64
	if of.given && !of.null {
		numberID = &of.value
	}
	k, token, err := s.createKey(c.UserContext(), who, name, numberID)
	if err != nil {
		return err
	}
	return reply(c, http.StatusCreated, keyCreated{k.ID, "Key created. It is shown this once.", token.Text()})
}

// createKey makes a key of a business or, with a number, of that alone.
func (s *Server) createKey(ctx context.Context, who caller, name maybe[string], numberID *int64) (k models.APIKey, token models.Secret, err error) {
	label, err := keyName(name)
	if err != nil {
		return k, "", err
	}
	if numberID != nil {
		ns, err := s.store.Numbers(ctx, who.Business)
		if err != nil {
			return k, "", err
		}
		if !owns(ns, *numberID) {
			return k, "", invalid("number_id", codeInvalid, "is not one of your numbers")
		}
	}
	k, token, err = s.store.AddAPIKey(ctx, models.APIKey{BusinessID: who.Business, NumberID: numberID, Name: label, CreatedBy: who.actor().Name})
	if err == nil {
		noteOf(ctx).about("key", k.ID, k.Name)
	}
	return k, token, err
}

func keyName(given maybe[string]) (string, error) {
	name := strings.TrimSpace(given.value)
	return name, checkText("name", name, true, maxName)
}

func (s *Server) handleKeyRename(c *fiber.Ctx, who caller) error {
	id, err := pathID(c, "id")
	if err != nil {
		return err
	}
	o := parseObject(c.Request().Body(), "name")
	given := member[string](o, "name", "text")
	if o.err != nil {
		return o.err
	}
	if err := s.renameKey(c.UserContext(), who.Business, id, given); err != nil {
		return err
	}
	return reply(c, http.StatusOK, message{"Key renamed."})
}

// renameKey calls a key of a business something else.
func (s *Server) renameKey(ctx context.Context, businessID, id int64, given maybe[string]) error {
	name, err := keyName(given)
	if err != nil {
		return err
	}
	before, err := s.store.RenameAPIKey(ctx, businessID, id, name)
	if err != nil {
		return err
	}
	s.keys.forget()
	noteOf(ctx).about("key", id, name).changed("name", before.Name, name)
	return nil
}

func (s *Server) handleKeyDelete(c *fiber.Ctx, who caller) error {
	id, err := pathID(c, "id")
	if err != nil {
		return err
	}
	if err := s.deleteKey(c.UserContext(), who.Business, id); err != nil {
		return err
	}
	return reply(c, http.StatusOK, message{"Key deleted."})
}

func (s *Server) deleteKey(ctx context.Context, businessID, id int64) error {
	gone, err := s.ownKey(ctx, businessID, id)
	if err != nil {
		return err
	}
	if err := s.store.DeleteAPIKey(ctx, businessID, id); err != nil {
		return err
	}
	s.keys.forget()
	noteOf(ctx).about("key", id, gone.Name)
	return nil
}

// ownKey reads a key of a business.
func (s *Server) ownKey(ctx context.Context, businessID, id int64) (models.APIKey, error) {
	ks, err := s.store.APIKeys(ctx, businessID)
	if err != nil {
		return models.APIKey{}, err
	}
	i := slices.IndexFunc(ks, func(k models.APIKey) bool { return k.ID == id })
	if i < 0 {
		return models.APIKey{}, fmt.Errorf("key %d: %w", id, models.ErrNotFound)
	}
	return ks[i], nil
}
