package api

import (
	"net/http"
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
	view := dashboard.Delivery{Shell: shell(who, d.Event.Type), Item: s.deliveryItem(withLast(d.DeliveryDetail)), WebhookID: d.Webhook.ID, WebhookName: d.Webhook.Name,
		URL: d.Webhook.URL, Payload: string(d.Payload), CanResend: mayResend(d.Webhook, d.Row) == nil}
	view.Notice = notices[c.Query("done")]
	for i := len(d.Attempts) - 1; i >= 0; i-- { // newest first
		a := d.Attempts[i]
		view.Attempts = append(view.Attempts, dashboard.Attempt{N: a.N, Started: dashboard.NewWhen(a.StartedAt, s.now()), OK: a.Outcome == models.Delivered,
			Status: a.Status, Reason: a.Reason, Latency: latencyText(a.Duration), Answer: a.Answer})
	}
	return s.render(c, http.StatusOK, view)
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
