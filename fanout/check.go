package fanout

import (
	"context"

	"wabagate/fanout/check"
	"wabagate/models"
)

// Check tries the receiver of a webhook, whatever the webhook's state, and keeps nothing of it. found is told of every finding
// as it is made; nil: nobody. It takes less than a minute, and ends early with its context.
func (c *Courier) Check(ctx context.Context, w models.Webhook, found func(check.Finding)) (check.Report, error) {
	sub, err := newSubscription(w)
	if err != nil {
		return check.Report{}, err
	}
	r := check.Receiver{BusinessID: w.BusinessID, URL: w.URL, Dialect: sub.dialect, Secrets: sub.signing(c.now()), Header: sub.header, Timeout: sub.timeout, Certificate: sub.certificate}
	return check.Run(ctx, c.post, r, c.now, found)
}
