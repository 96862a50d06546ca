package event

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"
)

// ErrUnknownType says that a name is not in the catalogue.
var ErrUnknownType = errors.New("unknown event type")

// The people and numbers of the samples. The numbers lie in the range set aside for fiction.
const (
	sampleWABA     = "500100200300400"
	samplePhoneID  = "600700800900100"
	sampleBusiness = "15550100200"
	sampleCustomer = "15550177321"
	sampleUserID   = "US.4KQ82ZT7M1"
	sampleName     = "Layla Haddad"
	sampleText     = "Hi! Is my order 1042 on its way? 🙏"
)

// Sample is a realistic event of any type of the catalogue, for testing a receiver. An alias gives its type; a family
// such as "template.*" gives a "template.sample". Type and moment decide everything, the ids included. It wraps
// ErrUnknownType for a name that is not in the catalogue.
func Sample(typ string, now time.Time) (Event, error) {
	name, ok := Resolve(typ)
	if !ok {
		name = typ
	}
	t, ok := Lookup(name)
	if !ok {
		return Event{}, fmt.Errorf("sample of %q: %w", typ, ErrUnknownType)
	}
	if strings.HasSuffix(name, ".*") {
		if !t.family() { // a wildcard over several types, such as "message.*"
			return Event{}, fmt.Errorf("sample of %q: %w", typ, ErrUnknownType)
		}
		name = t.prefix() + "sample"
	}
	now = now.UTC()
	s := sample{
		typ: name,
		key: NewKey("sample", name, now.Format(time.RFC3339Nano)),
		at:  now.Truncate(time.Second), // the upstream clock has seconds
	}
	d, upstream := s.build()
	if t.Derived {
		upstream = nil
	}
	return New(s.key, name, d, upstream, now)
}

// sample is one sample under construction.
type sample struct {
	typ string
	key Key
	at  time.Time
}

func (s sample) build() (Data, json.RawMessage) {
	d := Data{BusinessID: 1, OccurredAt: Time{s.at}}
	switch family, _, _ := strings.Cut(s.typ, "."); family {
	case "webhook", "delivery", "upstream", "broadcast":
		if s.typ != UpstreamUnrecognized {
			return d, nil
		}
	}
	d.Number = &Number{ID: 1, PhoneNumberID: samplePhoneID, Display: sampleBusiness, WABAID: sampleWABA}
	switch s.typ {
	case ErrorReported:
		d.Error = &Error{Code: "130429", Title: "Rate limit hit", Message: "Rate limit hit",
			Details: "Message failed to send because there were too many messages sent from this phone number in a short period of time",
			Href:    "https://developers.facebook.com/docs/whatsapp/cloud-api/support/error-codes/"}
		return d, s.envelope("messages", `"errors":[{"code":130429,"title":"`+d.Error.Title+`","message":"`+d.Error.Message+
			`","error_data":{"details":"`+d.Error.Details+`"},"href":"`+d.Error.Href+`"}]`)
	case UpstreamUnrecognized:
		return s.unrecognized(d, "new_platform_field")
	}
	if t, _ := Lookup(s.typ); t.family() || s.typ == "user.preferences.updated" {
		return s.unrecognized(d, strings.TrimSuffix(t.prefix(), "."))
	}

	d.Sequence = 1
	d.Contact = &Contact{ID: 456, Name: sampleName, WaID: sampleCustomer, UserID: sampleUserID}
	d.Conversation = &Conversation{ID: 1234, CreatedAt: Time{s.at}}
	switch s.typ {
	case ContactCreated, ContactUpdated:
		d.Sequence, d.Conversation = 0, nil
		return d, nil
	case MessageReport:
		d.Sequence = 2
		return s.report(d)
	default:
		return s.message(d)
	}
}

func (s sample) message(d Data) (Data, json.RawMessage) {
	d.Message = &Message{ID: s.wamid(), Direction: "inbound", From: sampleCustomer, To: sampleBusiness, Type: "text", Text: sampleText,
		Timestamp: Time{s.at}, Content: json.RawMessage(`{"body":"` + sampleText + `"}`)}
	if s.typ == "message.sent" || s.typ == "ai.replied" {
		d.Message.Direction, d.Message.From, d.Message.To = "outbound", sampleBusiness, sampleCustomer
		return d, nil
	}
	return d, s.envelope("messages", `"contacts":[`+sampleContact+`],"messages":[{"from":"`+d.Message.From+
		`","from_user_id":"`+sampleUserID+`","id":"`+d.Message.ID+`","timestamp":"`+s.unix()+`","type":"text","text":`+string(d.Message.Content)+`}]`)
}

func (s sample) report(d Data) (Data, json.RawMessage) {
	d.Status = &Status{MessageID: s.wamid(), Status: "delivered", Current: "delivered", RecipientID: sampleCustomer, RecipientUserID: sampleUserID,
		Timestamp: Time{s.at}, Pricing: json.RawMessage(`{"billable":true,"pricing_model":"PMP","type":"regular","category":"utility"}`)}
	return d, s.envelope("messages", `"contacts":[`+sampleContact+`],"statuses":[{"id":"`+d.Status.MessageID+`","status":"delivered","timestamp":"`+s.unix()+
		`","recipient_id":"`+sampleCustomer+`","recipient_user_id":"`+sampleUserID+`","pricing":`+string(d.Status.Pricing)+`}]`)
}

func (s sample) unrecognized(d Data, field string) (Data, json.RawMessage) {
	d.Field, d.Reason = field, "unknown field"
	value := `"event":"SAMPLE","timestamp":"` + s.unix() + `"`
	upstream := s.envelope(field, value)
	d.Raw = json.RawMessage(`{` + sampleMetadata + `,` + value + `}`)
	return d, upstream
}

const (
	sampleMetadata = `"messaging_product":"whatsapp","metadata":{"display_phone_number":"` + sampleBusiness + `","phone_number_id":"` + samplePhoneID + `"}`
	sampleContact  = `{"profile":{"name":"` + sampleName + `"},"wa_id":"` + sampleCustomer + `","user_id":"` + sampleUserID + `"}`
)

// envelope is the Cloud API callback around the members of one value.
func (s sample) envelope(field, members string) json.RawMessage {
	return json.RawMessage(`{"object":"whatsapp_business_account","entry":[{"id":"` + sampleWABA + `","changes":[{"value":{` +
		sampleMetadata + `,` + members + `},"field":"` + field + `"}]}]}`)
}

// wamid looks like a message id of the platform and differs between samples, so that receivers take each for new.
func (s sample) wamid() string { return "wamid." + base64.StdEncoding.EncodeToString(s.key[:]) }

func (s sample) unix() string { return strconv.FormatInt(s.at.Unix(), 10) }
