package api

import (
	"cmp"
	"context"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/gofiber/fiber/v2"

	"wabagate/api/dashboard"
	"wabagate/fanout"
	"wabagate/models"
)

func (s *Server) pageTroubles(c *fiber.Ctx, who caller) error {
	t, err := s.troubles(c.UserContext())
	if err != nil {
		return err
	}
	item := func(w models.WebhookTrouble) dashboard.TroubleItem {
		return dashboard.TroubleItem{ID: w.ID, Name: w.Name, BusinessID: w.BusinessID, Business: w.Business, Status: webhookBadge(w.WebhookName, true), Since: dashboard.NewWhen(w.Health.FailingSince, s.now()),
			Tasks: "/operations/tasks?webhook=" + strconv.FormatInt(w.ID, 10)}
	}
	disabled := dashboard.TroubleList{ID: "disabled", Title: "Switched off", Hint: "By the gateway, after days of failures or because the receiver answered 410. Their owners switch them on again.", None: "None is switched off but by its owner."}
	for _, w := range t.Disabled {
		one := item(w)
		one.Status, one.Since, one.Note = dashboard.Badge{Tone: "bad", Text: disabledText(w.DisabledBy)}, dashboard.NewWhen(w.DisabledAt, s.now()), w.Reason
		disabled.Items = append(disabled.Items, one)
	}
	failing := dashboard.TroubleList{ID: "failing", Title: "Failing", Hint: "No delivery has succeeded since. After five days of it the gateway switches a webhook off.", None: "No webhook fails."}
	for _, w := range t.Failing {
		one := item(w)
		percent, _ := w.Health.Disabling(s.now())
		one.Note = plural(w.FailCount, "delivery failed", "deliveries failed") + " in a row; " + strconv.Itoa(percent) + " % of the way to being switched off"
		failing.Items = append(failing.Items, one)
	}
	open := dashboard.TroubleList{ID: "breakers", Title: "Breakers open", Hint: "Nearly everything failed of late: deliveries wait until a probe succeeds. It costs no attempts.", None: "Every breaker is closed."}
	for _, w := range t.openHooks() {
		one, state := item(w), t.Open[w.ID]
		one.Status, one.Since = dashboard.Badge{Tone: "wait", Text: state.State}, dashboard.NewWhen(state.Until, s.now())
		if one.Note = "a probe is under way"; !state.Until.IsZero() {
			one.Note = "the next probe is at the time beside this"
		}
		open.Items = append(open.Items, one)
	}
	slow := dashboard.TroubleList{ID: "slow", Title: "Slow", Hint: "Their attempts took longer than a second in the mean in the last hour or two. What hangs waits in deliveries-slow, so that nobody else does.", None: "No webhook is slow."}
	for _, w := range t.Slow {
		one := item(w)
		one.Status, one.Note, one.Since = dashboard.Badge{Tone: "wait", Text: "slow"}, latencyText(w.Mean)+" in the mean", dashboard.When{}
		slow.Items = append(slow.Items, one)
	}
	return s.render(c, http.StatusOK, dashboard.ConsoleWebhooks{Shell: shell(who, "Webhooks that need care"), Lists: []dashboard.TroubleList{disabled, failing, open, slow}})
}

// disabledText says who switched a webhook off.
func disabledText(by models.DisabledBy) string {
	if by == models.ByReceiver {
		return "by its receiver"
	}
	return "after failures"
}

