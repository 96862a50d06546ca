package waba

import (
	"encoding/json"
	"strconv"
)

// Choice is the button or the row that a user chose.
type Choice struct {
	Kind        string // "button" (of a template), "button_reply", "list_reply" or "call_permission_reply"
	ID          string // the payload of a template button, the id of the others; accept or reject for a call permission
	Title       string // also the Text of the message
	Description string // of a list row
}

// Form is a completed Flow or address form.
type Form struct {
	Name string // "flow", "address_message"
	Body string // what the platform shows in the chat; also the Text of the message
	// Response is response_json: JSON inside a string upstream, unpacked here. The keys are the business's own. Nil unless
	// it is a JSON object.
	Response  json.RawMessage
	Text      string // response_json as it came when it is not a JSON object
	FlowToken string // flow_token of the response; empty when absent
}

// Invoice is what a business asks to be paid for (order_details), or the state of it (order_status).
type Invoice struct {
	Kind      string // order_details or order_status
	Reference string // reference_id, chosen by the business
	Status    string // pending, processing, partially_shipped, shipped, completed or canceled; of order_details usually pending
	Total     *Amount
	Currency  string
}

// Amount is Value divided by Offset, in units of the currency. Offset is 100 so far; 0 when absent.
type Amount struct{ Value, Offset int64 }

// readInteractive reads the answer to an interactive message, or, in an echo, the message itself. Its type names the
// member with the answer. Of the kinds that are not opened the text is still read: all that a business sends have one
// in the same place.
func (m *Message) readInteractive(r *reading) {
	kind := r.text("interactive.type", member(m.Content, "type"))
	name := "interactive." + kind
	switch kind {
	case "button_reply", "list_reply", "call_permission_reply":
		if reply := member(m.Content, kind); r.object(name, reply) {
			m.Choice = parseReply(kind, reply, r)
			m.Text = m.Choice.Title
		}
	case "nfm_reply":
		if reply := member(m.Content, kind); r.object(name, reply) {
			m.Form = parseForm(reply, r)
			m.Text = m.Form.Body
		}
	case "order_details", "order_status":
		if action := member(m.Content, "action"); r.object("interactive.action", action) {
			m.Invoice = parseInvoice(kind, member(action, "parameters"), r)
		}
		fallthrough
	default:
		m.Text = optional(member(member(m.Content, "body"), "text"))
	}
}

func parseReply(kind string, reply json.RawMessage, r *reading) *Choice {
	if kind == "call_permission_reply" {
		return &Choice{Kind: kind, ID: r.text(kind+".response", member(reply, "response"))}
	}
	return &Choice{
		Kind:        kind,
		ID:          r.text(kind+".id", member(reply, "id")),
		Title:       r.text(kind+".title", member(reply, "title")),
		Description: optional(member(reply, "description")),
	}
}

// parseForm unpacks response_json, which is an object inside a string; one that comes as a plain object is as good.
func parseForm(reply json.RawMessage, r *reading) *Form {
	f := Form{Name: optional(member(reply, "name")), Body: r.text("nfm_reply.body", member(reply, "body"))}
	response := member(reply, "response_json")
	if isObject(response) {
		f.Response = response
	} else {
		f.Text = r.text("nfm_reply.response_json", response)
		if unpacked := []byte(f.Text); json.Valid(unpacked) {
			if unpacked = unpacked[space(unpacked, 0):]; isObject(unpacked) {
				f.Response, f.Text = unpacked, ""
			}
		}
	}
	f.FlowToken = optional(member(f.Response, "flow_token"))
	return &f
}

func parseInvoice(kind string, parameters json.RawMessage, r *reading) *Invoice {
	if !r.object(kind+".parameters", parameters) {
		return nil
	}
	return &Invoice{
		Kind:      kind,
		Reference: r.text(kind+".reference_id", member(parameters, "reference_id")),
		Status:    r.text(kind+".order.status", member(member(parameters, "order"), "status")),
		Total:     parseAmount(member(parameters, "total_amount")),
		Currency:  optional(member(parameters, "currency")),
	}
}

// parseAmount returns nil for what is not an amount: an object with a whole number as its value.
func parseAmount(raw json.RawMessage) *Amount {
	value, ok := integer(member(raw, "value"))
	if !ok {
		return nil
	}
	offset, _ := integer(member(raw, "offset"))
	return &Amount{Value: value, Offset: offset}
}

// integer reads a whole number, also one written as text.
func integer(raw json.RawMessage) (int64, bool) {
	n, err := strconv.ParseInt(optional(raw), 10, 64)
	return n, err == nil
}
