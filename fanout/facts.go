package fanout

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"strconv"
	"time"

	"wabagate/fanout/canon"
	"wabagate/fanout/event"
	"wabagate/models"
	"wabagate/waba"
)

// fact is one thing a callback says, before anything is looked up: enough to name the event it becomes.
type fact struct {
	typ      string
	key      event.Key
	callback int64
	business int64
	number   models.Number // zero ID: the fact belongs to a business but to no number
	occurred time.Time
	person   models.PersonRef // zero: nobody
	message  *waba.Message
	status   *waba.Status
	err      *waba.Error
	unknown  *waba.Unrecognized
	field    string
	change   *waba.Change // where it stands; nil when there was no envelope
	// wholeValue: unknown is all of the change and not a part of it.
	wholeValue bool
}

// parked names what a callback waits for.
type parked struct{ key, reason string }

// factsOf takes a callback apart. What belongs to a number that nobody connected is not a fact yet: the callback is
// to be parked under each such number, besides the facts that it holds.
func factsOf(cb models.Callback, app models.App, known bool, routes *models.Routes) (facts []fact, waits []parked) {
	parsed, err := waba.Parse(cb.Body)
	if err != nil {
		// Kept in any case; the owner of the app hears of it when there is one.
		waits = append(waits, parked{"", "not a callback: " + err.Error()})
		if known && app.BusinessID != nil {
			sum := sha256.Sum256(cb.Body)
			facts = append(facts, fact{
				typ: event.UpstreamUnrecognized, key: event.NewKey("malformed", strconv.FormatInt(*app.BusinessID, 10), hex.EncodeToString(sum[:])),
				callback: cb.ID, business: *app.BusinessID, occurred: cb.ReceivedAt,
				unknown: &waba.Unrecognized{Reason: "the callback is not the JSON that the platform sends", Raw: asJSONString(cb.Body)},
			})
		}
		return facts, waits
	}
	for i := range parsed.Changes {
		c := &parsed.Changes[i]
		number, business, wait := owner(c, app, known, routes)
		if wait != nil {
			waits = append(waits, *wait)
			continue
		}
		facts = append(facts, changeFacts(c, cb, number, business, i)...)
	}
	return facts, waits
}

// owner finds whose change it is: by number, by WhatsApp business account, or by the app.
func owner(c *waba.Change, app models.App, known bool, routes *models.Routes) (models.Number, int64, *parked) {
	serves := func(business int64) bool { return known && (app.BusinessID == nil || *app.BusinessID == business) }
	if c.PhoneNumberID != "" {
		n, ok := routes.Numbers[c.PhoneNumberID]
		if ok && serves(n.BusinessID) {
			return n, n.BusinessID, nil
		}
		return n, 0, &parked{c.PhoneNumberID, "the number is not connected"}
	}
	if c.WABAID != "" {
		for _, n := range routes.Numbers {
			if n.WABAID == c.WABAID && serves(n.BusinessID) {
				return models.Number{}, n.BusinessID, nil
			}
		}
	}
	if known && app.BusinessID != nil {
		return models.Number{}, *app.BusinessID, nil
	}
	return models.Number{}, 0, &parked{"", "no connected number belongs to the account of this change"}
}

// passedOn are message types that go on as message.received with their content as it came, although this version does
// not open it.
var passedOn = map[string]bool{"location": true, "contacts": true, "button": true, "interactive": true, "order": true, "reaction": true}

