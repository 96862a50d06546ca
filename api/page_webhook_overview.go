package api

import (
	"context"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/gofiber/fiber/v2"

	"wabagate/api/dashboard"
	"wabagate/fanout/deliver"
	"wabagate/fanout/dialect"
	"wabagate/fanout/event"
	"wabagate/models"
)

// newestDeliveries are those on a webhook's first page.
const newestDeliveries = 8

func (s *Server) pageWebhook(c *fiber.Ctx, who caller) error { return s.showWebhook(c, who, nil) }

// showWebhook draws a webhook's first page, with the result of a trial if there was one.
func (s *Server) showWebhook(c *fiber.Ctx, who caller, t *trial) error {
	w, err := s.webhookOf(c, who)
	if err != nil {
		return err
	}
	ctx := c.UserContext()
	view := dashboard.Webhook{Shell: shell(who, w.Name)}
	if view.WebhookHead, err = s.webhookHead(ctx, who, w, ""); err != nil {
		return err
	}
	if err := s.addRecord(ctx, w, strings.Clone(c.Query("range")), &view); err != nil {
		return err
	}
	rows, _, err := s.deliveries(ctx, w.ID, models.DeliveryFilter{Limit: newestDeliveries})
	if err != nil {
		return err
	}
	for _, r := range rows {
		view.Deliveries = append(view.Deliveries, s.deliveryItem(r))
	}
	if view.Settings, err = s.webhookSettings(ctx, w); err != nil {
		return err
	}
	if c.Query("done") == "created" && who.may(workers) && s.now().Sub(w.CreatedAt) < 10*time.Minute {
		view.Notice, view.Secret = "Webhook created.", w.Secret.Text()
	}
	chosen := event.MessageReceived
	if t != nil {
		view.Trial = trialView(*t)
		chosen = t.Event
		view.Here = view.Item.Path()
	}
	view.Samples = sampleChoices(w.Dialect, chosen)
	return s.render(c, http.StatusOK, view)
}

// record is a time that a webhook's first page looks back over.
type record struct {
	name, label string
	spans       int
	span        time.Duration
	layout      string // of the spans' names
}

var records = []record{
	{"24h", "24 hours", statsHours, time.Hour, "15:04 UTC"},
	{"7d", "7 days", 7 * 4, 6 * time.Hour, "2 January 15:04 UTC"},
	{"30d", "30 days", 30, 24 * time.Hour, "2 January"},
}

// addRecord adds the cards and the chart of a time.
func (s *Server) addRecord(ctx context.Context, w models.Webhook, name string, view *dashboard.Webhook) error {
	chosen := records[0]
	for _, r := range records {
		if r.name == name {
			chosen = r
		}
	}
	for _, r := range records {
		view.Ranges = append(view.Ranges, dashboard.Tab{Label: r.label, Path: view.Item.Path() + "?range=" + r.name, Current: r == chosen})
	}
	counts, err := s.webhookSpans(ctx, w, chosen.spans, chosen.span)
	if err != nil {
		return err
	}
	owed, err := s.store.Owed(ctx, w.BusinessID, w.ID)
	if err != nil {
		return err
	}
	var all models.Count
	bars := make([]dashboard.Bar, len(counts))
	first := firstSpan(s.now(), chosen.spans, chosen.span)
	for i, one := range counts {
		all.Add(one)
		bars[i] = dashboard.Bar{Label: first.Add(time.Duration(i) * chosen.span).Format(chosen.layout), Succeeded: one.Succeeded, Failed: one.Failed}
	}
	view.Cards = statsCards(w.ID, all, owed)
	if all.Succeeded+all.Failed > 0 {
		view.Chart = dashboard.NewChart("Deliveries", [3]string{"Delivered", "Failed", ""}, bars)
	}
	return nil
}

