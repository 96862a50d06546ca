package api

import (
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"github.com/gofiber/fiber/v2"

	"wabagate/api/dashboard"
	"wabagate/fanout/event"
	"wabagate/models"
)

// webhookPath is the address of a webhook's page.
func webhookPath(id int64) string { return "/webhooks/" + strconv.FormatInt(id, 10) }

// deliveriesLink leads to the deliveries of a webhook that have a status; empty: all.
func deliveriesLink(id int64, status string) string { return deliveriesQuery(id, status, "") }

func deliveriesQuery(id int64, status, event string) string {
	q := url.Values{}
	for name, value := range map[string]string{"status": status, "event": event} {
		if value != "" {
			q.Set(name, value)
		}
	}
	path := webhookPath(id) + "/deliveries"
	if len(q) == 0 {
		return path
	}
	return path + "?" + q.Encode()
}

func (s *Server) pageWebhookDeliveries(c *fiber.Ctx, who caller) error {
	w, err := s.webhookOf(c, who)
	if err != nil {
		return err
	}
	f := models.DeliveryFilter{Limit: itemsPerPage}
	if f.Before, err = cursor(c.Query("cursor")); err != nil {
		return err
	}
	status, name := strings.Clone(c.Query("status")), strings.Clone(c.Query("event"))
	if err := narrow(&f, status); err != nil {
		return err
	}
	if f.Types, err = eventTypes(name); err != nil {
		return err
	}
	view := dashboard.WebhookDeliveries{Shell: shell(who, "Deliveries of "+w.Name), Status: status, Event: dashboard.Field{Name: "event", Label: "Event", Type: "select", Options: typeOptions(name)}}
	if view.WebhookHead, err = s.webhookHead(c.UserContext(), who, w, "deliveries"); err != nil {
		return err
	}
	for _, one := range []string{"", "succeeded", "failed", "retrying", "pending", "held", "skipped"} {
		view.Filters = append(view.Filters, dashboard.Tab{Path: deliveriesQuery(w.ID, one, name), Label: capital(one, "All"), Current: one == status})
	}
	rows, next, err := s.deliveries(c.UserContext(), w.ID, f)
	if err != nil {
		return err
	}
	for _, r := range rows {
		view.Deliveries = append(view.Deliveries, s.deliveryItem(r))
	}
	q, _ := url.ParseQuery(string(c.Request().URI().QueryString()))
	view.Pager = pagerOf(view.Item.Path("deliveries"), q, f.Before > 0, next)
	return s.render(c, http.StatusOK, view)
}

// typeOptions are all types of events for a filter, and all of them at once.
func typeOptions(chosen string) []dashboard.Choice {
	choices := []dashboard.Choice{{Label: "All events", Chosen: chosen == ""}}
	if _, single := event.Lookup(chosen); chosen != "" && !single { // a link may choose several
		choices = append(choices, dashboard.Choice{Value: chosen, Label: chosen, Chosen: true})
	}
	for _, t := range event.Catalogue() {
		choices = append(choices, dashboard.Choice{Value: t.Name, Label: t.Name, Chosen: t.Name == chosen})
	}
	return choices
}