func changeFacts(c *waba.Change, cb models.Callback, number models.Number, business int64, index int) []fact {
	var facts []fact
	base := fact{callback: cb.ID, business: business, number: number, field: c.Field, change: c, occurred: cb.ReceivedAt}
	if !c.At.IsZero() {
		base.occurred = c.At
	}
	scope := number.PhoneNumberID
	if scope == "" {
		scope = "business " + strconv.FormatInt(business, 10)
	}
	for i := range c.Messages {
		m := &c.Messages[i]
		f := base
		f.message = m
		if !m.Timestamp.IsZero() {
			f.occurred = m.Timestamp
		}
		f.person = personOf(c, m, number)
		f.typ = event.MessageReceived
		if !m.Known && !passedOn[m.Type] {
			f.typ = event.UpstreamUnrecognized
			f.unknown = &waba.Unrecognized{Key: "messages", Reason: "a message of a type this version does not know", Raw: m.Raw}
		}
		f.key = event.NewKey(f.typ, scope, m.ID)
		facts = append(facts, f)
	}
	for i := range c.Statuses {
		s := &c.Statuses[i]
		f := base
		f.status = s
		if !s.Timestamp.IsZero() {
			f.occurred = s.Timestamp
		}
		f.person = models.PersonRef{BusinessID: business, NumberID: number.ID, WaID: s.RecipientID, UserID: s.RecipientUserID, ParentUserID: s.RecipientParentUserID}
		f.typ = event.MessageReport
		if !s.Known {
			f.typ = event.UpstreamUnrecognized
			f.unknown = &waba.Unrecognized{Key: "statuses", Reason: "a status this version does not know", Raw: s.Raw}
		}
		f.key = event.NewKey(f.typ, scope, s.ID, s.Status, s.ParticipantID, s.ParticipantUserID)
		facts = append(facts, f)
	}
	for i := range c.Errors {
		f := base
		f.typ, f.err = event.ErrorReported, &c.Errors[i]
		// Nothing in an error tells it from the next equal one: two are two, so the callback is part of the identity.
		f.key = event.NewKey(f.typ, scope, strconv.FormatInt(cb.ID, 10), strconv.Itoa(index), strconv.Itoa(i))
		facts = append(facts, f)
	}
	for i := range c.Unrecognized {
		facts = append(facts, unrecognized(base, scope, c, c.Unrecognized[i]))
	}
	if c.Field != waba.FieldMessages && len(c.Unrecognized) == 0 {
		f := unrecognized(base, scope, c, waba.Unrecognized{Reason: "a field this version does not know", Raw: c.Value})
		f.wholeValue = true
		facts = append(facts, f)
	}
	return facts
}

func unrecognized(f fact, scope string, c *waba.Change, u waba.Unrecognized) fact {
	f.typ, f.unknown = event.UpstreamUnrecognized, &u
	content, err := canon.Append(nil, u.Raw) // the platform may write the same value in other bytes
	if err != nil {
		content = u.Raw
	}
	sum := sha256.Sum256(content)
	at := ""
	if !c.At.IsZero() {
		at = strconv.FormatInt(c.At.Unix(), 10)
	}
	f.key = event.NewKey(f.typ, scope, c.WABAID, at, c.Field, u.Key, hex.EncodeToString(sum[:]))
	return f
}

// personOf is the customer of a message under every name that the callback gives.
func personOf(c *waba.Change, m *waba.Message, number models.Number) models.PersonRef {
	r := models.PersonRef{BusinessID: number.BusinessID, NumberID: number.ID, WaID: m.From, UserID: m.FromUserID, ParentUserID: m.FromParentUserID, Create: true}
	if contact, ok := c.ContactOf(m.FromUserID, m.From); ok {
		r.Name, r.Username = contact.Name, contact.Username
		if r.WaID == "" {
			r.WaID = contact.WaID
		}
		if r.UserID == "" {
			r.UserID = contact.UserID
		}
		if r.ParentUserID == "" {
			r.ParentUserID = contact.ParentUserID
		}
	}
	return r
}

// rawKept bounds what an event repeats of a body that is not JSON; the callback itself is kept whole.
const rawKept = 64 << 10

func asJSONString(b []byte) json.RawMessage {
	if len(b) > rawKept {
		b = b[:rawKept]
	}
	s, _ := json.Marshal(string(b)) // strings always marshal
	return s
}
