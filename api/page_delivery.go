package api

import (
	"fmt"
	"net/http"
	"time"

	"github.com/gofiber/fiber/v2"

	"wabagate/api/dashboard"
	"wabagate/models"
)

// registerDeliveryPages adds the pages about what happened: events, messages and their deliveries.
func (s *Server) registerDeliveryPages(app *fiber.App) {
	app.Get("/messages", s.page(s.pageMessages))
	app.Get("/deliveries/:id", s.page(s.pageDelivery))
	app.Get("/deliveries/:id/curl", s.page(s.handleCurl))
	app.Post("/deliveries/:id/resend", s.fence, s.page(s.submitResend))
	app.Get("/events/:id", s.page(s.pageEvent))
	app.Get("/timeline/*", s.page(s.pageTimeline))
}

func (s *Server) deliveryItem(r models.DeliveryRow) dashboard.DeliveryItem {
	now := s.now()
	item := dashboard.DeliveryItem{ID: deliveryID{r.EventID, r.WebhookID}.String(), EventID: publicEventID(r.Key), Event: r.Type, Status: statusOf(r.State, r.Attempts),
		Attempts: r.Attempts, Created: dashboard.NewWhen(r.CreatedAt, now)}
	if r.LastStatus != nil {
		item.Code = *r.LastStatus
	}
	if r.LastReason != nil {
		item.Reason = *r.LastReason
	}
	if r.LastUS != nil {
		item.Latency = latencyText(time.Duration(*r.LastUS) * time.Microsecond)
	}
	if r.State == models.Pending && r.DueAt.After(now) {
		item.Next, item.Planned = dashboard.NewWhen(r.DueAt, now), true
	}
	return item
}

func (s *Server) pageDelivery(c *fiber.Ctx, who caller) error {
	id, err := pathDelivery(c)
	if err != nil {
		return err
	}
	d, err := s.delivery(c.UserContext(), who.Business, id)
	if err != nil {
		return err
	}
	w, row := d.Webhook, withLast(d.DeliveryDetail)
	view := dashboard.Delivery{Shell: shell(who, d.Event.Type), Item: s.deliveryItem(row), About: aboutEvent(d.Event.Data), URL: w.URL,
		Above:   []dashboard.Crumb{{Label: "Messages", Path: "/messages"}, {Label: w.Name, Path: webhookPath(w.ID)}},
		Links:   append(eventLinks(d.Event, true), dashboard.Link{Kind: "Webhook", Label: w.Name, Path: webhookPath(w.ID)}),
		Refresh: refreshEvery(d.Row, s.now()), Steps: s.deliverySteps(d)}
	view.CanResend, view.Refused = resendable(who, w, d.DeliveryDetail)
	if view.Erased = emptied(d.Event) != nil; view.Erased || len(d.Payload) == 0 {
		return s.render(c, http.StatusOK, view)
	}
	n := len(d.Attempts)
	view.Payload, view.Changed = string(d.Payload), n > 0 && w.UpdatedAt.After(d.Attempts[n-1].StartedAt)
	view.Curl, view.CurlNote = "/deliveries/"+id.String()+"/curl", curlNote(w, who.may(workers))
	if view.Headers, err = sentHeaders(w, view.Item.EventID, d.DeliveryDetail, d.Payload); err != nil {
		return err
	}
	return s.render(c, http.StatusOK, view)
}

// resendable says whether the viewer may have a delivery made again, and why it cannot be where only that is in the way.
func resendable(who caller, w models.Webhook, d models.DeliveryDetail) (may bool, refused string) {
	if !who.may(workers) {
		return false, ""
	}
	if err := mayResend(w, d); err != nil {
		return false, sentence(public(err))
	}
	return true, ""
}

// refreshEvery is after how many seconds a delivery may have changed: 0 when nothing more is going to happen by itself.
func refreshEvery(r models.DeliveryRow, now time.Time) int {
	switch {
	case r.State != models.Pending:
		return 0
	case r.DueAt.Sub(now) < time.Minute:
		return 2
	}
	return 30
}

// deliverySteps are what comes next and the attempts so far, newest first.
func (s *Server) deliverySteps(d deliveryDetail) []dashboard.Step {
	var steps []dashboard.Step
	if next, ok := nextStep(d.Row, s.now()); ok {
		steps = append(steps, next)
	}
	for i := len(d.Attempts) - 1; i >= 0; i-- {
		step := attemptStep(d.Attempts[i], i == len(d.Attempts)-1, s.now())
		if d.Attempts[i].JobID != 0 {
			step.Title, step.Path = step.Title+", by a job", webhookPath(d.Webhook.ID)+"/replay"
		}
		steps = append(steps, step)
	}
	return steps
}

// nextStep is what is going to happen to a delivery, or why nothing is.
func nextStep(r models.DeliveryRow, now time.Time) (dashboard.Step, bool) {
	switch {
	case r.State == models.Held:
		return dashboard.Step{Tone: "wait", Title: "Held", Note: "It waits for the webhook to be switched on, and to deliver what was held."}, true
	case r.State == models.Skipped:
		return dashboard.Step{Title: "Given up", Note: "It was held while the webhook was off, and the webhook went on without it. It can still be resent."}, true
	case r.State == models.Failed:
		return dashboard.Step{Tone: "bad", Title: "No further attempt is planned", Note: "Mend the receiver, then resend it."}, true
	case r.State != models.Pending:
		return dashboard.Step{}, false
	case r.DueAt.After(now):
		return dashboard.Step{Tone: "wait", Title: fmt.Sprintf("Attempt %d is planned", r.Attempts+1), At: dashboard.NewWhen(r.DueAt, now)}, true
	}
	return dashboard.Step{Tone: "wait", Title: fmt.Sprintf("Attempt %d is about to be made", r.Attempts+1)}, true
}

// attemptStep shows an attempt, the newest with its answer unfolded.
func attemptStep(a models.Attempt, newest bool, now time.Time) dashboard.Step {
	step := dashboard.Step{Tone: "bad", Title: fmt.Sprintf("Attempt %d", a.N), At: dashboard.NewWhen(a.StartedAt, now), Code: a.Status, Answered: true,
		Note: a.Reason, Latency: latencyText(a.Duration), DetailLabel: "Answer", Detail: a.Answer, Open: newest}
	switch {
	case a.Outcome == models.Delivered:
		step.Tone = "good"
	case a.Status == 0:
		step.DetailLabel = "" // there was no answer, as the reason says
	}
	if step.Detail == "" && a.Status != 0 {
		step.DetailLabel = "The answer had no body."
	}
	return step
}

func (s *Server) submitResend(c *fiber.Ctx, who caller) error {
	id, err := pathDelivery(c)
	if err != nil {
		return err
	}
	if err := s.resend(c.UserContext(), who.Business, id); err != nil {
		return err
	}
	return back(c, "/deliveries/"+id.String(), "resent")
}
