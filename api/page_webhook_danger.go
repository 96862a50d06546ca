package api

import (
	"errors"
	"net/http"

	"github.com/gofiber/fiber/v2"

	"wabagate/api/dashboard"
	"wabagate/models"
)

func (s *Server) pageDanger(c *fiber.Ctx, who caller) error {
	w, err := s.webhookOf(c, who)
	if err != nil {
		return err
	}
	return s.showDanger(c, who, w, nil)
}

func (s *Server) showDanger(c *fiber.Ctx, who caller, w models.Webhook, wrong *Error) error {
	view := dashboard.WebhookDanger{Shell: shell(who, "Danger zone of "+w.Name), Delete: dashboard.Danger{Summary: "Delete this webhook…", Word: w.Name, Button: "Delete this webhook",
		Text: "Deliveries stop, and what waits is dropped. The history of its deliveries goes with it. This cannot be undone.", Action: webhookPath(w.ID) + "/delete"}}
	var err error
	if view.WebhookHead, err = s.webhookHead(c.UserContext(), who, w, "danger"); err != nil {
		return err
	}
	status := http.StatusOK
	if wrong != nil {
		status, view.Wrong, view.Here = wrong.Status, "Nothing was deleted: what was typed is not the name of the webhook.", view.Item.Path("danger")
	}
	return s.render(c, status, view)
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
	return back(c, webhookPath(id), done)
}

func (s *Server) submitWebhookDelete(c *fiber.Ctx, who caller) error {
	w, err := s.webhookOf(c, who)
	if err != nil {
		return err
	}
	if err := confirmed(c, w.Name); err != nil {
		var e *Error
		errors.As(err, &e)
		return s.showDanger(c, who, w, e)
	}
	if err := s.deleteWebhook(c.UserContext(), who.Business, w.ID); err != nil {
		return err
	}
	return back(c, "/webhooks", "deleted")
}
