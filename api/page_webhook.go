package api

import (
	"context"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/gofiber/fiber/v2"

	"wabagate/api/dashboard"
	"wabagate/fanout/deliver"
	"wabagate/fanout/dialect"
	"wabagate/fanout/event"
	"wabagate/models"
)

const itemsPerPage = 25

func (s *Server) pageWebhooks(c *fiber.Ctx, who caller) error {
	after, err := cursor(c.Query("cursor"))
	if err != nil {
		return err
	}
	ws, next, err := s.webhooks(c.UserContext(), who.Business, after, itemsPerPage)
	if err != nil {
		return err
	}
	view := dashboard.Webhooks{Shell: shell(who, "Webhooks"), Pager: pagerOf("/webhooks", nil, c.Query("cursor") != "", next)}
	for _, w := range ws {
		view.Items = append(view.Items, s.webhookItem(w))
	}
	return s.render(c, http.StatusOK, view)
}

func (s *Server) webhookItem(w models.Webhook) dashboard.WebhookItem {
	item := dashboard.WebhookItem{ID: w.ID, Name: w.Name, URL: w.URL, Dialect: w.Dialect, Events: w.Events, Active: w.Active, FailCount: w.Health.FailCount,
		LastTriggered: dashboard.NewWhen(w.Health.LastTriggeredAt, s.now()), Inspector: s.inspectorOf(w)}
	if !w.Active {
		item.Disabled = w.DisabledReason
	}
	if mustVerify(w) && !w.Verified {
		item.Unverified, item.Missing = true, capital(w.VerifyReason, "")
	}
	return item
}

func (s *Server) pageWebhook(c *fiber.Ctx, who caller) error { return s.showWebhook(c, who, nil) }

// showWebhook draws a webhook's page, with the result of a trial if there was one.
func (s *Server) showWebhook(c *fiber.Ctx, who caller, t *trial) error {
	id, err := pathID(c, "id")
	if err != nil {
		return err
	}
	w, err := s.store.Webhook(c.UserContext(), who.Business, id)
	if err != nil {
		return err
	}
	f := models.DeliveryFilter{Limit: itemsPerPage}
	if f.Before, err = cursor(c.Query("cursor")); err != nil {
		return err
	}
	status := strings.Clone(c.Query("status"))
	if err := narrow(&f, status); err != nil {
		return err
	}
	view, err := s.webhookPage(c.UserContext(), w)
	if err != nil {
		return err
	}
	rows, next, err := s.deliveries(c.UserContext(), w.ID, f)
	if err != nil {
		return err
	}
	for _, r := range rows {
		view.Deliveries = append(view.Deliveries, s.deliveryItem(r))
	}
	if next != "" {
		view.Pager.Older = deliveriesLink(w.ID, status, next)
	}
	if f.Before > 0 {
		view.Pager.Newest = deliveriesLink(w.ID, status, "")
	}
	for _, name := range []string{"", "succeeded", "failed", "retrying", "pending", "held"} {
		view.Filters = append(view.Filters, dashboard.Tab{Path: deliveriesLink(w.ID, name, ""), Label: capital(name, "All"), Current: name == status})
	}
	view.Shell = shell(who, w.Name)
	if c.Query("done") == "created" && s.now().Sub(w.CreatedAt) < 10*time.Minute {
		view.Notice, view.Secret = "Webhook created.", w.Secret.Text()
	}
	chosen := event.MessageReceived
	if t != nil {
		view.Trial = trialView(*t)
		chosen = t.Event
	}
	view.Samples = sampleChoices(w, chosen)
	return s.render(c, http.StatusOK, view)
}

// addHeld adds what is kept for the webhook, and the job that delivers it.
func (s *Server) addHeld(ctx context.Context, w models.Webhook, view *dashboard.Webhook) error {
	n, err := s.store.CountHeld(ctx, w.ID)
	if err != nil {
		return err
	}
	view.Held = n.N
	jobs, err := s.store.Jobs(ctx, w.BusinessID, w.ID, 0, 1)
	if err != nil || len(jobs) == 0 || jobs[0].State != models.JobRunning {
		return err
	}
	j := jobs[0]
	view.Catching = &dashboard.Catching{ID: j.ID, Kind: strings.ReplaceAll(string(j.Kind), "_", "-"), Released: j.Released, Total: j.Total, Share: int(100 * progress(j))}
	return nil
}

