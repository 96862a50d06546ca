package api

import (
	"net/http"
	"strings"

	"github.com/gofiber/fiber/v2"

	"wabagate/fanout/event"
)

func (s *Server) registerKeys(r fiber.Router) {
	r.Get("/keys", s.client(s.handleKeyList))
	r.Post("/keys", s.client(s.handleKeyCreate))
	r.Delete("/keys/:id<int>", s.client(s.handleKeyDelete))
}

type keyJSON struct {
	ID        int64      `json:"id"`
	Name      string     `json:"name"`
	Prefix    string     `json:"prefix"`
	NumberID  *int64     `json:"number_id"` // null: the whole business
	CreatedAt event.Time `json:"created_at"`
}

func (s *Server) handleKeyList(c *fiber.Ctx, who caller) error {
	ks, err := s.store.APIKeys(c.UserContext(), who.Business)
	if err != nil {
		return err
	}
	list := make([]keyJSON, len(ks))
	for i, k := range ks {
		list[i] = keyJSON{ID: k.ID, Name: k.Name, Prefix: k.Prefix, NumberID: k.NumberID, CreatedAt: event.Time{Time: k.CreatedAt}}
	}
	return reply(c, http.StatusOK, map[string][]keyJSON{"keys": list})
}

func (s *Server) handleKeyCreate(c *fiber.Ctx, who caller) error {
	o := parseObject(c.Request().Body(), "name", "number_id")
	name, of := member[string](o, "name", "text"), member[int64](o, "number_id", "the id of a number, or null for the whole business")
	if o.err != nil {
		return o.err
	}
	label := strings.TrimSpace(name.value)
	if err := checkText("name", label, true, maxName); err != nil {
		return err
	}
	var numberID *int64
	if of.given && !of.null {
		ns, err := s.store.Numbers(c.UserContext(), who.Business)
		if err != nil {
			return err
		}
		if !owns(ns, of.value) {
			return invalid("number_id", codeInvalid, "is not one of your numbers")
		}
		numberID = &of.value
	}
	k, token, err := s.store.CreateAPIKey(c.UserContext(), who.Business, numberID, label)
	if err != nil {
		return err
	}
	return reply(c, http.StatusCreated, struct {
		ID      int64  `json:"id"`
		Message string `json:"message"`
		Key     string `json:"key"`
	}{k.ID, "Key created. It is shown this once.", token.Text()})
}

func (s *Server) handleKeyDelete(c *fiber.Ctx, who caller) error {
	id, err := pathID(c, "id")
	if err != nil {
		return err
	}
	if err := s.store.DeleteAPIKey(c.UserContext(), who.Business, id); err != nil {
		return err
	}
	s.keys.forget()
	return reply(c, http.StatusOK, message{"Key deleted."})
}
