package fanout

import (
	"net/http"
	"time"

	"wabagate/fanout/deliver"
	"wabagate/fanout/event"
	"wabagate/fanout/signature"
	"wabagate/models"
)

// request is one attempt at delivering a body, signed as of now.
func (s *subscription) request(id string, body []byte, now time.Time) deliver.Request {
	header := s.header.Clone()
	s.dialect.Headers(header, signature.Message{ID: id, Timestamp: now, Body: body}, s.signing(now))
	return deliver.Request{URL: s.webhook.URL, Header: header, Body: body, Timeout: s.timeout, Certificate: s.certificate}
}

// Preview is the request with which a webhook would be posted an event now. It need not be active, subscribed to the event, nor
// be kept anywhere. It wraps dialect.ErrNoShape for an event that its dialect cannot express.
func Preview(w models.Webhook, e event.Event, now time.Time) (http.Header, []byte, error) {
	sub, err := newSubscription(w)
	if err != nil {
		return nil, nil, err
	}
	body, err := sub.dialect.Render(nil, e)
	if err != nil {
		return nil, nil, err
	}
	return sub.request(e.ID, body, now).Header, body, nil
}

// Header is what a webhook is sent before the body of an event, signed as of a moment. It holds what the webhook's owner set,
// credentials too.
func Header(w models.Webhook, eventID string, body []byte, at time.Time) (http.Header, error) {
	sub, err := newSubscription(w)
	if err != nil {
		return nil, err
	}
	return sub.request(eventID, body, at).Header, nil
}