func (s *Server) pageGateway(c *fiber.Ctx, who caller) error {
	g, err := s.gatewayState(c.UserContext())
	if err != nil {
		return err
	}
	now := s.now()
	view := dashboard.ConsoleGateway{Shell: shell(who, "Gateway"), Retention: s.retentionState(g, now)}
	if w := g.Waiting; !w.At.IsZero() {
		view.Cards = []dashboard.Stat{{Label: "Callbacks to translate", Value: grouped(w.Callbacks), Note: "groups"}, {Label: "Deliveries", Value: grouped(w.Backlog.Deliveries), Note: "groups, retries included"},
			{Label: "Messages to send", Value: grouped(w.Sends), Note: "groups"}, {Label: "To be answered", Value: grouped(w.Replies)}}
		if due := now.Sub(w.OldestDue); !w.OldestDue.IsZero() {
			view.Cards = append(view.Cards, dashboard.Stat{Label: "Oldest overdue", Value: secondsText(due.Seconds()), Bad: due > 2*lateAfter})
		}
	}
	parked := dashboard.Stat{Label: "Kept for numbers not connected", Value: grouped(g.Parked), Note: "callbacks"}
	if !g.ParkedAt.IsZero() {
		parked.Note = "callbacks, the oldest " + dashboard.NewWhen(g.ParkedAt, now).Ago
	}
	view.Cards = append(view.Cards, parked)
	if r := g.Reconciled; r != nil {
		state := &dashboard.ReconcilerState{Status: dashboard.Badge{Tone: "good", Text: "running"}, Leader: r.Leader, Workers: strconv.Itoa(r.Workers)}
		if r.Leader == "" {
			state.Status = dashboard.Badge{Tone: "bad", Text: "not running"}
		}
		for _, one := range r.Lately[:min(len(r.Lately), consoleRows)] {
			state.Lately = append(state.Lately, dashboard.ReconciledItem{What: reconciledText(one), Why: foundTexts[one.Found], At: dashboard.NewWhen(one.At, now)})
		}
		view.Reconciler = state
	}
	for _, n := range g.Silent {
		view.Silent = append(view.Silent, dashboard.SilentItem{Name: cmp.Or(n.Name, "+"+n.Display), Phone: n.Display, BusinessID: n.BusinessID, Business: n.Business,
			Since: dashboard.NewWhen(n.Since, now), Found: dashboard.NewWhen(n.FoundAt, now)})
	}
	return s.render(c, http.StatusOK, view)
}

// foundTexts say why a reconciler put work in again.
var foundTexts = map[string]string{fanout.FoundLost: "due, and unknown to the queue", fanout.FoundOrphan: "in the hand of a worker that is gone", fanout.FoundAsleep: "asleep for longer than anybody meant: a clock is wrong"}

func reconciledText(r fanout.Reconciled) string {
	if r.Found == fanout.FoundAsleep {
		return plural(int64(r.Pieces), "piece of work", "pieces of work") + " woken"
	}
	return plural(int64(r.Pieces), "piece of work", "pieces of work") + " of " + r.Kind + " put in again"
}

// retentionState is how long things are kept and what the last run of it did.
func (s *Server) retentionState(g gatewayState, now time.Time) dashboard.RetentionState {
	m := g.Maintained
	v := dashboard.RetentionState{Status: dashboard.Badge{Text: "not yet"}, Last: dashboard.NewWhen(m.At, now), Error: m.Error}
	if !m.At.IsZero() {
		v.Next = dashboard.NewWhen(m.At.Add(maintainEvery), now)
		v.Status = dashboard.Badge{Tone: "good", Text: "on time"}
		switch {
		case m.Error != "":
			v.Status = dashboard.Badge{Tone: "bad", Text: "failed"}
		case now.Sub(m.At) > 3*maintainEvery:
			v.Status = dashboard.Badge{Tone: "bad", Text: "overdue"}
		}
	}
	r := s.retention
	for _, p := range []struct {
		what string
		kept time.Duration
		none string
	}{{"Callbacks", r.Callbacks, "30 days"}, {"Events", r.Events, "30 days"}, {"Deliveries and attempts", r.Deliveries, "30 days"}, {"Contents", r.Payloads, "as long as their rows"}, {"Messages", r.Messages, "for ever"}, {"Audit log", r.Audit, "400 days"}} {
		text := p.none
		if p.kept > 0 {
			text = plural(int64((p.kept+24*time.Hour-1)/(24*time.Hour)), "day", "days")
		}
		v.Pairs = append(v.Pairs, dashboard.Pair{Key: p.what, Value: text})
	}
	if d := m.Done; !m.At.IsZero() {
		v.Pairs = append(v.Pairs, dashboard.Pair{Key: "The last run", Value: plural(int64(len(d.Made)), "partition", "partitions") + " made, " + grouped(int64(len(d.Dropped))) + " dropped, " + plural(d.Deleted, "row", "rows") + " deleted, " + grouped(d.Emptied) + " emptied"})
		if d.Unfinished > 0 {
			v.Pairs = append(v.Pairs, dashboard.Pair{Key: "Went unfinished", Value: plural(d.Unfinished, "delivery", "deliveries")})
		}
	}
	for _, k := range g.Kept {
		item := dashboard.KeptItem{Name: k.Name, Parts: grouped(int64(k.Leaves)), Oldest: dayText(k.Oldest), Newest: dayText(k.Newest), Size: sizeText(k.Bytes)}
		v.Tables, v.Parts = append(v.Tables, item), v.Parts || k.Leaves > 0
	}
	return v
}

func dayText(t time.Time) string {
	if t.IsZero() {
		return "–"
	}
	return t.UTC().Format(time.DateOnly)
}

