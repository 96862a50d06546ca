package api

import (
	"context"
	"net/http"
	"slices"
	"strings"

	"github.com/gofiber/fiber/v2"

	"wabagate/models"
)

// A number's own webhook, set by its own key, is a webhook as any other: it is in the lists and has a history. Its name and
// its dialect tell it from those that people made; whoever renames it makes it theirs.
const (
	configName    = "v1/configs/webhook"
	configDialect = "onprem"
)

// configJSON is a number's own webhook as providers show it.
type configJSON struct {
	URL     string                   `json:"url"`
	Headers map[string]models.Secret `json:"headers,omitempty"` // names; a value never leaves again
}

func configView(w models.Webhook) configJSON {
	v := configJSON{URL: w.URL, Headers: map[string]models.Secret{}}
	for name := range w.Headers {
		v.Headers[name] = ""
	}
	return v
}

// configs lists the webhooks that were set by a number's key, the oldest first: one, unless two processes made one each at
// the same moment.
func (s *Server) configs(ctx context.Context, who numberCaller) ([]models.Webhook, error) {
	if err := s.directory.Refresh(ctx); err != nil {
		return nil, err
	}
	routes := s.directory.Routes()
	var found []models.Webhook
	for _, id := range routes.OfBusiness[who.Business] {
		if w := routes.Webhooks[id]; w.NumberID != nil && *w.NumberID == who.Number && w.Name == configName && w.Dialect == configDialect {
			found = append(found, w)
		}
	}
	slices.SortFunc(found, func(a, b models.Webhook) int { return int(a.ID - b.ID) })
	return found, nil
}

func (s *Server) handleConfigGet(c *fiber.Ctx, who numberCaller) error {
	found, err := s.configs(c.UserContext(), who)
	if err != nil {
		return err
	}
	if len(found) == 0 {
		return &Error{Status: http.StatusNotFound, Code: "no_webhook", Message: "no webhook is set for this number: set one with POST /v1/configs/webhook"}
	}
	return reply(c, http.StatusOK, configView(found[0]))
}

// handleConfigSet gives the number its webhook, or its webhook another address. An empty address takes it away, as at
// providers that have no other call for it.
func (s *Server) handleConfigSet(c *fiber.Ctx, who numberCaller) error {
	o := parseObject(c.Request().Body(), "url", "headers")
	address, headers := member[string](o, "url", "an address"), member[map[string]string](o, "headers", "an object of names and texts")
	if o.err != nil {
		return o.err
	}
	ch := webhookChange{url: given(strings.TrimSpace(address.value)), headers: headers, active: given(flag(true))}
	switch {
	case !address.given || address.null:
		return invalid("url", codeRequired, "is required: the address that the number's callbacks go to")
	case ch.url.value == "":
		return s.handleConfigDelete(c, who)
	}
	s.configuring.Lock()
	defer s.configuring.Unlock()
	ctx := c.UserContext()
	found, err := s.configs(ctx, who)
	if err != nil {
		return err
	}
	if len(found) == 0 {
		ch.name, ch.dialect, ch.number = given(configName), given(configDialect), given(who.Number)
		ch.events, ch.secret = given([]string{"*"}), maybe[string]{given: true, null: true} // such receivers know no signature
		w, _, err := s.createWebhook(ctx, who.Business, ch)
		if err != nil {
			return err
		}
		return reply(c, http.StatusOK, configView(w))
	}
	if !headers.given {
		ch.headers = maybe[map[string]string]{given: true, null: true} // they went with the address before
	}
	w, _, err := s.updateWebhook(ctx, who.Business, found[0].ID, ch)
	if err != nil {
		return err
	}
	if err := s.dropConfigs(ctx, found[1:]); err != nil {
		return err
	}
	noteOf(ctx).about("webhook", w.ID, w.Name).did("webhook.updated")
	return reply(c, http.StatusOK, configView(w))
}

func (s *Server) handleConfigDelete(c *fiber.Ctx, who numberCaller) error {
	s.configuring.Lock()
	defer s.configuring.Unlock()
	found, err := s.configs(c.UserContext(), who)
	if err != nil {
		return err
	}
	if err := s.dropConfigs(c.UserContext(), found); err != nil {
		return err
	}
	noteOf(c.UserContext()).did("webhook.deleted")
	said := "Webhook removed."
	if len(found) == 0 {
		said = "No webhook was set."
	}
	return reply(c, http.StatusOK, message{said})
}

func (s *Server) dropConfigs(ctx context.Context, ws []models.Webhook) error {
	for _, w := range ws {
		if err := s.deleteWebhook(ctx, w.BusinessID, w.ID); err != nil {
			return err
		}
	}
	return nil
}
