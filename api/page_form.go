package api

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"github.com/gofiber/fiber/v2"

	"wabagate/api/dashboard"
	"wabagate/fanout/dialect"
	"wabagate/fanout/event"
	"wabagate/models"
)

func (s *Server) pageWebhookNew(c *fiber.Ctx, who caller) error {
	in := webhookForm{FormValues: dashboard.FormValues{URL: strings.Clone(c.Query("url")), Dialect: dialect.Default, SecretMode: secretGenerate}, events: []string{event.MessageReceived}}
	return s.showForm(c, who, 0, in, nil)
}

func (s *Server) submitWebhookNew(c *fiber.Ctx, who caller) error {
	in := readWebhookForm(c)
	ch, err := in.change(true)
	if err != nil {
		return s.showForm(c, who, 0, in, err)
	}
	w, _, err := s.createWebhook(c.UserContext(), who.Business, ch)
	if err != nil {
		return s.showForm(c, who, 0, in, err)
	}
	return back(c, fmt.Sprintf("/webhooks/%d", w.ID), "created")
}

func (s *Server) pageWebhookEdit(c *fiber.Ctx, who caller) error {
	id, err := pathID(c, "id")
	if err != nil {
		return err
	}
	w, err := s.store.Webhook(c.UserContext(), who.Business, id)
	if err != nil {
		return err
	}
	return s.showForm(c, who, id, formOf(w), nil)
}

func (s *Server) submitWebhookEdit(c *fiber.Ctx, who caller) error {
	id, err := pathID(c, "id")
	if err != nil {
		return err
	}
	in := readWebhookForm(c)
	ch, err := in.change(false)
	if err != nil {
		return s.showForm(c, who, id, in, err)
	}
	if _, _, err := s.updateWebhook(c.UserContext(), who.Business, id, ch); err != nil {
		return s.showForm(c, who, id, in, err)
	}
	return back(c, fmt.Sprintf("/webhooks/%d", id), "updated")
}

// readWebhookForm copies the fields out of the request.
func readWebhookForm(c *fiber.Ctx) webhookForm {
	text := func(name string) string { return strings.Clone(c.FormValue(name)) }
	in := webhookForm{FormValues: dashboard.FormValues{Name: text("name"), URL: text("url"), Description: text("description"), Dialect: text("dialect"), Number: text("number_id"),
		SecretMode: text("secret_mode"), Secret: text("secret"), Rate: text("rate_limit"), Timeout: text("timeout"), Schedule: text("retry_schedule"),
		Headers: text("headers"), More: text("more_events"), Filter: text("filter"), Ordering: text("ordering"), AuthType: text("auth_type"), AuthUser: text("auth_username"),
		AuthPassword: text("auth_password"), AuthToken: text("auth_token"), Certificate: text("certificate"), CertificateKey: text("certificate_key")}}
	for _, name := range c.Request().PostArgs().PeekMulti("events") {
		in.events = append(in.events, string(name))
	}
	return in
}

// formOf is the form of a webhook as it is.
func formOf(w models.Webhook) webhookForm {
	in := webhookForm{FormValues: dashboard.FormValues{Name: w.Name, URL: w.URL, Description: w.Description, Dialect: w.Dialect}, events: w.Events}
	if w.NumberID != nil {
		in.Number = strconv.FormatInt(*w.NumberID, 10)
	}
	if w.RateLimit > 0 {
		in.Rate = strconv.Itoa(w.RateLimit)
	}
	if w.Timeout > 0 {
		in.Timeout = strconv.Itoa(int(w.Timeout.Seconds()))
	}
	if w.RetrySchedule != nil {
		in.Schedule = waitsText(w.RetrySchedule)
		if len(w.RetrySchedule) == 0 {
			in.Schedule = noRetries
		}
	}
	in.Filter = filterText(w.Filter)
	in.Ordering = w.Ordering
	in.AuthType, in.AuthUser, in.Certificate = w.Auth.Kind, w.Auth.User, w.Auth.Certificate
	for shown, secret := range map[*string]models.Secret{&in.AuthPassword: w.Auth.Password, &in.AuthToken: w.Auth.Token, &in.CertificateKey: w.Auth.Key} {
		if secret != "" {
			*shown = keepValue
		}
	}
	for _, name := range slices.Sorted(maps.Keys(w.Headers)) {
		in.Headers += name + ": " + keepValue + "\n"
	}
	return in
}