// sizeText writes how much room something takes.
func sizeText(bytes int64) string {
	const mib = 1 << 20
	switch {
	case bytes < mib:
		return bytesText(int(bytes))
	case bytes < 10<<30:
		return grouped(bytes/mib) + " MiB"
	}
	return grouped(bytes/(1<<30)) + " GiB"
}

func (s *Server) tenantItem(t models.Tenant) dashboard.TenantItem {
	item := dashboard.TenantItem{ID: t.ID, Name: t.Name, Numbers: grouped(t.Numbers), Users: grouped(t.Users), Webhooks: grouped(t.Webhooks), Created: dashboard.NewWhen(t.CreatedAt, s.now())}
	if t.Failing > 0 {
		item.Failing = grouped(t.Failing) + " failing"
	}
	return item
}

func (s *Server) pageTenants(c *fiber.Ctx, who caller) error {
	return s.showTenants(c, who, typedForm{})
}

func (s *Server) showTenants(c *fiber.Ctx, who caller, form typedForm) error {
	rows, next, err := s.tenants(c.UserContext(), c.Query)
	if err != nil {
		return err
	}
	search := strings.Clone(c.Query("search"))
	query := url.Values{}
	if search != "" {
		query.Set("search", search)
	}
	view := dashboard.ConsoleBusinesses{Shell: shell(who, "Businesses"), Search: search, Items: views(rows, s.tenantItem), Pager: pagerOf("/operations/businesses", query, c.Query("cursor") != "", next)}
	if who.User.IsOperator {
		view.Fields = form.fields(dashboard.Field{Name: "name", Label: "Name", Required: true, Max: maxTenantName})
		view.Error = form.general(view.Fields)
	}
	return s.render(c, form.status(), view)
}

func (s *Server) submitTenant(c *fiber.Ctx, who caller) error {
	form := readForm(c, "name")
	b, err := s.createTenant(c.UserContext(), form.values["name"])
	if err == nil {
		return back(c, "/operations/businesses/"+strconv.FormatInt(b.ID, 10), "business-made")
	}
	if err := form.refuse(err); err != nil {
		return err
	}
	who.shell.Here = "/operations/businesses"
	return s.showTenants(c, who, form)
}

func (s *Server) pageTenant(c *fiber.Ctx, who caller) error {
	return s.showTenant(c, who, typedForm{})
}

func (s *Server) showTenant(c *fiber.Ctx, who caller, form typedForm) error {
	t, err := s.tenantOf(c)
	if err != nil {
		return err
	}
	view := dashboard.ConsoleBusiness{Shell: shell(who, t.Name), Above: []dashboard.Crumb{{Label: "Businesses", Path: "/operations/businesses"}}, Item: s.tenantItem(t)}
	view.Cards = []dashboard.Stat{{Label: "Numbers", Value: view.Item.Numbers}, {Label: "Webhooks", Value: view.Item.Webhooks, Note: view.Item.Failing, Bad: t.Failing > 0}, {Label: "Users", Value: view.Item.Users}}
	owed, err := s.store.Owed(c.UserContext(), t.ID, 0)
	if err != nil {
		return err
	}
	view.Cards = append(view.Cards, dashboard.Stat{Label: "Deliveries under way", Value: grouped(owed.Pending), Path: "/operations/tasks?business=" + strconv.FormatInt(t.ID, 10)}, dashboard.Stat{Label: "Held for webhooks that are off", Value: grouped(owed.Held)})
	if who.User.IsOperator {
		if form.values == nil {
			form.values = map[string]string{"name": t.Name}
		}
		view.Fields = form.fields(dashboard.Field{Name: "name", Label: "Name", Required: true, Max: maxTenantName})
		view.Error = form.general(view.Fields)
	}
	return s.render(c, form.status(), view)
}

func (s *Server) submitTenantName(c *fiber.Ctx, who caller) error {
	id, err := pathID(c, "id")
	if err != nil {
		return err
	}
	form := readForm(c, "name")
	if err = s.renameTenant(c.UserContext(), id, form.values["name"]); err == nil {
		return back(c, "/operations/businesses/"+strconv.FormatInt(id, 10), "business-renamed")
	}
	if err := form.refuse(err); err != nil {
		return err
	}
	return s.showTenant(c, who, form)
}

func (s *Server) appItem(a models.AppSummary) dashboard.AppItem {
	return dashboard.AppItem{Name: a.Name, Path: appPath(a.Name), Business: a.Business, Secrets: strconv.Itoa(len(a.Secrets)), Created: dashboard.NewWhen(a.CreatedAt, s.now())}
}

