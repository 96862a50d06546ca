package api

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
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
	if in.URL == localReceiver {
		in.Name = "My receiver" // the guide leads here: one thing less to think of
	}
	return s.showForm(c, who, models.Webhook{}, in, nil)
}

func (s *Server) submitWebhookNew(c *fiber.Ctx, who caller) error {
	in := readWebhookForm(c)
	if in.draft != "" {
		return s.showDraft(c, who, models.Webhook{}, in)
	}
	ch, err := in.change(true)
	if err != nil {
		return s.showForm(c, who, models.Webhook{}, in, err)
	}
	w, _, err := s.createWebhook(c.UserContext(), who.Business, ch)
	if err != nil {
		return s.showForm(c, who, models.Webhook{}, in, err)
	}
	return back(c, webhookPath(w.ID), "created")
}

func (s *Server) pageWebhookEdit(c *fiber.Ctx, who caller) error {
	w, err := s.webhookOf(c, who)
	if err != nil {
		return err
	}
	return s.showForm(c, who, w, formOf(w), nil)
}

func (s *Server) submitWebhookEdit(c *fiber.Ctx, who caller) error {
	w, err := s.webhookOf(c, who)
	if err != nil {
		return err
	}
	in := readWebhookForm(c)
	if in.draft != "" {
		return s.showDraft(c, who, w, in)
	}
	ch, err := in.change(false)
	if err != nil {
		return s.showForm(c, who, w, in, err)
	}
	if _, _, err := s.updateWebhook(c.UserContext(), who.Business, w.ID, ch); err != nil {
		return s.showForm(c, who, w, in, err)
	}
	return back(c, webhookPath(w.ID), "updated")
}

// readWebhookForm copies the fields out of the request.
func readWebhookForm(c *fiber.Ctx) webhookForm {
	text := func(name string) string { return strings.Clone(c.FormValue(name)) }
	in := webhookForm{FormValues: dashboard.FormValues{Name: text("name"), URL: text("url"), Description: text("description"), Dialect: text("dialect"), Number: text("number_id"),
		SecretMode: text("secret_mode"), Secret: text("secret"), Rate: text("rate_limit"), Timeout: text("timeout"), Schedule: text("retry_schedule"),
		Headers: text("headers"), More: text("more_events"), Filter: text("filter"), Ordering: text("ordering"), AuthType: text("auth_type"), AuthUser: text("auth_username"),
		AuthPassword: text("auth_password"), AuthToken: text("auth_token"), Certificate: text("certificate"), CertificateKey: text("certificate_key"), PreviewEvent: text("preview_event")}, draft: text("do")}
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

// showForm draws the form, with what is wrong in it if it came back. w is the webhook that is changed; the zero one for a new
// one.
func (s *Server) showForm(c *fiber.Ctx, who caller, w models.Webhook, in webhookForm, wrong error) error {
	view, err := s.formView(c, who, w, in)
	if err != nil {
		return err
	}
	status := http.StatusOK
	if wrong != nil {
		var e *Error
		if !errors.As(wrong, &e) {
			return wrong
		}
		status, view.Field, view.Error = e.Status, e.Field, sentence(e)
	}
	if view.Preview, err = s.formPreview(c.UserContext(), w, in); err != nil {
		return err
	}
	return s.render(c, status, view)
}

// formView is the form as it is shown, without what needs a look at it as a whole.
func (s *Server) formView(c *fiber.Ctx, who caller, w models.Webhook, in webhookForm) (dashboard.WebhookForm, error) {
	title := "Add webhook"
	if w.ID != 0 {
		title = "Settings of " + w.Name
	}
	view := dashboard.WebhookForm{Shell: shell(who, title), ID: w.ID, Values: in.FormValues, Samples: choosable(in.previewed(), func(string) bool { return true })}
	view.Values.Secret = ""
	view.Retype = in.Secret != ""
	for _, typed := range []*string{&view.Values.AuthPassword, &view.Values.AuthToken, &view.Values.CertificateKey} {
		if *typed != keepValue { // a page does not give back what was typed as a secret
			view.Retype = view.Retype || *typed != ""
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
	view.Orderings = options(in.Ordering, [2]string{models.OrderNone, "As they come"}, [2]string{models.OrderConversation, "In order within a conversation"})
	view.AuthTypes = options(in.AuthType, [2]string{"", "None"}, [2]string{models.AuthBasic, "User name and password"}, [2]string{models.AuthBearer, "Bearer token"})
	var err error
	if view.Numbers, err = s.numberChoices(c.UserContext(), who.Business, in.Number); err != nil {
		return view, err
	}
	view.Here = view.Action()
	if w.ID != 0 {
		view.WebhookHead, err = s.webhookHead(c.UserContext(), who, w, "edit")
		view.Here = view.Action()
		return view, err
	}
	view.Above = []dashboard.Crumb{{Label: "Webhooks", Path: "/webhooks"}}
	view.Inspector = s.freshInspector(c)
	if s.reachesLoopback() {
		view.Local = localReceiver
	}
	return view, nil
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
