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

// fact is one thing a callback says, before anything is looked up: enough to name the event it becomes. What else
// follows from it (an order, a form, a sent message) is found while it is written.
type fact struct {
	typ      string
	key      event.Key
	callback int64
	business int64
	number   models.Number // zero ID: the fact belongs to a business but to no number
	occurred time.Time
	person   models.PersonRef // zero: nobody

	// One of these says what happened.
	message *waba.Message
	history *waba.HistoryMessage
	status  *waba.Status
	payment *waba.Payment
	notice  *waba.Notice
	err     *waba.Error
	unknown *waba.Unrecognized
	// operation is news of the gateway itself.
	operation *Operation
	// file is what became of the file of a message.
	file *models.Media

	outbound bool   // of a message: the business wrote it
	sentBy   string // of an outbound message
	tracking waba.Tracking
	tracked  string // the sender's tracking string

	// send is the gateway's own number of the message, as a tracking string or its own callback names it; 0: it did not send
	// it. told is what that callback says; nil on what others say.
	send int64
	told *models.ToldSend
	// broadcastID is the broadcast of a message that the gateway sent; 0: none.
	broadcastID int64

	orderRef     *models.OrderRef     // of a change that somebody makes; nil: as the callback has it
	broadcastRef *models.BroadcastRef // likewise
	closes       bool                 // of a broadcast: its total is known for certain

	calm bool // what the gateway did by itself: its news waits behind what people say

	field  string
	change *waba.Change // where it stands; nil when there was no envelope
	// wholeValue: unknown is all of the change and not a part of it.
	wholeValue bool
}

// parked names what a callback waits for.
type parked struct{ key, reason string }

// factsOf takes a callback apart. What belongs to a number that nobody connected is not a fact yet: the callback is
// to be parked under each such number, besides the facts that it holds.
func factsOf(cb models.Callback, subs *subscriptions) (facts []fact, waits []parked) {
	whose := subs.sender(cb)
	parsed, err := parse(cb, whose.number)
	if err != nil {
		// Kept in any case; the owner of the address hears of it when there is one.
		waits = append(waits, parked{"", "not a callback: " + err.Error()})
		if business := whose.business(); business != 0 {
			sum := sha256.Sum256(cb.Body)
			facts = append(facts, fact{
				typ: event.UpstreamUnrecognized, key: event.NewKey("malformed", id(business), hex.EncodeToString(sum[:])),
				callback: cb.ID, business: business, number: whose.number, occurred: cb.ReceivedAt,
				unknown: &waba.Unrecognized{Reason: "the callback is not the JSON that the platform sends", Raw: asJSONString(cb.Body)},
			})
		}
		return facts, waits
	}
	for i := range parsed.Changes {
		c := &parsed.Changes[i]
		number, business, wait := whose.owner(c, subs.routes)
		if wait != nil {
			waits = append(waits, *wait)
			continue
		}
		if more := changeFacts(c, cb, number, business, i); facts == nil {
			facts = more // as most callbacks are of one change
		} else {
			facts = append(facts, more...)
		}
	}
	return facts, waits
}

// parse takes a callback apart as the address it came to has it: a number's address takes both styles.
func parse(cb models.Callback, number models.Number) (waba.Callback, error) {
	if cb.NumberID != 0 {
		return waba.ParseOnPremises(cb.Body, number.PhoneNumberID, digits(number.Display))
	}
	return waba.Parse(cb.Body)
}

// factsOfChange is what all facts of one change share.
type factsOfChange struct {
	base  fact
	scope string // what the identities of its facts are unique in
	c     *waba.Change
}

func changeFacts(c *waba.Change, cb models.Callback, number models.Number, business int64, index int) []fact {
	s := factsOfChange{c: c, scope: scopeOf(number, business),
		base: fact{callback: cb.ID, business: business, number: number, field: c.Field, change: c, occurred: cb.ReceivedAt}}
	if !c.At.IsZero() {
		s.base.occurred = c.At
	}
	facts := make([]fact, 0, len(c.Messages)+len(c.Statuses)+len(c.Echoes)+len(c.History)+len(c.Payments)+len(c.Notices)+len(c.Errors)+len(c.Unrecognized))
	for i := range c.Messages {
		facts = append(facts, s.message(&c.Messages[i]))
	}
	for i := range c.Echoes {
		facts = append(facts, s.echo(&c.Echoes[i]))
	}
	for i := range c.History {
		facts = append(facts, s.history(&c.History[i]))
	}
	for i := range c.Statuses {
		facts = append(facts, s.status(&c.Statuses[i]))
	}
	for i := range c.Payments {
		facts = append(facts, s.payment(&c.Payments[i]))
	}
	for i := range c.Notices {
		facts = append(facts, s.notice(&c.Notices[i]))
	}
	for i := range c.Errors {
		f := s.base
		f.typ, f.err = event.ErrorReported, &c.Errors[i]
		// Nothing in an error tells it from the next equal one: two are two, so the callback is part of the identity.
		f.key = event.NewKey(f.typ, s.scope, id(cb.ID), strconv.Itoa(index), strconv.Itoa(i))
		facts = append(facts, f)
	}
	for i := range c.Unrecognized {
		facts = append(facts, s.unrecognized(c.Unrecognized[i]))
	}
	if !waba.KnownField(c.Field) && len(c.Unrecognized) == 0 {
		raw := c.Value
		if raw == nil {
			raw = json.RawMessage("null") // it said nothing, and that is told
		}
		f := s.unrecognized(waba.Unrecognized{Reason: "a field this version does not know", Raw: raw})
		f.wholeValue = true
		facts = append(facts, f)
	}
	for i := range facts {
		facts[i].person.At = facts[i].occurred
	}
	return facts
}

