package api

import (
	"cmp"
	"context"
	"strconv"
	"strings"

	"github.com/gofiber/fiber/v2"

	"wabagate/api/dashboard"
	"wabagate/gateway/line"
)

// connectFields are those of a form that connects a number, in the order of the page.
var connectFields = []string{"style", "phone_number_id", "waba_id", "display_phone_number", "name", "token", "base_url", "version", "app", "app_id", "app_secret", "rate", "override"}

func (s *Server) pageNumberNew(c *fiber.Ctx, who caller) error {
	if !who.may(owners) {
		return back(c, "/numbers", "")
	}
	in := typedForm{values: map[string]string{"style": line.StyleCloud, "phone_number_id": c.Query("phone_number_id"), "waba_id": c.Query("waba_id")}}
	return s.showNumberForm(c, who, in)
}

func (s *Server) submitNumberNew(c *fiber.Ctx, who caller) error {
	in := readForm(c, connectFields...)
	made, err := s.connectTyped(c.UserContext(), who, in)
	if err != nil {
		if err := in.refuse(err); err != nil {
			return err
		}
		return s.showNumberForm(c, who, in)
	}
	done := "connected"
	if made.Upstream.Checked.Trouble != "" {
		done = "connected-unwell"
	}
	return back(c, numberPath(made.Number.ID), done)
}

func (s *Server) connectTyped(ctx context.Context, who caller, in typedForm) (made line.Connected, err error) {
	n, how, err := parseNumber(in.body([]string{"style", "phone_number_id", "waba_id", "display_phone_number", "name", "token", "base_url", "version", "app", "app_id", "app_secret"},
		[]string{"rate"}, []string{"override"}))
	if err != nil {
		return made, err
	}
	if !how.given {
		return made, invalid("token", codeRequired, "is required: it proves that the number is yours")
	}
	return s.connect(ctx, who, n, how.value)
}

// showNumberForm draws the form that connects a number.
func (s *Server) showNumberForm(c *fiber.Ctx, who caller, in typedForm) error {
	view := dashboard.NumberForm{Shell: shell(who, "Connect a number"), Above: []dashboard.Crumb{{Label: "Numbers", Path: "/numbers"}}, Override: in.values["override"] != "",
		Styles: []dashboard.Choice{{Value: line.StyleCloud, Label: "Meta's Cloud API", Hint: "A token of a system user in Meta Business Settings, with whatsapp_business_messaging and whatsapp_business_management."},
			{Value: line.Style360dialog, Label: "360dialog", Hint: "The API key of the number from 360dialog's hub. The ids are found out by it."},
			{Value: line.StyleOnPremises, Label: "Another provider, On-Premises style", Hint: "A provider that kept the On-Premises API, such as cBot: its base address and the number's key."}}}
	for i := range view.Styles {
		view.Styles[i].Chosen = view.Styles[i].Value == in.values["style"]
	}
	apps := []dashboard.Choice{{Label: "The one that serves the business"}}
	for _, a := range s.callbackAddresses(c, who) {
		apps = append(apps, dashboard.Choice{Value: a.App, Label: a.App})
	}
	view.Known = in.fields(
		dashboard.Field{Name: "phone_number_id", Label: "Phone number id", Hint: "Digits: in WhatsApp Manager beside the number. It is not the phone number.", Placeholder: "106540352242922", Complete: "off"},
		dashboard.Field{Name: "waba_id", Label: "WhatsApp Business Account id (WABA)", Hint: "Digits: above the number in WhatsApp Manager.", Placeholder: "102290129340398", Complete: "off"},
		dashboard.Field{Name: "name", Label: "Name, for you", Hint: "Blank: the verified name.", Max: maxName})
	view.Way = in.fields(
		dashboard.Field{Name: "token", Label: "Token, or the provider's key", Type: "password", Complete: "off", Required: true},
		dashboard.Field{Name: "base_url", Label: "Base address of the provider", Type: "url", Hint: "Only for a provider; blank for Meta and for 360dialog's own.", Placeholder: "https://provider.example.com/v1"},
		dashboard.Field{Name: "app", Label: "App of this gateway", Type: "select", Options: apps, Hint: "Whose address the platform posts callbacks to."})
	view.More = in.fields(
		dashboard.Field{Name: "app_id", Label: "Meta's id of the app", Hint: "To ask the platform about the token with the app's own rights.", Complete: "off"},
		dashboard.Field{Name: "app_secret", Label: "App secret", Type: "password", Complete: "off"},
		dashboard.Field{Name: "display_phone_number", Label: "Phone number", Hint: "With country code, where the provider does not say it.", Placeholder: "+1 555 010 0200"},
		dashboard.Field{Name: "version", Label: "Version of the Graph API", Placeholder: "v26.0", Hint: "Blank: that of this gateway."},
		dashboard.Field{Name: "rate", Label: "Messages per second", Hint: "Blank: what the platform allows, usually 80."})
	for _, f := range view.More {
		view.MoreOpen = view.MoreOpen || f.Value != "" || f.Error != ""
	}
	view.Refusal = topRefusal(in, view.Known, view.Way, view.More)
	return s.render(c, in.status(), view)
}

