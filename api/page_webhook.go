package api

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"time"

	"github.com/gofiber/fiber/v2"

	"wabagate/api/dashboard"
	"wabagate/models"
)

func (s *Server) registerWebhookPages(app *fiber.App) {
	app.Get("/webhooks", s.page(s.pageWebhooks))
	app.Get("/webhooks/new", s.page(s.pageWebhookNew))
	app.Post("/webhooks/new", s.fence, s.page(s.submitWebhookNew))
	app.Get("/webhooks/events/:name", s.page(s.pageEventType))

	one := app.Group("/webhooks/:id<int>")
	one.Get("", s.page(s.pageWebhook))
	one.Post("/test", s.fence, s.page(s.submitTrial))
	// The result of a trial stands under this address; who comes back to it later has only the webhook to see.
	one.Get("/test", func(c *fiber.Ctx) error { return back(c, "/webhooks/"+c.Params("id"), "") })
	one.Post("/verify", s.fence, s.page(s.submitVerify))
	one.Get("/deliveries", s.page(s.pageWebhookDeliveries))
	one.Get("/replay", s.page(s.pageReplay))
	one.Post("/replay", s.fence, s.page(s.submitReplay))
	one.Post("/catch-up", s.fence, s.page(s.submitCatchUp))
	one.Post("/jobs/:job<int>/cancel", s.fence, s.page(s.submitJobCancel))
	one.Get("/signing", s.page(s.pageSigning))
	one.Post("/secret/rotate", s.fence, s.page(s.submitRotate))
	one.Post("/secret/rotate/finish", s.fence, s.page(s.submitRotationFinish))
	one.Get("/check", s.page(s.pageCheck))
	one.Post("/check", s.fence, s.page(s.submitCheck))
	one.Get("/edit", s.page(s.pageWebhookEdit))
	one.Post("/edit", s.fence, s.page(s.submitWebhookEdit))
	one.Get("/danger", s.page(s.pageDanger))
	one.Post("/active", s.fence, s.page(s.submitWebhookActive))
	one.Post("/delete", s.fence, s.page(s.submitWebhookDelete))
}

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
		item, err := s.webhookLine(c.UserContext(), w)
		if err != nil {
			return err
		}
		view.Items = append(view.Items, item)
	}
	slices.SortStableFunc(view.Items, func(a, b dashboard.WebhookItem) int { return urgency(a) - urgency(b) })
	return s.render(c, http.StatusOK, view)
}

// urgency sorts what wants somebody to look at it to the front.
func urgency(w dashboard.WebhookItem) int {
	switch {
	case w.Trouble == nil:
		return 2
	case w.Trouble.Badge.Tone == "bad":
		return 0
	}
	return 1
}

// webhookItem is a webhook by itself.
func (s *Server) webhookItem(w models.Webhook) dashboard.WebhookItem {
	item := dashboard.WebhookItem{ID: w.ID, Name: w.Name, URL: w.URL, Dialect: w.Dialect, Events: w.Events, Active: w.Active, FailCount: w.Health.FailCount,
		FailingSince: dashboard.NewWhen(w.Health.FailingSince, s.now()), LastTriggered: dashboard.NewWhen(w.Health.LastTriggeredAt, s.now()), Inspector: s.inspectorOf(w)}
	if !w.Active {
		item.Disabled = w.DisabledReason
	}
	if mustVerify(w) && !w.Verified {
		item.Unverified, item.Missing = true, capital(w.VerifyReason, "")
	}
	return item
}

// webhookLine is a webhook with what the last 24 hours say of it.
func (s *Server) webhookLine(ctx context.Context, w models.Webhook) (dashboard.WebhookItem, error) {
	item := s.webhookItem(w)
	hours, err := s.webhookSpans(ctx, w, statsHours, time.Hour)
	if err != nil {
		return item, err
	}
	var all models.Count
	values := make([]int64, len(hours))
	for i, h := range hours {
		all.Add(h)
		values[i] = h.Succeeded + h.Failed
	}
	item.Rate = rateText(all)
	if all.Succeeded+all.Failed > 0 {
		item.Spark = dashboard.NewSpark(fmt.Sprintf("Deliveries of the last 24 hours: %s succeeded, %s failed", grouped(all.Succeeded), grouped(all.Failed)), values)
	}
	var held int64
	if !w.Active {
		owed, err := s.store.Owed(ctx, w.BusinessID, w.ID)
		if err != nil {
			return item, err
		}
		held = owed.Held
	}
	if trouble, ok := webhookTrouble(item, models.Stats{Held: held}); ok {
		item.Trouble = &trouble
	}
	return item, nil
}

