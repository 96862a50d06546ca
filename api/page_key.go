package api

import (
	"context"
	"fmt"
	"strconv"
	"strings"

	"github.com/gofiber/fiber/v2"

	"wabagate/api/dashboard"
	"wabagate/models"
)

// registerKeyPages adds the pages of the keys of programs.
func (s *Server) registerKeyPages(app *fiber.App) {
	app.Get("/team/keys", s.page(s.pageKeys))
	app.Post("/team/keys", s.fence, s.page(s.submitTeamKey))
	app.Get("/team/keys/:id<int>", s.page(s.pageKey))
	app.Post("/team/keys/:id<int>/rename", s.fence, s.page(s.submitKeyRename))
	app.Post("/team/keys/:id<int>/regenerate", s.fence, s.page(s.submitTeamKeyRegenerate))
	app.Get("/team/keys/:id<int>/regenerate", func(c *fiber.Ctx) error { return back(c, "/team/keys", "") })
	app.Post("/team/keys/:id<int>/delete", s.fence, s.page(s.submitKeyEnd))
}

// placeholderKey stands in commands where the key goes.
const placeholderKey = "$WABAGATE_KEY"

// usageOf are commands to try keys with at this server; key stands where the key goes. whole and one say which are wanted.
func (s *Server) usageOf(c *fiber.Ctx, key string, whole, one bool) (u dashboard.Usage) {
	if whole {
		u.Whole = fmt.Sprintf("curl %s/api/client/webhooks \\\n  -H \"Authorization: Bearer %s\"", s.base(c), key)
	}
	if one {
		u.One = fmt.Sprintf("curl %s/v1/messages \\\n  -H \"D360-API-KEY: %s\" \\\n  -H \"Content-Type: application/json\" \\\n  -d '{\"to\":\"15551234567\",\"type\":\"text\",\"text\":{\"body\":\"Hello\"}}'", s.base(c), key)
	}
	return u
}

func (s *Server) keyItem(k models.APIKey, numbers []models.Number) dashboard.APIKey {
	item := dashboard.APIKey{ID: k.ID, Name: k.Name, Prefix: k.Prefix, By: k.CreatedBy, Made: dashboard.NewWhen(k.CreatedAt, s.now())}
	if k.LastUsedAt != nil {
		item.LastUse = dashboard.NewWhen(*k.LastUsedAt, s.now())
	}
	if k.NumberID != nil {
		item.Number = "a number"
		for _, n := range numbers {
			if n.ID == *k.NumberID {
				item.Number = numberText(n)
			}
		}
	}
	return item
}

func (s *Server) pageKeys(c *fiber.Ctx, who caller) error {
	return s.showKeys(c, who, typedForm{}, nil)
}

// showKeys draws the keys, with the form of a new one as it came back or a key that was made.
func (s *Server) showKeys(c *fiber.Ctx, who caller, in typedForm, fresh *dashboard.FreshKey) error {
	ks, err := s.store.APIKeys(c.UserContext(), who.Business)
	if err != nil {
		return err
	}
	numbers, err := s.store.Numbers(c.UserContext(), who.Business)
	if err != nil {
		return err
	}
	view := dashboard.Keys{Shell: shell(who, "API keys"), Pages: teamTabs(who, "/team/keys"), Fresh: fresh, Usage: s.usageOf(c, placeholderKey, true, len(numbers) > 0)}
	if ks, view.Pager, err = stretch(c, "/team/keys", ks); err != nil {
		return err
	}
	view.Keys = views(ks, func(k models.APIKey) dashboard.APIKey { return s.keyItem(k, numbers) })
	if who.may(owners) {
		opens := []dashboard.Choice{{Value: "", Label: "The whole business"}}
		for _, n := range numbers {
			opens = append(opens, dashboard.Choice{Value: strconv.FormatInt(n.ID, 10), Label: "Only " + numberText(n)})
		}
		view.Fields = in.fields(dashboard.Field{Name: "name", Label: "Name", Required: true, Max: maxName, Placeholder: "CRM", Hint: "The program that will have it, so that you know later which to end."},
			dashboard.Field{Name: "number_id", Label: "What it opens", Type: "select", Options: opens})
		view.Error = in.general(view.Fields)
	}
	return s.render(c, in.status(), view)
}