// scopeOf is what identities of the platform's ids are unique in.
func scopeOf(number models.Number, business int64) string {
	if number.PhoneNumberID != "" {
		return number.PhoneNumberID
	}
	return "business " + id(business)
}

// message is a fact of messages[]: from a customer, unless the sender is the number itself. A platform or a provider
// that hands the business its own messages must not make it talk to itself.
func (s *factsOfChange) message(m *waba.Message) fact {
	if m.From != "" && s.base.number.ID != 0 && (m.From == digits(s.base.number.Display) || m.From == s.base.number.PhoneNumberID) {
		return s.echo(m)
	}
	f := s.base
	f.message = m
	f.happened(m.Timestamp)
	f.person = s.sender(m)
	f.nameMessage(s.scope)
	return f
}

// echo is a message of the business, written in its phone app.
func (s *factsOfChange) echo(m *waba.Message) fact {
	f := s.base
	f.message, f.outbound, f.sentBy = m, true, sentByApp
	f.happened(m.Timestamp)
	if m.GroupID == "" {
		f.person = s.ref(m.To, m.ToUserID, "")
		f.person.Create = m.To != "" || m.ToUserID != ""
	}
	f.nameMessage(s.scope)
	return f
}

// nameMessage says what event a message is.
func (f *fact) nameMessage(scope string) {
	m := f.message
	switch {
	case !m.Known:
		f.typ = event.UpstreamUnrecognized
		f.unknown = &waba.Unrecognized{Key: "messages", Reason: "a message of a type this version does not know", Raw: m.Raw}
	case m.Type == "edit" && m.Edit == nil, m.Type == "revoke" && m.Revoke == nil:
		f.typ = event.UpstreamUnrecognized
		f.unknown = &waba.Unrecognized{Key: "messages", Reason: "an edit or a deletion that names no message", Raw: m.Raw}
	case m.Edit != nil:
		f.typ = event.MessageEdited
	case m.Revoke != nil:
		f.typ, f.key = event.MessageDeleted, deletedKey(scope, m.Revoke.OriginalID)
		return
	case f.outbound:
		f.typ, f.key = event.MessageSent, sentKey(scope, m.ID)
		return
	default:
		f.typ = event.MessageReceived
	}
	f.key = event.NewKey(f.typ, scope, m.ID)
}

// sentKey is the identity of a message having been sent, whoever says so: an echo, a tracking string, the gateway itself.
func sentKey(scope, wamid string) event.Key { return event.NewKey(event.MessageSent, scope, wamid) }

// deletedKey is the identity of a message having been deleted: by a revocation, or by a status of the On-Premises style.
func deletedKey(scope, wamid string) event.Key {
	return event.NewKey(event.MessageDeleted, scope, wamid)
}

func (s *factsOfChange) history(h *waba.HistoryMessage) fact {
	f := s.base
	f.typ, f.history = event.HistoryMessage, h
	f.happened(h.Timestamp)
	f.outbound = h.From != "" && h.From == digits(s.base.number.Display)
	f.person = s.ref(h.ThreadWaID, h.ThreadUserID, h.ThreadParentUserID)
	f.key = event.NewKey(f.typ, s.scope, h.ID)
	return f
}

func (s *factsOfChange) status(st *waba.Status) fact {
	f := s.base
	f.status = st
	f.happened(st.Timestamp)
	f.person = s.ref(st.RecipientID, st.RecipientUserID, st.RecipientParentUserID)
	f.person.Link = true
	f.typ = event.MessageReport
	switch {
	case st.Status == waba.StatusDeleted: // the user deleted a message of theirs: the On-Premises way to revoke
		f.typ, f.key = event.MessageDeleted, deletedKey(s.scope, st.ID)
		return f
	case !st.Known:
		f.typ = event.UpstreamUnrecognized
		f.unknown = &waba.Unrecognized{Key: "statuses", Reason: "a status this version does not know", Raw: st.Raw}
	default:
		f.tracking, f.tracked = waba.ParseTracking(st.Tracking), st.Tracking
		f.sentBy, f.send = f.tracking.Origin, f.tracking.Send
		// A broadcast reaches thousands who never wrote: they become contacts when they do.
		f.person.Create = f.sentBy != "" && f.sentBy != sentByBroadcast && st.RecipientType != "group"
	}
	f.key = reportKey(f.typ, s.scope, st)
	return f
}

