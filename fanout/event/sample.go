package event

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"wabagate/waba"
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
	sampleGroup    = "GRP7Q2LX"
)

// What the platform writes about them.
const (
	sampleProduct  = `"messaging_product":"whatsapp"`
	sampleMetadata = sampleProduct + `,"metadata":{"display_phone_number":"` + sampleBusiness + `","phone_number_id":"` + samplePhoneID + `"}`
	sampleContact  = `{"profile":{"name":"` + sampleName + `"},"wa_id":"` + sampleCustomer + `","user_id":"` + sampleUserID + `"}`
)

// Sample is a realistic event of any type of the catalogue, for testing a receiver. An alias gives its type. Type and
// moment decide everything, the ids included. It wraps ErrUnknownType for a name that is not in the catalogue, and for
// a wildcard such as "message.*", which is not one type.
//
// Every type that names an upstream field and is not derived comes with an envelope of the platform.
func Sample(typ string, now time.Time) (Event, error) {
	name, ok := Resolve(typ)
	if !ok {
		name = typ
	}
	for _, r := range recipes() {
		if r.typ == name && r.variant == "" {
			return r.make(now)
		}
	}
	return Event{}, fmt.Errorf("sample of %q: %w", typ, ErrUnknownType)
}

// NamedSample is a sample under a name that says what is special about it: its type alone, or with a variant behind it,
// such as "message.received.image".
type NamedSample struct {
	Name string
	Event
}

// Samples are one event of every type, in the order of the catalogue, and after each the variants that a receiver should
// have seen. No two have the same id.
func Samples(now time.Time) []NamedSample {
	all := recipes()
	samples := make([]NamedSample, 0, len(all))
	for _, t := range catalogue {
		for _, r := range all {
			if r.typ != t.Name {
				continue
			}
			e, err := r.make(now)
			if err != nil {
				panic(fmt.Sprintf("event: sample %s: %v", r.name(), err)) // recipes are constants; a test makes each
			}
			samples = append(samples, NamedSample{r.name(), e})
		}
	}
	return samples
}

// recipe makes one sample. Without a variant it is the sample of the type.
type recipe struct {
	typ, variant string
	fill         func(s *sample)
}

func recipes() []recipe {
	return slices.Concat(receivedRecipes(), sentRecipes(), reportRecipes(), peopleRecipes(), tradeRecipes(), noticeRecipes(), operationRecipes())
}

func (r recipe) name() string {
	if r.variant == "" {
		return r.typ
	}
	return r.typ + "." + r.variant
}

func (r recipe) make(now time.Time) (Event, error) {
	now = now.UTC()
	s := sample{
		typ: r.typ,
		key: NewKey("sample", r.name(), now.Format(time.RFC3339Nano)),
		at:  Time{now.Truncate(time.Second)}, // the upstream clock has seconds
	}
	s.data = Data{BusinessID: 1, OccurredAt: s.at}
	s.data.Number = &Number{ID: 1, PhoneNumberID: samplePhoneID, Display: sampleBusiness, WABAID: sampleWABA}
	r.fill(&s)
	return New(s.key, r.typ, s.data, s.upstream, now)
}

// sample is one sample under construction. It begins with what all have.
type sample struct {
	typ      string
	key      Key
	at       Time
	data     Data
	upstream json.RawMessage
}

// after is a moment so long after the event, or before it.
func (s *sample) after(d time.Duration) Time { return Time{s.at.Add(d)} }

// wamid looks like a message id of the platform and differs between samples, so that receivers take each for new.
func (s *sample) wamid() string { return "wamid." + base64.StdEncoding.EncodeToString(s.key[:]) }

// earlier is the wamid of a message before this one.
func (s *sample) earlier() string {
	key := NewKey("earlier", string(s.key[:]))
	return "wamid." + base64.StdEncoding.EncodeToString(key[:])
}

func (s *sample) unix() string { return unix(s.at) }

func unix(t Time) string { return strconv.FormatInt(t.Unix(), 10) }

// text puts what differs from sample to sample into a text of the platform: {wamid},
// {earlier}, {unix} and {tomorrow}.
func (s *sample) text(text string) json.RawMessage {
	r := strings.NewReplacer("{wamid}", s.wamid(), "{earlier}", s.earlier(), "{unix}", s.unix(), "{tomorrow}", unix(s.after(24*time.Hour)))
	return json.RawMessage(r.Replace(text))
}

// talk puts the event into the conversation with the customer.
func (s *sample) talk(sequence int64) {
	window := s.after(24 * time.Hour)
	s.data.Sequence = sequence
	s.data.Contact = &Contact{ID: 456, Name: sampleName, WaID: sampleCustomer, UserID: sampleUserID}
	s.data.Conversation = &Conversation{ID: 1234, CreatedAt: s.at, Status: "open", WindowExpiresAt: &window}
}

// envelope is the callback around one part of a value that belongs to the number: nil contacts are none.
func (s *sample) envelope(field, contacts, key string, part json.RawMessage) {
	value := "{" + sampleMetadata
	if contacts != "" {
		value += `,"contacts":[` + contacts + `]`
	}
	s.upstream = waba.Envelope(sampleWABA, time.Time{}, field, json.RawMessage(value+`,"`+key+`":`+string(part)+`}`))
}

// written is one JSON object.
func written(members func(o *object)) json.RawMessage {
	var o object
	o.nested(func() { members(&o) })
	return o.dst
}

func list(element json.RawMessage) json.RawMessage {
	return slices.Concat(json.RawMessage("["), element, json.RawMessage("]"))
}

// explained is an error with what the gateway knows to do about it.
func explained(e Error) Error {
	known, _ := waba.Explain(e.Code)
	e.Action, e.Advice = string(known.Action), known.Advice
	return e
}

// errorsJSON is how the platform writes errors; nil for none.
func errorsJSON(es []Error) json.RawMessage {
	if len(es) == 0 {
		return nil
	}
	return list(errorJSON(es[0]))
}

// errorJSON is how the platform writes an error.
func errorJSON(e Error) json.RawMessage {
	return written(func(o *object) {
		o.raw("code", json.RawMessage(e.Code))
		o.text("title", e.Title, true)
		o.text("message", e.Message, true)
		o.object("error_data", func() { o.text("details", e.Details, true) })
		o.text("href", e.Href, false)
	})
}