// webhookPage is what the page says of the webhook itself.
func (s *Server) webhookPage(ctx context.Context, w models.Webhook) (dashboard.Webhook, error) {
	view := dashboard.Webhook{Item: s.webhookItem(w), Description: w.Description, Number: "all numbers", Created: dashboard.NewWhen(w.CreatedAt, s.now()),
		Schedule: scheduleText(w), Timeout: timeoutOf(w).String(), Rate: "no limit", Headers: slices.Sorted(maps.Keys(w.Headers)), Filter: filterText(w.Filter),
		Signed: w.Secret != "", Overlapping: w.Overlapping(s.now()), PreviousUntil: dashboard.NewWhen(w.PreviousUntil, s.now()),
		Overlaps: options("0", [2]string{"0", "at once"}, [2]string{"1", "in 1 hour"}, [2]string{"24", "in 24 hours"}, [2]string{"168", "in 7 days"}),
		Ordering: orderingText(w.Ordering), Auth: authText(w.Auth)}
	if err := s.addHeld(ctx, w, &view); err != nil {
		return view, err
	}
	if d, _ := dialect.Lookup(w.Dialect); d.SignsOnce() {
		view.SignsOnce = w.Dialect
	}
	if v := certificateView(w.Auth); v != nil {
		view.Certificate, view.CertificateEnds = v.Subject, dashboard.NewWhen(v.NotAfter.Time, s.now())
	}
	if w.RateLimit > 0 {
		view.Rate = fmt.Sprintf("%d per second", w.RateLimit)
	}
	if w.NumberID != nil {
		ns, err := s.store.Numbers(ctx, w.BusinessID)
		if err != nil {
			return view, err
		}
		for _, n := range ns {
			if n.ID == *w.NumberID {
				view.Number = numberText(n)
			}
		}
	}
	st, err := s.store.Stats(ctx, w.ID, s.now().Add(-statsHours*time.Hour))
	if err != nil {
		return view, err
	}
	view.Hours, view.Cards = statsHours, statsCards(w.ID, st)
	view.Delete = dashboard.Danger{Summary: "Delete webhook…", Text: "Deliveries stop and their history is removed. This cannot be undone.",
		Button: "Delete this webhook", Action: fmt.Sprintf("/webhooks/%d/delete", w.ID)}
	return view, nil
}