func appPath(name string) string { return "/operations/apps/" + url.PathEscape(name) }

func (s *Server) pageApps(c *fiber.Ctx, who caller) error { return s.showApps(c, who, typedForm{}) }

func (s *Server) showApps(c *fiber.Ctx, who caller, form typedForm) error {
	list, err := s.store.Apps(c.UserContext())
	if err != nil {
		return err
	}
	view := dashboard.ConsoleApps{Shell: shell(who, "Apps"), Items: views(list, s.appItem)}
	if who.User.IsOperator {
		view.Fields = form.fields(dashboard.Field{Name: "name", Label: "Name", Required: true, Max: 64, Hint: "Part of its callback address."}, dashboard.Field{Name: "business", Label: "Business id", Max: 20, Hint: "The only one whose numbers it serves; empty: all."},
			dashboard.Field{Name: "verify_token", Label: "Verify token", Type: "password", Complete: "off", Required: true, Max: maxAppSecret}, dashboard.Field{Name: "secret", Label: "App secret", Type: "password", Complete: "off", Required: true, Max: maxAppSecret})
		view.Error = form.general(view.Fields)
	}
	return s.render(c, form.status(), view)
}

func (s *Server) submitApp(c *fiber.Ctx, who caller) error {
	form := readForm(c, "name", "business", "verify_token", "secret")
	a, err := s.createApp(c.UserContext(), newApp{Name: strings.TrimSpace(form.values["name"]), Business: form.values["business"], VerifyToken: form.values["verify_token"], Secret: form.values["secret"]})
	if err == nil {
		return back(c, appPath(a.Name), "app-made")
	}
	if err := form.refuse(err); err != nil {
		return err
	}
	who.shell.Here = "/operations/apps"
	return s.showApps(c, who, form)
}

func (s *Server) pageApp(c *fiber.Ctx, who caller) error { return s.showApp(c, who, typedForm{}) }

func (s *Server) showApp(c *fiber.Ctx, who caller, form typedForm) error {
	a, err := s.store.AppNamed(c.UserContext(), strings.Clone(c.Params("name")))
	if err != nil {
		return err
	}
	view := dashboard.ConsoleApp{Shell: shell(who, "App "+a.Name), Above: []dashboard.Crumb{{Label: "Apps", Path: "/operations/apps"}}, Item: s.appItem(a), Callback: s.base(c) + "/webhooks/cloud/" + a.Name}
	for _, sec := range a.Secrets {
		view.Live = append(view.Live, dashboard.NewWhen(sec.CreatedAt, s.now()))
	}
	if who.User.IsOperator {
		view.Token = form.fields(dashboard.Field{Name: "verify_token", Label: "Another verify token", Type: "password", Complete: "off", Required: true, Max: maxAppSecret})
		view.Secret = form.fields(dashboard.Field{Name: "secret", Label: "Another app secret", Type: "password", Complete: "off", Required: true, Max: maxAppSecret})
		if len(a.Secrets) > 1 {
			view.Old = dashboard.Danger{Summary: "End the old secrets…", Text: "Callbacks signed with any but the newest secret are refused from then on. Do it when Meta signs with the new one.", Button: "End them", Action: view.Item.Path + "/secrets/old"}
		}
		view.Error = form.general(view.Token, view.Secret)
	}
	view.Here = view.Item.Path
	return s.render(c, form.status(), view)
}

// submitted changes an app by a form of one field.
func (s *Server) submitted(c *fiber.Ctx, who caller, field, done string, change func(ctx context.Context, name, text string) error) error {
	form, name := readForm(c, field), strings.Clone(c.Params("name"))
	err := change(c.UserContext(), name, form.values[field])
	if err == nil {
		return back(c, appPath(name), done)
	}
	if err := form.refuse(err); err != nil {
		return err
	}
	return s.showApp(c, who, form)
}

func (s *Server) submitAppToken(c *fiber.Ctx, who caller) error {
	return s.submitted(c, who, "verify_token", "token-rotated", s.setAppToken)
}

func (s *Server) submitAppSecret(c *fiber.Ctx, who caller) error {
	return s.submitted(c, who, "secret", "app-secret-added", s.addAppSecret)
}

func (s *Server) submitAppSecretsOld(c *fiber.Ctx, _ caller) error {
	name := strings.Clone(c.Params("name"))
	if err := s.endOldAppSecrets(c.UserContext(), name); err != nil {
		return err
	}
	return back(c, appPath(name), "app-secrets-ended")
}
