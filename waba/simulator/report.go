package simulator

import (
	"strconv"
	"time"

	"wabagate/waba"
)

// Report is one status of a message of the business, for those who decide themselves what becomes of it.
type Report struct {
	ID        string // of the message
	Status    string // such as [waba.StatusSent]
	At        time.Time
	Recipient waba.Contact // WaID, UserID, Name and Username, as far as they are shown; Raw does not matter
	GroupID   string       // the group that the message went to, Recipient being a participant; empty for none
	Tracking  string       // biz_opaque_callback_data; empty for none
	Pricing   Pricing      // on sent and delivered; zero → a billed utility message
	Problem   Problem      // why it failed

	OnPremises bool // stands in a body without an envelope, where user ids are unknown
}

// Pricing is what the platform charges a message as.
type Pricing struct {
	Type     string // "regular", "free_customer_service" or "free_entry_point"; empty → "regular"
	Category string // such as "marketing"; empty → "utility"
}

// Fact is the report as an element of statuses[], with the contact beside it where the platform puts one.
func (r Report) Fact() Fact {
	r.Recipient = shown(r.Recipient, r.OnPremises)
	fact := r.fact()
	if r.Status == waba.StatusFailed || r.OnPremises {
		return fact
	}
	fact.Contact = r.Recipient
	if r.Status == waba.StatusSent { // the platform leaves it out there
		fact.Contact.Username = ""
	}
	fact.Contact.Raw = appendContact(nil, fact.Contact)
	return fact
}

// fact is the report without a contact beside it.
func (r Report) fact() Fact {
	body := make([]byte, 0, 512)
	body = appendText(body, `{"id":`, r.ID)
	body = appendText(body, `,"status":`, r.Status)
	body = appendUnix(append(body, `,"timestamp":`...), r.At)
	body = r.appendRecipient(body)
	if r.OnPremises {
		body = append(body, `,"type":"message"`...)
	}
	if r.Tracking != "" {
		body = appendText(body, `,"biz_opaque_callback_data":`, r.Tracking)
	}
	switch r.Status {
	case waba.StatusSent, waba.StatusDelivered:
		body = r.Pricing.append(append(body, `,"pricing":`...))
	case waba.StatusFailed:
		body = append(body, `,"errors":[`...)
		body = append(r.Problem.append(body, r.OnPremises), ']')
	}
	body = append(body, '}')
	return Fact{Kind: KindStatus, ID: r.ID + ":" + r.Status, Field: field(r.OnPremises), Body: body, OnPremises: r.OnPremises}
}

// appendRecipient appends the names of the recipient: in a group those of the group and of the participant.
func (r Report) appendRecipient(body []byte) []byte {
	number, userID := `,"recipient_id":`, `,"recipient_user_id":`
	if r.GroupID != "" {
		body = append(appendText(body, number, r.GroupID), `,"recipient_type":"group"`...)
		number, userID = `,"recipient_participant_id":`, `,"recipient_participant_user_id":`
	}
	if r.Recipient.WaID != "" {
		body = appendText(body, number, r.Recipient.WaID)
	}
	if r.Recipient.UserID != "" {
		body = appendText(body, userID, r.Recipient.UserID)
	}
	return body
}

func (p Pricing) append(dst []byte) []byte {
	defaults(&p.Type, "regular")
	defaults(&p.Category, "utility")
	dst = strconv.AppendBool(append(dst, `{"billable":`...), p.Type == "regular")
	dst = appendText(dst, `,"pricing_model":"PMP","type":`, p.Type)
	return append(appendText(dst, `,"category":`, p.Category), '}')
}

// append writes the problem in the shape of a style: On-Premises bodies have the details beside the code.
func (p Problem) append(dst []byte, onPremises bool) []byte {
	if !onPremises {
		return appendProblem(dst, p)
	}
	dst = strconv.AppendInt(append(dst, `{"code":`...), int64(p.Code), 10)
	dst = appendText(dst, `,"title":`, p.Title)
	dst = appendText(dst, `,"details":`, p.Details)
	return append(dst, '}')
}
