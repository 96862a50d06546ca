// Package dialect turns an event into what one product's receivers expect: payload, signature headers and manners.
//
// A business that moves here from another product keeps its receiver and picks that product's dialect. Each has a file
// of its own, which says what was decided where the product's documentation leaves room.
//
// All promise the same. An event renders to the same bytes on every attempt and replay. The bytes are canonical JSON
// (package canon), so that receivers which parse and write the payload again before they verify get what was signed.
// Every delivery carries the Standard Webhooks headers beside the dialect's own, and webhook-id is the event's id.
package dialect

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"

	"wabagate/fanout/event"
	"wabagate/fanout/signature"
)

// Default is the dialect of a webhook for which none was chosen.
const Default = "wabagate"

// ErrNoShape says that a dialect has no form for an event, which is then not delivered to its webhooks: raw dialects
// pass on what the platform sent, and a derived event was never sent by the platform; digests tell of incoming messages
// alone.
var ErrNoShape = errors.New("event has no form in this dialect")

// Dialect is one way of talking to a receiver. Get it from Lookup; it does not change and is safe for concurrent use.
type Dialect struct {
	// Name is how a webhook chooses it.
	Name string
	// Manners say how its deliveries are made and judged.
	Manners Manners

	scheme signature.Scheme             // beside Standard Webhooks; nil for none
	names  map[string]string            // event types that have another name on the wire
	raw    bool                         // passes on the platform's own envelope
	digest bool                         // tells the conversation so far
	dated  bool                         // scheme signs the timestamp too
	passes func(field, key string) bool // of a raw dialect: which parts of a callback it has a form for; nil for all
	speaks func(t event.Type) bool
	spoken map[string]bool // what speaks says of each type: it is asked for every event and webhook
	render func(dst []byte, name string, e event.Event) ([]byte, error)
	schema func(t event.Type, name string) (json.RawMessage, error)
}

// dialects is in the order in which they are offered.
var dialects = [...]Dialect{
	ready(wabagate()), ready(twabot()), ready(platform()), ready(awalchat()), ready(digest()), ready(cloud()), ready(onprem()),
}

// ready completes a dialect with what its file need not say.
func ready(d Dialect) Dialect {
	d.spoken = make(map[string]bool)
	for _, t := range event.Catalogue() {
		d.spoken[t.Name] = d.speaks == nil || d.speaks(t)
	}
	return d
}

// Lookup finds a dialect by its name.
func Lookup(name string) (Dialect, bool) {
	for _, d := range dialects {
		if d.Name == name {
			return d, true
		}
	}
	return Dialect{}, false
}

// Names lists the dialects, the default first.
func Names() []string {
	names := make([]string, 0, len(dialects))
	for _, d := range dialects {
		names = append(names, d.Name)
	}
	return names
}

// EventName is what the dialect calls an event type on the wire. A raw dialect has the upstream field instead, and
// nothing for what it does not speak or where the field is not one and the same. A digest does not say its name.
func (d Dialect) EventName(typ string) string {
	if d.raw {
		t, ok := event.Lookup(typ)
		if !ok || typ == event.UpstreamUnrecognized || !d.Speaks(typ) {
			return ""
		}
		return t.Field
	}
	if name, ok := d.names[typ]; ok {
		return name
	}
	return typ
}

// Speaks reports whether the dialect has a form for events of a type: raw dialects have none for what the platform never
// sends, digests only for message.received, and nobody has one for what is not in the catalogue. One event of a spoken
// type may still have none; see ErrNoShape.
func (d Dialect) Speaks(typ string) bool { return d.spoken[typ] }

// Raw reports whether the dialect passes on the platform's own envelope, so that Render needs the event's Upstream.
func (d Dialect) Raw() bool { return d.raw }

// Passes reports whether a raw dialect has a form for what stood in an upstream field under a key ("messages",
// "statuses", "errors", …; empty for a whole value).
func (d Dialect) Passes(field, key string) bool { return d.passes == nil || d.passes(field, key) }

// Digests reports whether the dialect tells the conversation so far, so that Render needs the event's Digest.
func (d Dialect) Digests() bool { return d.digest }

// Render appends the body of the event's deliveries to dst: always the same bytes for the same event. It returns
// ErrNoShape, and dst as it was, for an event that the dialect cannot express.
func (d Dialect) Render(dst []byte, e event.Event) ([]byte, error) {
	return d.render(dst, d.EventName(e.Type), e)
}

// Schema is the JSON Schema (draft 2020-12) of the bodies that Render makes of events of a type. Every body satisfies
// it; so do bodies with more in them, since receivers must tolerate additions. It returns ErrNoShape for a type that the
// dialect does not speak.
func (d Dialect) Schema(typ string) (json.RawMessage, error) {
	t, ok := event.Lookup(typ)
	if !ok || !d.Speaks(typ) {
		return nil, fmt.Errorf("schema of %s for %s: %w", typ, d.Name, ErrNoShape)
	}
	return d.schema(t, d.EventName(typ))
}

// SignsOnce reports whether the dialect has a signature header of its own, with room for one signature. While a rotation
// overlaps it is made with the older secret.
func (d Dialect) SignsOnce() bool { return d.scheme != nil }

// Signs reports whether the dialect's receivers know a signature to look for. Where they know none, deliveries carry those of
// Standard Webhooks all the same.
func (d Dialect) Signs() bool { return d.scheme != nil || !d.raw }

// SignsTime reports whether the signature that the dialect's receivers look at covers a timestamp, by which they can tell that
// a request is old.
func (d Dialect) SignsTime() bool { return d.scheme == nil || d.dated }

// Headers sets the signature headers of one attempt: the dialect's own and those of Standard Webhooks. Without secrets
// only webhook-id and webhook-timestamp are set.
func (d Dialect) Headers(h http.Header, m signature.Message, secrets []signature.Secret) {
	signature.Standard(h, m, secrets)
	if d.scheme != nil {
		d.scheme(h, m, secrets)
	}
}
