package fanout

import (
	"context"
	"time"

	"wabagate/fanout/event"
	"wabagate/models"
)

// Operation is news of the gateway itself about one of a business's webhooks, or about a number. It goes to the other
// webhooks of the business that subscribe to it: the one it is about is the last that would hear of it.
type Operation struct {
	Type    string         // webhook.failing, webhook.disabled, webhook.recovered or delivery.exhausted; of a number upstream.silent or message.unreported
	Webhook models.Webhook // that it is about; zero: it is about a number
	Number  models.Number  // likewise
	// Gap is what did not come for the number; nil on others.
	Gap *event.Gap
	// Key distinguishes it from other news of the same type about the same webhook or number: telling it again tells nothing.
	Key    string
	At     time.Time
	Reason string
	// DisablesAt is when a failing webhook is switched off; zero on others.
	DisablesAt time.Time
	// Held is how many deliveries are caught up now that the webhook works again; 0 on others.
	Held int64
	// Delivery is what was exhausted; nil on others.
	Delivery *event.Delivery
}

// fact is the operation as a fact to be recorded.
func (o Operation) fact() fact {
	if o.Webhook.ID == 0 {
		return fact{typ: o.Type, key: event.NewKey(o.Type, "number", id(o.Number.ID), o.Key), business: o.Number.BusinessID, number: o.Number, occurred: o.At.UTC(), operation: &o}
	}
	return fact{typ: o.Type, key: event.NewKey(o.Type, id(o.Webhook.ID), o.Key), business: o.Webhook.BusinessID, occurred: o.At.UTC(), operation: &o}
}

func (o *Operation) describe(d *event.Data) {
	d.Delivery, d.Reason, d.Gap = o.Delivery, o.Reason, o.Gap
	w := o.Webhook
	if w.ID == 0 {
		return
	}
	d.Webhook = &event.Webhook{ID: w.ID, Name: w.Name, URL: w.URL, FailCount: w.Health.FailCount, DisabledBy: string(w.DisabledBy), Held: o.Held}
	if !o.DisablesAt.IsZero() {
		d.Webhook.FailingSince, d.Webhook.DisablesAt = &event.Time{Time: w.Health.FailingSince}, &event.Time{Time: o.DisablesAt}
	}
}

// Tell records news, each once however often it is told.
func (r *Recorder) Tell(ctx context.Context, news ...Operation) error {
	facts := make([]fact, len(news))
	for i, o := range news {
		facts[i] = o.fact()
	}
	return r.fresh(ctx, func() error {
		_, err := r.record(ctx, facts, r.subs.current(), models.Changes{})
		return err
	})
}

// operational says whether a type is news of the gateway itself: its own failures are not told of, or one dead webhook
// would have the gateway talk to itself.
func operational(typ string) bool {
	switch typ {
	case event.WebhookFailing, event.WebhookDisabled, event.WebhookRecovered, event.DeliveryExhausted, event.UpstreamSilent, event.MessageUnreported:
		return true
	}
	return false
}
