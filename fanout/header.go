package fanout

import (
	"net/http"
	"time"

	"wabagate/models"
)

// Header is what a webhook is sent before the body of an event, signed as of a moment. It holds what the webhook's owner set,
// credentials too.
func Header(w models.Webhook, eventID string, body []byte, at time.Time) (http.Header, error) {
	sub, err := newSubscription(w)
	if err != nil {
		return nil, err
	}
	return sub.request(eventID, body, at).Header, nil
}