func (s *Server) submitTeamKey(c *fiber.Ctx, who caller) error {
	in := readForm(c, "name", "number_id")
	k, token, err := s.createTypedKey(c.UserContext(), who, in)
	if err == nil {
		return s.showKeys(c, who, typedForm{}, &dashboard.FreshKey{Name: k.Name, Key: token.Text(), Usage: s.usageOf(c, token.Text(), k.NumberID == nil, k.NumberID != nil)})
	}
	if err := in.refuse(err); err != nil {
		return err
	}
	return s.showKeys(c, who, in, nil)
}

func (s *Server) createTypedKey(ctx context.Context, who caller, in typedForm) (models.APIKey, models.Secret, error) {
	var numberID *int64
	if text := in.values["number_id"]; text != "" {
		id, err := strconv.ParseInt(text, 10, 64)
		if err != nil {
			return models.APIKey{}, "", invalid("number_id", codeInvalid, "is not one of your numbers")
		}
		numberID = &id
	}
	return s.createKey(ctx, who, maybe[string]{value: in.values["name"]}, numberID)
}

func (s *Server) pageKey(c *fiber.Ctx, who caller) error {
	id, err := pathID(c, "id")
	if err != nil {
		return err
	}
	return s.showKey(c, who, id, nil, nil)
}

// showKey draws the page of a key, with the form as it came back, or with the key itself if it was made anew.
func (s *Server) showKey(c *fiber.Ctx, who caller, id int64, wrong error, fresh *dashboard.FreshKey) error {
	k, err := s.ownKey(c.UserContext(), who.Business, id)
	if err != nil {
		return err
	}
	numbers, err := s.store.Numbers(c.UserContext(), who.Business)
	if err != nil {
		return err
	}
	in := typedForm{values: map[string]string{"name": k.Name}}
	view := dashboard.Key{Shell: shell(who, k.Name), Above: []dashboard.Crumb{{Label: "API keys", Path: "/team/keys"}}, Key: s.keyItem(k, numbers), Fresh: fresh,
		Usage: s.usageOf(c, placeholderKey, k.NumberID == nil, k.NumberID != nil),
		End:   dashboard.Danger{Summary: "End this key…", Text: "Programs that use it are turned away at once. This cannot be undone.", Button: "End this key", Action: fmt.Sprintf("/team/keys/%d/delete", id), Word: k.Name}}
	status := 0
	switch e := public(wrong); {
	case e != nil && e.Field == "confirm":
		view.End.Error, status = sentence(e), e.Status
	case wrong != nil:
		in = readForm(c, "name")
		if err := in.refuse(wrong); err != nil {
			return err
		}
	}
	view.Fields = in.fields(dashboard.Field{Name: "name", Label: "What the key is for", Required: true, Max: maxName})
	view.Error = in.general(view.Fields)
	return s.render(c, max(status, in.status()), view)
}

func (s *Server) submitKeyRename(c *fiber.Ctx, who caller) error {
	id, err := pathID(c, "id")
	if err != nil {
		return err
	}
	if err := s.renameKey(c.UserContext(), who.Business, id, maybe[string]{value: strings.Clone(c.FormValue("name"))}); err != nil {
		return s.showKey(c, who, id, err, nil)
	}
	return back(c, fmt.Sprintf("/team/keys/%d", id), "key-renamed")
}

func (s *Server) submitTeamKeyRegenerate(c *fiber.Ctx, who caller) error {
	id, err := pathID(c, "id")
	if err != nil {
		return err
	}
	k, token, removed, err := s.regenerateKey(c.UserContext(), who, id)
	if err != nil {
		return err
	}
	fresh := &dashboard.FreshKey{Name: k.Name, Key: token.Text(), Note: "The one before has ended.", Usage: s.usageOf(c, token.Text(), k.NumberID == nil, k.NumberID != nil)}
	if removed {
		fresh.Note += " The number's webhook went with it: set it again with POST /v1/configs/webhook."
	}
	return s.showKey(c, who, k.ID, nil, fresh)
}

func (s *Server) submitKeyEnd(c *fiber.Ctx, who caller) error {
	id, err := pathID(c, "id")
	if err != nil {
		return err
	}
	k, err := s.ownKey(c.UserContext(), who.Business, id)
	if err != nil {
		return err
	}
	if err := confirmed(c, k.Name); err != nil {
		return s.showKey(c, who, id, err, nil)
	}
	if err := s.deleteKey(c.UserContext(), who.Business, id); err != nil {
		return err
	}
	return back(c, "/team/keys", "key-ended")
}
