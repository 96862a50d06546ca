package dialect

import (
	"cmp"
	"fmt"
	"time"

	"wabagate/fanout/event"
)

// facts are an event's data as the dialects ask for them. No part is nil: what is absent is empty.
type facts struct {
	event.Data
	created time.Time
}

func read(e event.Event) (facts, error) {
	d, err := e.Decode()
	if err != nil {
		return facts{}, err
	}
	d.Number = cmp.Or(d.Number, &event.Number{})
	d.Contact = cmp.Or(d.Contact, &event.Contact{})
	d.Conversation = cmp.Or(d.Conversation, &event.Conversation{})
	d.Message = cmp.Or(d.Message, &event.Message{})
	d.Status = cmp.Or(d.Status, &event.Status{})
	d.Error = cmp.Or(d.Error, &event.Error{})
	return facts{Data: d, created: e.CreatedAt}, nil
}

// at is when it happened by the upstream clock, or when the gateway made the event where upstream does not say.
func (f facts) at() time.Time { return timeOr(f.OccurredAt.Time, f.created) }

// phone is the customer's number in digits, empty when it is withheld.
func (f facts) phone() string {
	return cmp.Or(f.Contact.WaID, f.Message.From, f.Status.RecipientID)
}

// customer is the customer's number, or the user id when the number is withheld.
func (f facts) customer() string {
	return cmp.Or(f.phone(), f.Contact.UserID, f.Status.RecipientUserID)
}

// sender is who wrote the message: in a group a participant.
func (f facts) sender() string { return cmp.Or(f.Message.From, f.customer()) }

// recipient is whom the reported message went to: the address of the report, or else the customer.
func (f facts) recipient() string { return cmp.Or(f.Status.RecipientID, f.customer()) }

// business is the number that was written to, in digits.
func (f facts) business() string { return cmp.Or(f.Message.To, f.Number.Display) }

// name is what to call the customer; empty when nothing is known.
func (f facts) name() string { return cmp.Or(f.Contact.Name, f.Contact.Username) }

// content is the upstream object of a message that is neither text nor a file, for which text alone says too little.
func (f facts) content() []byte {
	if f.Message.Type == "text" || f.Message.Media != nil {
		return nil
	}
	return f.Message.Content
}

// timeOr is t, or other where t is zero.
func timeOr(t, other time.Time) time.Time {
	if t.IsZero() {
		return other
	}
	return t
}

// milliseconds and seconds print a moment in UTC, with and without a fraction.
func milliseconds(t time.Time) string { return t.UTC().Format("2006-01-02T15:04:05.000Z") }
func seconds(t time.Time) string      { return t.UTC().Format("2006-01-02T15:04:05Z") }

// renderError names event and dialect around what went wrong.
func renderError(dialect string, e event.Event, err error) error {
	return fmt.Errorf("render %s %s for %s: %w", e.Type, e.ID, dialect, err)
}
