package api

import (
	"fmt"
	"net/http"
	"strconv"
	"time"

	"github.com/gofiber/fiber/v2"

	"wabagate/api/dashboard"
	"wabagate/models"
)

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
	view := dashboard.Delivery{Shell: shell(who, d.Event.Type), Item: s.deliveryItem(withLast(d.DeliveryDetail)),
		Above: []dashboard.Crumb{{Label: "Webhooks", Path: "/webhooks"}, {Label: d.Webhook.Name, Path: "/webhooks/" + strconv.FormatInt(d.Webhook.ID, 10)}},
		URL:   d.Webhook.URL, Payload: string(d.Payload), CanResend: mayResend(d.Webhook, d.Row) == nil}
	for i := len(d.Attempts) - 1; i >= 0; i-- { // newest first
		view.Attempts = append(view.Attempts, attemptStep(d.Attempts[i], i == len(d.Attempts)-1, s.now()))
	}
	return s.render(c, http.StatusOK, view)
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
