package dialect

import (
	"cmp"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"wabagate/fanout/event"
)

// facts are an event's data as the dialects ask for them. No part is nil: what is absent is empty.
type facts struct {
	event.Data
	typ     string
	created time.Time
	before  before
}

// before is what Data.Previous says of statuses: empty where one did not change or was not known.
type before struct {
	Status        string `json:"status"`
	PaymentStatus string `json:"payment_status"`
}

// blank stands in for the parts that an event does not have. All events share it: it is only read.
var blank struct {
	number       event.Number
	contact      event.Contact
	conversation event.Conversation
	message      event.Message
	status       event.Status
	err          event.Error
	order        event.Order
	form         event.Form
	broadcast    event.Broadcast
	webhook      event.Webhook
	file         event.File
}

func read(e event.Event) (*facts, error) {
	d, err := e.Decode()
	if err != nil {
		return nil, err
	}
	d.Number = cmp.Or(d.Number, &blank.number)
	d.Contact = cmp.Or(d.Contact, &blank.contact)
	d.Conversation = cmp.Or(d.Conversation, &blank.conversation)
	d.Message = cmp.Or(d.Message, &blank.message)
	d.Status = cmp.Or(d.Status, &blank.status)
	d.Error = cmp.Or(d.Error, &blank.err)
	d.Order = cmp.Or(d.Order, &blank.order)
	d.Form = cmp.Or(d.Form, &blank.form)
	d.Broadcast = cmp.Or(d.Broadcast, &blank.broadcast)
	d.Webhook = cmp.Or(d.Webhook, &blank.webhook)
	d.File = cmp.Or(d.File, &blank.file)
	f := &facts{Data: d, typ: e.Type, created: e.CreatedAt}
	if len(d.Previous) > 0 {
		_ = json.Unmarshal(d.Previous, &f.before) // what is no text is no status
	}
	return f, nil
}

// at is when it happened by the upstream clock, or when the gateway made the event where upstream does not say.
func (f *facts) at() time.Time { return timeOr(f.OccurredAt.Time, f.created) }

// outbound says that the message is the business's own.
func (f *facts) outbound() bool { return f.Message.Direction == "outbound" }

// peer is the customer's side of the message: in a group a participant.
func (f *facts) peer() string {
	if f.outbound() {
		return f.Message.To
	}
	return f.Message.From
}

// phone is the customer's number in digits, empty when it is withheld: other names are in its place then.
func (f *facts) phone() string {
	for _, known := range [...]string{f.Contact.WaID, f.peer(), f.Status.RecipientID} {
		if isNumber(known) {
			return known
		}
	}
	return ""
}

// customer is the customer's number, or the user id when the number is withheld.
func (f *facts) customer() string {
	return cmp.Or(f.phone(), f.Contact.UserID, f.Status.RecipientUserID)
}

// correspondent is the customer as the message itself has them: in a group a participant.
func (f *facts) correspondent() string { return cmp.Or(f.peer(), f.customer()) }

// sender and receiver are the two ends of the message.
func (f *facts) sender() string {
	if f.outbound() {
		return cmp.Or(f.Message.From, f.Number.Display)
	}
	return f.correspondent()
}

func (f *facts) receiver() string {
	if f.outbound() {
		return f.correspondent()
	}
	return cmp.Or(f.Message.To, f.Number.Display)
}

// recipient is whom the reported message went to: the address of the report, or else the customer.
func (f *facts) recipient() string { return cmp.Or(f.Status.RecipientID, f.customer()) }

// name is what to call the customer; empty when nothing is known.
func (f *facts) name() string { return cmp.Or(f.Contact.Name, f.Contact.Username) }

// content is the upstream object of a message that is neither text nor a file, for which text alone says too little.
func (f *facts) content() json.RawMessage {
	if f.Message.Type == "text" || f.Message.Media != nil {
		return nil
	}
	return f.Message.Content
}

// labels are those of the conversation: an empty list, not null, where there are none.
func (f *facts) labels() []string {
	if f.Conversation.Labels == nil {
		return []string{}
	}
	return f.Conversation.Labels
}

// orderChange is what an order's change was about: its status, or else its payment.
func (f *facts) orderChange() (from, to string) {
	switch {
	case f.before.Status != "":
		return f.before.Status, f.Order.Status
	case f.isPayment():
		return f.before.PaymentStatus, f.Order.PaymentStatus
	}
	return "", f.Order.Status
}

// isPayment says that an order's payment is the news. A late report of a payment changes nothing and tells of it all the
// same.
func (f *facts) isPayment() bool { return f.before.PaymentStatus != "" || len(f.Order.Payment) > 0 }

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

// optional prints a moment that may be absent; empty then.
func optional(t *event.Time, print func(time.Time) string) string {
	if t == nil || t.IsZero() {
		return ""
	}
	return print(t.Time)
}

// isNumber tells phone numbers, which are digits here, from ids of users and groups.
func isNumber(s string) bool { return s != "" && strings.Trim(s, "0123456789") == "" }

// renderError names event and dialect around what went wrong.
func renderError(dialect string, e event.Event, err error) error {
	return fmt.Errorf("render %s %s for %s: %w", e.Type, e.ID, dialect, err)
}