func statsCards(id int64, st models.Stats) []dashboard.Stat {
	waiting := deliveriesLink(id, "pending", "")
	if st.Pending == 0 && st.Held > 0 {
		waiting = deliveriesLink(id, "held", "")
	}
	return []dashboard.Stat{
		{Label: "Total", Value: grouped(st.Total)},
		{Label: "Successful", Value: grouped(st.Succeeded), Path: deliveriesLink(id, "succeeded", "")},
		{Label: "Failed", Value: grouped(st.Failed), Path: deliveriesLink(id, "failed", ""), Bad: st.Failed > 0},
		{Label: "Waiting", Value: grouped(st.Pending + st.Held), Path: waiting},
		rateCard(st),
		{Label: "Latency p95", Value: latencyText(st.P95), Note: "p50 " + latencyText(st.P50)},
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

// percentText writes a share of 0 to 1.
func percentText(share float64) string {
	return strings.TrimSuffix(fmt.Sprintf("%.1f", 100*share), ".0") + " %"
}

func deliveriesLink(id int64, status, cursor string) string {
	q := url.Values{}
	if status != "" {
		q.Set("status", status)
	}
	if cursor != "" {
		q.Set("cursor", cursor)
	}
	link := fmt.Sprintf("/webhooks/%d", id)
	if len(q) > 0 {
		link += "?" + q.Encode()
	}
	return link + "#deliveries"
}

func capital(word, empty string) string {
	if word == "" {
		return empty
	}
	return strings.ToUpper(word[:1]) + word[1:]
}

func numberText(n models.Number) string {
	if n.Name != "" {
		return fmt.Sprintf("%s (+%s)", n.Name, n.Display)
	}
	return "+" + n.Display
}

func orderingText(ordering string) string {
	if ordering == models.OrderConversation {
		return "in order within a conversation"
	}
	return "as they come"
}

func authText(a models.Auth) string {
	switch a.Kind {
	case models.AuthBasic:
		return "password of " + a.User
	case models.AuthBearer:
		return "bearer token"
	}
	return "none"
}

// scheduleText says in words when failed deliveries are tried again.
func scheduleText(w models.Webhook) string {
	waits, own := w.RetrySchedule, w.RetrySchedule != nil
	if !own {
		d, _ := dialect.Lookup(w.Dialect)
		waits = d.Manners.Schedule
	}
	if len(waits) == 0 {
		return "none"
	}
	text := waitsText(waits)
	if !own {
		text += " (the dialect's)"
	}
	return text
}

// waitsText writes waits as people do: 5s, 1m, 6h, 1d.
func waitsText(waits []time.Duration) string {
	texts := make([]string, len(waits))
	for i, d := range waits {
		texts[i] = fmt.Sprintf("%ds", int(d.Seconds()))
		for _, unit := range []struct {
			length time.Duration
			name   string
		}{{time.Minute, "m"}, {time.Hour, "h"}, {24 * time.Hour, "d"}} {
			if d >= unit.length && d%unit.length == 0 {
				texts[i] = strconv.Itoa(int(d/unit.length)) + unit.name
			}
		}
	}
	return strings.Join(texts, ", ")
}

// sampleChoices are the events that the test button offers: what the webhook's dialect has a form for.
func sampleChoices(w models.Webhook, chosen string) []dashboard.EventGroup {
	d, _ := dialect.Lookup(w.Dialect)
	all, _ := eventGroups([]string{chosen})
	var groups []dashboard.EventGroup
	for _, g := range all {
		g.Events = slices.DeleteFunc(g.Events, func(c dashboard.Choice) bool { return c.Whole || !d.Speaks(c.Value) })
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
	return back(c, fmt.Sprintf("/webhooks/%d", id), done)
}

func (s *Server) submitRotate(c *fiber.Ctx, who caller) error {
	id, err := pathID(c, "id")
	if err != nil {
		return err
	}
	hours, err := number("overlap_hours", c.FormValue("overlap_hours"), 0, 0, int(maxOverlap/time.Hour))
	if err != nil {
		return err
	}
	w, err := s.rotateSecret(c.UserContext(), who.Business, id, rotation{overlap: time.Duration(hours) * time.Hour})
	if err != nil {
		return err
	}
	done := "rotated"
	if w.Overlapping(s.now()) {
		done = "overlapping"
	}
	return back(c, fmt.Sprintf("/webhooks/%d", id), done)
}

func (s *Server) submitRotationFinish(c *fiber.Ctx, who caller) error {
	id, err := pathID(c, "id")
	if err != nil {
		return err
	}
	if _, _, err := s.finishRotation(c.UserContext(), who.Business, id); err != nil {
		return err
	}
	return back(c, fmt.Sprintf("/webhooks/%d", id), "finished")
}

func (s *Server) submitWebhookActive(c *fiber.Ctx, who caller) error {
	id, err := pathID(c, "id")
	if err != nil {
		return err
	}
	on := c.FormValue("is_active") == "1"
	if _, _, err := s.updateWebhook(c.UserContext(), who.Business, id, webhookChange{active: maybe[flag]{given: true, value: flag(on)}}); err != nil {
		return err
	}
	done := "off"
	if on {
		done = "enabled"
	}
	return back(c, fmt.Sprintf("/webhooks/%d", id), done)
}

// submitCatchUp says what becomes of what was held, and switches the webhook on.
func (s *Server) submitCatchUp(c *fiber.Ctx, who caller) error {
	id, err := pathID(c, "id")
	if err != nil {
		return err
	}
	w, err := s.store.Webhook(c.UserContext(), who.Business, id)
	if err != nil {
		return err
	}
	done := "catching-up"
	switch c.FormValue("from") {
	case "gap":
		_, err = s.catchUp(c.UserContext(), w)
	case "now":
		done = "from-now"
		_, err = s.fromNow(c.UserContext(), w)
	default:
		err = invalid("from", codeInvalid, "must be gap or now")
	}
	if err != nil {
		return err
	}
	return back(c, fmt.Sprintf("/webhooks/%d", id), done)
}

func (s *Server) submitJobCancel(c *fiber.Ctx, who caller) error {
	id, err := pathID(c, "id")
	if err != nil {
		return err
	}
	job, err := pathID(c, "job")
	if err != nil {
		return err
	}
	if _, err := s.store.CancelJob(c.UserContext(), who.Business, job); err != nil {
		return err
	}
	s.refresh(c.UserContext())
	return back(c, fmt.Sprintf("/webhooks/%d", id), "cancelled")
}

func (s *Server) submitWebhookDelete(c *fiber.Ctx, who caller) error {
	id, err := pathID(c, "id")
	if err != nil {
		return err
	}
	if err := s.deleteWebhook(c.UserContext(), who.Business, id); err != nil {
		return err
	}
	return back(c, "/webhooks", "deleted")
}