// topRefusal is what is told above a form: what the platform said, and what is wrong with none of its fields.
func topRefusal(in typedForm, shown ...[]dashboard.Field) *dashboard.Refusal {
	if in.wrong == nil || in.wrong.Advice == "" && in.wrong.Platform == nil && in.general(shown...) == "" {
		return nil
	}
	return refusalOf(in.wrong)
}

func (s *Server) pageNumberToken(c *fiber.Ctx, who caller) error {
	if !who.may(owners) {
		return back(c, "/numbers", "")
	}
	return s.showTokenForm(c, who, typedForm{})
}

func (s *Server) submitNumberToken(c *fiber.Ctx, who caller) error {
	n, u, err := s.reached(c, who)
	if err != nil {
		return err
	}
	in := readForm(c, "token", "rate")
	if strings.TrimSpace(in.values["token"]+in.values["rate"]) == "" {
		in.wrong = invalid("token", codeRequired, "is required")
		return s.showTokenForm(c, who, in)
	}
	if u, err = s.updateLine(c.UserContext(), who, n, u, in.body([]string{"token"}, []string{"rate"}, nil)); err != nil {
		if err := in.refuse(err); err != nil {
			return err
		}
		return s.showTokenForm(c, who, in)
	}
	noteOf(c.UserContext()).about("number", n.ID, n.Name).changedSecretly("token", "", in.values["token"])
	return back(c, numberPath(n.ID), cmp.Or(map[bool]string{true: "connected-unwell"}[u.Checked.Trouble != ""], "token-replaced"))
}

func (s *Server) showTokenForm(c *fiber.Ctx, who caller, in typedForm) error {
	n, u, err := s.pathNumber(c, who)
	if err != nil {
		return err
	}
	if u == nil {
		return back(c, "/numbers/new", "")
	}
	if in.values == nil && u.Rate > 0 {
		in.values = map[string]string{"rate": strconv.Itoa(u.Rate)}
	}
	view := dashboard.NumberForm{Shell: shell(who, "Replace the token"), ID: n.ID, Above: []dashboard.Crumb{{Label: "Numbers", Path: "/numbers"}, {Label: numberText(n), Path: numberPath(n.ID)}}}
	view.Way = in.fields(dashboard.Field{Name: "token", Label: "New token, or key of the provider", Type: "password", Complete: "off", Hint: "Blank leaves the one that there is."},
		dashboard.Field{Name: "rate", Label: "Messages per second", Hint: "Blank leaves it as it is; 0 is what the platform allows, usually 80."})
	view.Refusal = topRefusal(in, view.Way)
	return s.render(c, in.status(), view)
}