// reportKey is the identity of a status being told as an event of a type.
func reportKey(typ, scope string, st *waba.Status) event.Key {
	return event.NewKey(typ, scope, st.ID, st.Status, st.ParticipantID, st.ParticipantUserID)
}

func (s *factsOfChange) payment(p *waba.Payment) fact {
	f := s.base
	f.typ, f.payment = event.OrderStatusUpdated, p
	f.happened(p.Timestamp)
	f.person = s.ref(p.RecipientID, p.RecipientUserID, p.RecipientParentUserID)
	f.person.Link = true
	f.key = event.NewKey(f.typ, s.scope, p.ID, p.Reference, p.Status, p.TransactionID, strconv.FormatInt(p.Timestamp.Unix(), 10))
	return f
}

func (s *factsOfChange) unrecognized(u waba.Unrecognized) fact {
	f := s.base
	f.typ, f.unknown = event.UpstreamUnrecognized, &u
	f.key = event.NewKey(f.typ, s.scope, s.c.WABAID, unix(s.c.At), s.c.Field, u.Key, contentHash(u.Raw))
	return f
}

// part is the key under which the fact stood in its value.
func (f *fact) part() string {
	switch {
	case f.message != nil:
		return "messages"
	case f.status != nil, f.payment != nil:
		return "statuses"
	case f.err != nil:
		return "errors"
	case f.notice != nil:
		return f.notice.Key
	case f.unknown != nil && !f.wholeValue:
		return f.unknown.Key
	}
	return ""
}

func (f *fact) happened(at time.Time) {
	if !at.IsZero() {
		f.occurred = at
	}
}

// unix is a moment as part of an identity; a zero one is empty.
func unix(at time.Time) string {
	if at.IsZero() {
		return ""
	}
	return strconv.FormatInt(at.Unix(), 10)
}

// contentHash tells values apart by what they say: the platform may write the same value in other bytes.
func contentHash(raw json.RawMessage) string {
	content, err := canon.Append(nil, raw)
	if err != nil {
		content = raw
	}
	sum := sha256.Sum256(content)
	return hex.EncodeToString(sum[:])
}

// ref is somebody under the ids given and those that the contacts of the change add.
func (s *factsOfChange) ref(waID, userID, parentUserID string) models.PersonRef {
	r := models.PersonRef{BusinessID: s.base.business, NumberID: s.base.number.ID, WaID: waID, UserID: userID, ParentUserID: parentUserID}
	contact, ok := s.c.ContactOf(userID, waID)
	if !ok {
		return r
	}
	r.Name, r.Username = contact.Name, contact.Username
	fill(&r.WaID, contact.WaID)
	fill(&r.UserID, contact.UserID)
	fill(&r.ParentUserID, contact.ParentUserID)
	return r
}

func fill(field *string, value string) {
	if *field == "" {
		*field = value
	}
}

// sender is the customer of a message under every name that the callback gives.
func (s *factsOfChange) sender(m *waba.Message) models.PersonRef {
	r := s.ref(m.From, m.FromUserID, m.FromParentUserID)
	r.Create = true
	if sys := m.System; sys != nil {
		renamed(&r, sys)
	}
	return r
}

// renamed turns the sender of a system message, who is named as before, into who they are now.
func renamed(r *models.PersonRef, sys *waba.System) {
	move := func(current, former *string, now, before string) {
		if before == "" {
			before = *current
		}
		if now != "" && now != before {
			*current, *former = now, before
		}
	}
	move(&r.WaID, &r.Formerly.WaID, sys.WaID, sys.PreviousWaID)
	move(&r.UserID, &r.Formerly.UserID, sys.UserID, sys.PreviousUserID)
	move(&r.ParentUserID, &r.Formerly.ParentUserID, sys.ParentUserID, sys.PreviousParentUserID)
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

// digits is a number without what people write between and before its digits.
func digits(display string) string {
	plain := true
	for i := range len(display) {
		plain = plain && display[i] >= '0' && display[i] <= '9'
	}
	if plain {
		return display
	}
	out := make([]byte, 0, len(display))
	for i := range len(display) {
		if display[i] >= '0' && display[i] <= '9' {
			out = append(out, display[i])
		}
	}
	return string(out)
}