// webhookSpans are the counts of so many spans up to now, the oldest first. A span is some whole hours.
func (s *Server) webhookSpans(ctx context.Context, w models.Webhook, n int, span time.Duration) ([]models.Count, error) {
	first := firstSpan(s.now(), n, span)
	counts, err := s.store.Counts(ctx, models.CountFilter{BusinessID: w.BusinessID, WebhookID: w.ID, From: first}, span)
	if err != nil {
		return nil, err
	}
	spans := make([]models.Count, n)
	for i := range spans {
		spans[i] = counts[first.Add(time.Duration(i)*span)]
	}
	return spans, nil
}

// firstSpan is where the first of so many spans begins, of which the last has now in it.
func firstSpan(now time.Time, n int, span time.Duration) time.Time {
	return now.UTC().Truncate(span).Add(-time.Duration(n-1) * span)
}

// rateText is the share of deliveries that succeeded; a dash before the first is through.
func rateText(c models.Count) string {
	rate, ok := successRate(models.Stats{Succeeded: c.Succeeded, Failed: c.Failed})
	if !ok {
		return "–"
	}
	return percentText(rate)
}

// webhookOf is the webhook that a path names, as its business sees it.
func (s *Server) webhookOf(c *fiber.Ctx, who caller) (models.Webhook, error) {
	id, err := pathID(c, "id")
	if err != nil {
		return models.Webhook{}, err
	}
	return s.store.Webhook(c.UserContext(), who.Business, id)
}

// jobRemembered is how long pages tell of a job that has ended.
const jobRemembered = time.Hour

// webhookHead is what the pages of a webhook have in common; at names the page.
func (s *Server) webhookHead(ctx context.Context, who caller, w models.Webhook, at string) (dashboard.WebhookHead, error) {
	head := dashboard.WebhookHead{Item: s.webhookItem(w), Description: w.Description, Above: []dashboard.Crumb{{Label: "Webhooks", Path: "/webhooks"}}}
	for _, tab := range []struct {
		at, label string
		changes   bool // is for those who may change things
	}{{"", "Overview", false}, {"deliveries", "Deliveries", false}, {"replay", "Replay", false}, {"signing", "Signing", true}, {"check", "Receiver check", true},
		{"edit", "Settings", true}, {"danger", "Danger zone", true}} {
		if tab.changes && !who.may(workers) {
			continue
		}
		path := head.Item.Path()
		if tab.at != "" {
			path = head.Item.Path(tab.at)
		}
		head.Tabs = append(head.Tabs, dashboard.Tab{Label: tab.label, Path: path, Current: tab.at == at})
	}
	jobs, err := s.store.Jobs(ctx, w.BusinessID, w.ID, 0, 1)
	if err != nil {
		return head, err
	}
	if len(jobs) > 0 && (jobs[0].State == models.JobRunning || s.now().Sub(jobs[0].FinishedAt) < jobRemembered) {
		job := jobItem(jobs[0], w.RateLimit, s.now())
		head.Job = &job
	}
	if head.Job == nil || !head.Job.Running {
		head.Held, err = s.heldItem(ctx, w)
	}
	return head, err
}

// heldItem is what is held for a webhook; nil: nothing is.
func (s *Server) heldItem(ctx context.Context, w models.Webhook) (*dashboard.Held, error) {
	owed, err := s.store.Owed(ctx, w.BusinessID, w.ID)
	if err != nil || owed.Held == 0 {
		return nil, err
	}
	oldest, ok, err := s.store.OldestHeld(ctx, w.ID)
	if err != nil || !ok {
		return nil, err
	}
	held := &dashboard.Held{Count: plural(owed.Held, "delivery", "deliveries"), Oldest: dashboard.NewWhen(oldest.Event.CreatedAt, s.now()), Estimate: paceText(owed.Held, w.RateLimit)}
	if owed.Held == models.MostOwed {
		held.Count = "at least " + held.Count
	}
	return held, nil
}
