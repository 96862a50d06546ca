package waba

import (
	"encoding/json"
	"errors"
	"fmt"
	"time"
)

// Status is one element of statuses[]: what became of a message that the business sent. A wamid has several over time
// and, in a group, several per participant.
type Status struct {
	ID     string // wamid of the message, never empty
	Status string // never empty
	Known  bool   // Status is one of sent, delivered, read, played, failed

	Timestamp time.Time // whole seconds; zero when absent or unreadable

	RecipientID           string // number in digits, or the group; may differ from the number sent to; empty when withheld
	RecipientUserID       string
	RecipientParentUserID string
	RecipientType         string // "group", otherwise empty or "individual"

	ParticipantID           string // in a group: the participant whose device this is about
	ParticipantUserID       string
	ParticipantParentUserID string

	Tracking string // biz_opaque_callback_data, what the sender attached; up to 512 characters

	Conversation json.RawMessage // omitted by the platform since v24, except in free entry point windows
	Pricing      json.RawMessage // on sent, and on the first of delivered and read
	Errors       []Error         // the only place that tells why a message failed
	Raw          json.RawMessage // the element as it came
}

var errNoStatus = errors.New("no status")

// parseStatus reads one element of statuses[]. Kind is its type: payments and calls share the array, and their "failed"
// or "captured" says nothing about a message.
func parseStatus(raw json.RawMessage) (s Status, kind string, err error) {
	if !isObject(raw) {
		return Status{}, "", errNot("object", raw)
	}
	s.Raw = raw
	var r reading
	var fallback string
	for key, value := range members(raw) {
		switch string(key) {
		case "id":
			s.ID = r.text("id", value)
		case "status":
			s.Status = r.text("status", value)
		case "type":
			kind = r.text("type", value)
		case "timestamp":
			s.Timestamp = seconds(value)
		case "recipient_id":
			s.RecipientID = number(r.text("recipient_id", value))
		case "recipient_user_id":
			s.RecipientUserID = r.text("recipient_user_id", value)
		case "recipient_parent_user_id", "parent_recipient_user_id": // the second before May 2026
			s.RecipientParentUserID = r.text(string(key), value)
		case "recipient_type":
			s.RecipientType = r.text("recipient_type", value)
		case "recipient_participant_id", "participant_recipient_id": // the pages disagree
			s.ParticipantID = number(r.text(string(key), value))
		case "recipient_participant_user_id":
			s.ParticipantUserID = r.text("recipient_participant_user_id", value)
		case "recipient_participant_parent_user_id":
			s.ParticipantParentUserID = r.text("recipient_participant_parent_user_id", value)
		case "biz_opaque_callback_data":
			s.Tracking = r.text("biz_opaque_callback_data", value)
		case "message": // On-Premises style: the recipient one level down
			fallback = number(optional(member(value, "recipient_id")))
		case "conversation":
			s.Conversation = present(value)
		case "pricing":
			s.Pricing = present(value)
		case "errors":
			s.Errors = errorsOf(value)
		}
	}
	if s.RecipientID == "" {
		s.RecipientID = fallback
	}
	if s.Pricing == nil && s.Conversation != nil { // where some samples of groups have it
		s.Pricing = member(s.Conversation, "pricing")
	}
	s.Known = Rank(s.Status) > 0 || s.Status == StatusFailed
	switch {
	case r.err != nil:
		return s, kind, r.err
	case s.ID == "":
		return s, kind, errNoID
	case s.Status == "":
		return s, kind, errNoStatus
	}
	return s, kind, nil
}

// readStatuses sorts the statuses about delivery from those about payments and calls.
func (c *Change) readStatuses(array json.RawMessage) {
	if !c.expectArray("statuses", array) {
		return
	}
	for element := range elements(array) {
		s, kind, err := parseStatus(element)
		switch {
		case err != nil:
			c.reject("statuses", err.Error(), element)
		case kind == "" || kind == "message":
			c.Statuses = append(c.Statuses, s)
		case kind == "call":
			c.Notices = append(c.Notices, s.notice("statuses"))
		case kind == "payment":
			if p, err := s.payment(); err != nil {
				c.reject("statuses", err.Error(), element)
			} else {
				c.Payments = append(c.Payments, p)
			}
		default:
			c.reject("statuses", fmt.Sprintf("a status of type %.40q is not a delivery status", kind), element)
		}
	}
}

// notice says of a call, or of a conversation in standby, what a status says of a message.
func (s Status) notice(key string) Notice {
	n := Notice{
		Key: key, Kind: s.Status, ID: s.ID, Timestamp: s.Timestamp, WaID: s.RecipientID, UserID: s.RecipientUserID,
		ParentUserID: s.RecipientParentUserID, Errors: s.Errors, Raw: s.Raw,
	}
	if s.RecipientType == "group" {
		n.WaID, n.UserID, n.ParentUserID = s.ParticipantID, s.ParticipantUserID, s.ParticipantParentUserID
	}
	return n
}
