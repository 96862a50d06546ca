package api

import (
	"cmp"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strconv"

	"github.com/gofiber/fiber/v2"

	"wabagate/api/dashboard"
	"wabagate/fanout/event"
	"wabagate/models"
)

// wamidOf is the message that an event is about; empty: none.
func wamidOf(data []byte) string {
	var d event.Data
	if json.Unmarshal(data, &d) != nil {
		return ""
	}
	switch {
	case d.Message != nil:
		return d.Message.ID
	case d.Status != nil:
		return d.Status.MessageID
	case d.Order != nil:
		return d.Order.MessageID
	case d.Form != nil:
		return d.Form.MessageID
	}
	return ""
}

func timelinePath(wamid string) string { return "/timeline/" + url.PathEscape(wamid) }

// eventLinks lead from an event to what it is about, and to itself where it is not itself that is shown.
func eventLinks(e models.Event, itself bool) []dashboard.Link {
	var links []dashboard.Link
	if id := event.Key(e.Key).EventID(); itself {
		links = append(links, dashboard.Link{Kind: "Event", Label: id, Path: "/events/" + id})
	}
	if wamid := wamidOf(e.Data); wamid != "" {
		links = append(links, dashboard.Link{Kind: "Message", Label: "its timeline", Path: timelinePath(wamid)})
	}
	if e.ConversationID != 0 {
		links = append(links, conversationLink(e.ConversationID, e.Data))
	}
	return links
}

// conversationLink names a conversation after who it is with, as far as an event's data says.
func conversationLink(id int64, data []byte) dashboard.Link {
	l := dashboard.Link{Kind: "Conversation", Label: strconv.FormatInt(id, 10), Path: fmt.Sprintf("/conversations/%d", id)}
	var d event.Data
	if json.Unmarshal(data, &d) == nil && d.Contact != nil {
		l.Label = firstRunes(cmp.Or(d.Contact.Name, d.Contact.Username, d.Contact.WaID, d.Contact.UserID, l.Label), maxAbout)
	}
	return l
}

// knownWebhook is a webhook of the business as the directory has it. One that is new, or gone, is known by its id only.
func (s *Server) knownWebhook(businessID, id int64) models.Webhook {
	if w, ok := s.directory.Routes().Webhooks[id]; ok && w.BusinessID == businessID {
		return w
	}
	return models.Webhook{ID: id, BusinessID: businessID, Name: fmt.Sprintf("webhook %d", id), Active: true}
}

func (s *Server) pageEvent(c *fiber.Ctx, who caller) error {
	d, err := s.event(c, who)
	if err != nil {
		return err
	}
	e, now := d.Event, s.now()
	view := dashboard.EventPage{Shell: shell(who, e.Type), ID: event.Key(e.Key).EventID(), Type: e.Type, About: aboutEvent(e.Data), Created: dashboard.NewWhen(e.CreatedAt, now),
		Above: []dashboard.Crumb{{Label: "Messages", Path: "/messages"}}, Links: eventLinks(e, false)}
	if t, ok := event.Lookup(e.Type); ok {
		view.Description = t.Description
	}
	if d.Callback != nil {
		view.Callback, view.Received = bytesText(int(d.Callback.Size)), dashboard.NewWhen(d.Callback.ReceivedAt, now)
	}
	if emptied(e) == nil {
		text, err := envelope(e)
		if err != nil {
			return err
		}
		view.JSON = string(text)
	}
	for _, one := range d.Deliveries {
		w := s.knownWebhook(who.Business, one.Row.WebhookID)
		item := dashboard.EventDelivery{Item: s.deliveryItem(withLast(one)), Webhook: dashboard.Crumb{Label: w.Name, Path: webhookPath(w.ID)}}
		item.CanResend, item.Refused = resendable(who, w, one)
		view.Deliveries = append(view.Deliveries, item)
	}
	return s.render(c, http.StatusOK, view)
}