func statsCards(id int64, all models.Count, owed models.Owed) []dashboard.Stat {
	waiting := deliveriesLink(id, "pending")
	if owed.Pending == 0 && owed.Held > 0 {
		waiting = deliveriesLink(id, "held")
	}
	return []dashboard.Stat{
		{Label: "Deliveries", Value: grouped(all.Made)},
		{Label: "Successful", Value: grouped(all.Succeeded), Path: deliveriesLink(id, "succeeded")},
		{Label: "Failed", Value: grouped(all.Failed), Path: deliveriesLink(id, "failed"), Bad: all.Failed > 0},
		rateCard(models.Stats{Succeeded: all.Succeeded, Failed: all.Failed}),
		{Label: "Waiting now", Value: grouped(owed.Pending + owed.Held), Path: waiting},
		{Label: "Latency p95", Value: latencyText(all.Latencies.Quantile(0.95)), Note: "p50 " + latencyText(all.Latencies.Quantile(0.5))},
	}
}

// rateCard is the share of deliveries that succeeded; a dash before the first is through.
func rateCard(st models.Stats) dashboard.Stat {
	rate, ok := successRate(st)
	if !ok {
		return dashboard.Stat{Label: "Success rate", Value: "–"}
	}
	return dashboard.Stat{Label: "Success rate", Value: percentText(rate), Meter: true, Share: 100 * rate}
}

// webhookSettings is what a webhook is set to, in words.
func (s *Server) webhookSettings(ctx context.Context, w models.Webhook) (dashboard.WebhookSettings, error) {
	v := dashboard.WebhookSettings{Number: "all numbers", Created: dashboard.NewWhen(w.CreatedAt, s.now()), Schedule: scheduleText(w), Timeout: timeoutOf(w).String(), Rate: "no limit",
		Headers: slices.Sorted(maps.Keys(w.Headers)), Filter: filterText(w.Filter), Ordering: orderingText(w.Ordering), Auth: authText(w.Auth)}
	if cert := certificateView(w.Auth); cert != nil {
		v.Certificate, v.CertificateEnds = cert.Subject, dashboard.NewWhen(cert.NotAfter.Time, s.now())
	}
	if w.RateLimit > 0 {
		v.Rate = fmt.Sprintf("%d per second", w.RateLimit)
	}
	if w.NumberID == nil {
		return v, nil
	}
	ns, err := s.store.Numbers(ctx, w.BusinessID)
	for _, n := range ns {
		if n.ID == *w.NumberID {
			v.Number = numberText(n)
		}
	}
	return v, err
}

// sampleChoices are the events that a dialect has a form for.
func sampleChoices(name, chosen string) []dashboard.EventGroup {
	d, _ := dialect.Lookup(name)
	return choosable(chosen, d.Speaks)
}

// choosable are the types of events, as groups of a select.
func choosable(chosen string, offered func(typ string) bool) []dashboard.EventGroup {
	all, _ := eventGroups([]string{chosen})
	var groups []dashboard.EventGroup
	for _, g := range all {
		g.Events = slices.DeleteFunc(g.Events, func(c dashboard.Choice) bool { return c.Whole || !offered(c.Value) })
		if len(g.Events) > 0 {
			groups = append(groups, g)
		}
	}
	return groups
}

func trialView(t trial) *dashboard.Trial {
	return &dashboard.Trial{Event: t.Event, EventID: t.EventID, OK: t.Attempt.Outcome == string(deliver.Delivered), Status: t.Attempt.Status, Reason: t.Attempt.Reason,
		Latency: latencyText(t.Attempt.Duration), Payload: string(t.Payload), Answer: t.Attempt.Answer}
}

func (s *Server) submitTrial(c *fiber.Ctx, who caller) error {
	id, err := pathID(c, "id")
	if err != nil {
		return err
	}
	t, err := s.try(c.UserContext(), who.Business, id, strings.Clone(c.FormValue("event")))
	if err != nil {
		return err
	}
	return s.showWebhook(c, who, &t)
}

func (s *Server) submitVerify(c *fiber.Ctx, who caller) error {
	id, err := pathID(c, "id")
	if err != nil {
		return err
	}
	v, err := s.verify(c.UserContext(), who.Business, id)
	if err != nil {
		return err
	}
	done := "unverified"
	if v.reason == "" {
		done = "verified"
	}
	return back(c, webhookPath(id), done)
}