// filterText lays a filter out for reading; empty for none.
func filterText(raw json.RawMessage) string {
	var laid bytes.Buffer
	if len(raw) == 0 || json.Indent(&laid, raw, "", "  ") != nil {
		return string(raw)
	}
	return laid.String()
}

// showForm draws the form, with what is wrong in it if it came back.
func (s *Server) showForm(c *fiber.Ctx, who caller, id int64, in webhookForm, wrong error) error {
	status, title := http.StatusOK, "Add webhook"
	if id != 0 {
		title = "Edit webhook"
	}
	view := dashboard.WebhookForm{Shell: shell(who, title), ID: id, Values: in.FormValues}
	if wrong != nil {
		var e *Error
		if !errors.As(wrong, &e) {
			return wrong
		}
		status, view.Field, view.Error = e.Status, e.Field, sentence(e)
	}
	view.Values.Secret = ""
	for _, typed := range []*string{&view.Values.AuthPassword, &view.Values.AuthToken, &view.Values.CertificateKey} {
		if *typed != keepValue { // a page does not give back what was typed as a secret
			*typed = ""
		}
	}
	var more []string
	view.Groups, more = eventGroups(in.events)
	if len(more) > 0 {
		view.Values.More = strings.Join(more, ", ")
	}
	for _, name := range dialect.Names() {
		view.Dialects = append(view.Dialects, dashboard.Choice{Value: name, Label: name + dialectHint(name), Chosen: name == in.Dialect})
	}
	view.Orderings = options(in.Ordering, [2]string{models.OrderNone, "As they come"}, [2]string{models.OrderConversation, "One conversation's one at a time, in order"})
	view.AuthTypes = options(in.AuthType, [2]string{"", "None"}, [2]string{models.AuthBasic, "User name and password"}, [2]string{models.AuthBearer, "Bearer token"})
	var err error
	if view.Numbers, err = s.numberChoices(c.UserContext(), who.Business, in.Number); err != nil {
		return err
	}
	view.Above = []dashboard.Crumb{{Label: "Webhooks", Path: "/webhooks"}}
	if id != 0 {
		view.Above = append(view.Above, dashboard.Crumb{Label: in.Name, Path: fmt.Sprintf("/webhooks/%d", id)})
		return s.render(c, status, view)
	}
	view.Inspector = s.freshInspector(c)
	if s.reachesLoopback() {
		view.Local = localReceiver
	}
	return s.render(c, status, view)
}

// options makes the options of a list of pairs, each a value and its label.
func options(chosen string, pairs ...[2]string) []dashboard.Choice {
	list := make([]dashboard.Choice, len(pairs))
	for i, o := range pairs {
		list[i] = dashboard.Choice{Value: o[0], Label: o[1], Chosen: o[0] == chosen}
	}
	return list
}

// freshInspector is the address of an inspector that nobody has used, as the caller's browser would write it.
func (s *Server) freshInspector(c *fiber.Ctx) string {
	return s.base(c) + "/inspect/" + models.RandomToken().Text()
}

func (s *Server) numberChoices(ctx context.Context, businessID int64, chosen string) ([]dashboard.Choice, error) {
	ns, err := s.store.Numbers(ctx, businessID)
	if err != nil {
		return nil, err
	}
	choices := []dashboard.Choice{{Value: "", Label: "All numbers", Chosen: chosen == ""}}
	for _, n := range ns {
		id := strconv.FormatInt(n.ID, 10)
		choices = append(choices, dashboard.Choice{Value: id, Label: numberText(n), Chosen: id == chosen})
	}
	return choices, nil
}

// dialectHint says in a word whose receivers a dialect is for.
func dialectHint(name string) string {
	return map[string]string{
		"wabagate": ": everything known, Standard Webhooks",
		"twabot":   ": for receivers written for TwaBot",
		"platform": ": for receivers written for WhatsApp API Platform",
		"awalchat": ": for receivers written for Awalchat",
		"digest":   ": one POST per incoming message, with the conversation so far",
		"cloud":    ": the Cloud API's own envelope, for receivers written for Meta",
		"onprem":   ": messages and statuses at the top level, for receivers written for an On-Premises provider",
	}[name]
}
