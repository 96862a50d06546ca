package dialect

import (
	"cmp"
	"encoding/json"
	"fmt"
	"reflect"
	"slices"
	"strconv"
	"strings"

	"wabagate/fanout/canon"
	"wabagate/fanout/event"
	"wabagate/fanout/jsonschema"
	"wabagate/fanout/signature"
)

// digest speaks to receivers of incoming message webhooks: each incoming message brings the conversation so far, signed
// with X-Webhook-Signature over the body, and any 2xx within ten seconds takes it. The product tells of nothing else.
//
// Its page describes the members in order and names only message_type; the names of the others are ours, after the
// page's words. What is not known is null for messages, times and the link, and empty text elsewhere, such as a withheld
// phone_number. Times are Unix seconds.
func digest() Dialect {
	return Dialect{
		Name:    "digest",
		Manners: usual(),
		scheme:  signature.Webhook,
		digest:  true,
		speaks:  func(t event.Type) bool { return t.Name == event.MessageReceived },
		render:  renderDigest,
		schema: func(t event.Type, _ string) (json.RawMessage, error) {
			return describe(t, jsonschema.Of(reflect.TypeFor[digestPayload]()))
		},
	}
}

// Digest is what digest webhooks tell beside the event itself: the conversation as it stood when the event was made.
// Make its JSON with NewDigest, once, and keep it with the event, so that every attempt tells the same.
type Digest struct {
	// Messages are the latest of the conversation in both directions, the event's own among them.
	Messages []DigestMessage `json:"messages"`
	// LastSystem is the business's last message where it is older than Messages; nil where it is among them, or where there
	// is none.
	LastSystem *DigestMessage `json:"last_system,omitempty"`
	// MediaURL fetches the file of the event's message. Empty: upstream's own link is told, if there is one.
	MediaURL string   `json:"media_url,omitempty"`
	Note     string   `json:"note,omitempty"`
	Labels   []string `json:"labels,omitempty"`
	// AutomationNotes say what automation did about the conversation; empty where there is nothing to say.
	AutomationNotes string `json:"automation_notes,omitempty"`
}

// DigestMessage is one message of the conversation.
type DigestMessage struct {
	ID        string `json:"id"`
	Direction string `json:"direction"` // inbound or outbound
	Type      string `json:"type"`
	Text      string `json:"text"`
	Timestamp int64  `json:"timestamp"`        // by the upstream clock, in Unix seconds
	Status    string `json:"status,omitempty"` // of an outbound message
}

// NewDigest writes a snapshot as canonical JSON for event.Event.Digest. The messages may come in any order: they are kept
// oldest first.
func NewDigest(d Digest) (json.RawMessage, error) {
	d.Messages = slices.Clone(d.Messages)
	slices.SortStableFunc(d.Messages, func(a, b DigestMessage) int { return cmp.Compare(a.Timestamp, b.Timestamp) })
	b, err := canon.Marshal(d)
	if err != nil {
		return nil, fmt.Errorf("digest of %d messages: %w", len(d.Messages), err)
	}
	return b, nil
}

type digestPayload struct {
	Messages          []DigestMessage `json:"messages"`
	Summary           string          `json:"summary"`
	PhoneNumber       string          `json:"phone_number"`
	Name              string          `json:"name"`
	UserID            string          `json:"user_id"` // the contact's id at the gateway
	LastUserMessage   *string         `json:"last_user_message"`
	LastSystemMessage *string         `json:"last_system_message"`
	MessageType       string          `json:"message_type"`
	LastUserAt        *int64          `json:"last_user_message_timestamp"`
	LastSystemAt      *int64          `json:"last_system_message_timestamp"`
	MediaURL          *string         `json:"media_url"` // null where the latest message is no file, or no link is known
	Note              string          `json:"note"`
	AutomationNotes   string          `json:"automation_notes"`
	Labels            string          `json:"labels"` // with commas between
}

func renderDigest(dst []byte, _ string, e event.Event) ([]byte, error) {
	if e.Type != event.MessageReceived {
		return dst, renderError("digest", e, ErrNoShape)
	}
	f, err := read(e)
	if err != nil {
		return dst, renderError("digest", e, err)
	}
	d := Digest{Note: f.Conversation.Note, Labels: f.Conversation.Labels}
	if len(e.Digest) > 0 {
		d = Digest{}
		if err := json.Unmarshal(e.Digest, &d); err != nil {
			return dst, renderError("digest", e, err)
		}
	}
	b, err := canon.Marshal(digestPayloadOf(f, d))
	if err != nil {
		return dst, renderError("digest", e, err)
	}
	return append(dst, b...), nil
}

func digestPayloadOf(f *facts, d Digest) digestPayload {
	if len(d.Messages) == 0 { // a sample, or an event from before its webhook: all there is to tell is the message
		d.Messages = []DigestMessage{{ID: f.Message.ID, Direction: "inbound", Type: f.Message.Type, Text: f.Message.Text,
			Timestamp: timeOr(f.Message.Timestamp.Time, f.at()).Unix()}}
	}
	for i := range d.Messages {
		d.Messages[i].Type = digestType(d.Messages[i].Type)
	}
	user, system := last(d.Messages, "inbound"), cmp.Or(last(d.Messages, "outbound"), d.LastSystem)
	p := digestPayload{Messages: d.Messages, Summary: summary(f.name(), d.Messages, system), PhoneNumber: f.phone(), Name: f.name(),
		UserID: strconv.FormatInt(f.Contact.ID, 10), MessageType: digestType(f.Message.Type), Note: d.Note, AutomationNotes: d.AutomationNotes,
		Labels: strings.Join(d.Labels, ",")}
	if user != nil {
		p.LastUserMessage, p.LastUserAt = &user.Text, &user.Timestamp
	}
	if system != nil {
		p.LastSystemMessage, p.LastSystemAt = &system.Text, &system.Timestamp
	}
	if media := f.Message.Media; media != nil {
		if link := cmp.Or(d.MediaURL, media.URL); link != "" {
			p.MediaURL = &link
		}
	}
	return p
}

// digestType is the type of a message in the page's words; those that it does not have keep their own.
func digestType(typ string) string {
	if typ == "voice" {
		return "audio"
	}
	return typ
}

// last is the newest message of a direction; nil: there is none.
func last(messages []DigestMessage, direction string) *DigestMessage {
	for i := len(messages) - 1; i >= 0; i-- {
		if messages[i].Direction == direction {
			return &messages[i]
		}
	}
	return nil
}
