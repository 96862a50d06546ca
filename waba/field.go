package waba

import (
	"encoding/json"
	"maps"
	"slices"
	"strings"
)

// FieldMessages brings inbound messages, statuses of outbound ones, and errors. FieldEchoes brings what the business
// wrote in its phone app.
const (
	FieldMessages = "messages"
	FieldEchoes   = "smb_message_echoes"

	fieldHistory = "history"
	fieldStandby = "standby"
)

// shape says how the value of a field is taken apart.
type shape struct {
	whole  *label // the value is one notice; nil when it holds arrays
	within string // the arrays stand one level deeper, under this key
	parts  []part
}

// part is one array of a value and what its elements are.
type part struct {
	key    string
	reader reader
	label  label // of notices
}

type reader int

const (
	notices  reader = iota
	statuses        // notices that look like a status
	echoes          // messages by the business
	chunks          // threads of past messages
	past            // past messages in no thread
)

// The shapes of all fields that the platform names, except message_echoes: that one can be subscribed to, but nobody
// has said what it holds on WhatsApp.
var shapes = map[string]shape{
	FieldMessages: {}, // read by readMessages

	"message_template_status_update":      {whole: &label{kind: "event", id: "message_template_id"}},
	"message_template_quality_update":     {whole: &label{id: "message_template_id"}},
	"message_template_components_update":  {whole: &label{id: "message_template_id"}},
	"template_category_update":            {whole: &label{id: "message_template_id", forewarned: "correct_category"}},
	"template_correct_category_detection": {whole: &label{id: "message_template_id"}},

	"phone_number_name_update":     {whole: &label{kind: "decision"}},
	"phone_number_quality_update":  {whole: &label{kind: "event"}},
	"business_capability_update":   {whole: &label{}}, // limits, of which any may be missing
	"account_review_update":        {whole: &label{kind: "decision"}},
	"account_alerts":               {whole: &label{id: "entity_id"}},
	"account_settings_update":      {whole: &label{kind: "type"}},
	"account_update":               {whole: &label{kind: "event"}},
	"security":                     {whole: &label{kind: "event"}},
	"business_username_updates":    {whole: &label{kind: "status"}},
	"business_username_update":     {whole: &label{kind: "status"}}, // as one page spells it
	"partner_solutions":            {whole: &label{kind: "event", id: "solution_id"}},
	"payment_configuration_update": {whole: &label{kind: "status", id: "configuration_name"}},
	"flows":                        {whole: &label{kind: "event", id: "flow_id"}},
	"messaging_handovers":          {whole: &label{kind: "type", person: caller, inside: "sender"}},

	// Known by name only.
	"business_status_update": {whole: &label{}},
	"campaign_status_update": {whole: &label{}},
	"consumer_profile":       {whole: &label{person: oneself}},

	FieldEchoes:  {parts: []part{{key: "message_echoes", reader: echoes}}},
	fieldHistory: {parts: []part{{key: "history", reader: chunks}, {key: "messages", reader: past}, {key: "message_echoes", reader: past}}},
	fieldStandby: {within: "standby", parts: []part{
		{key: "messages", label: label{kind: "type", id: "id", needed: true, person: sender}},
		{key: "message_echoes", label: label{kind: "type", id: "id", needed: true, person: receiver}},
		{key: "statuses", reader: statuses},
	}},
	"smb_app_state_sync": {parts: []part{{key: "state_sync", label: label{kind: "action", person: caller, inside: "contact"}}}},

	"calls": {parts: []part{
		{key: "calls", label: label{kind: "event", id: "id", needed: true, person: sender}},
		{key: "statuses", reader: statuses},
	}},
	"group_lifecycle_update":    groups,
	"group_participants_update": groups,
	"group_participant_update":  groups, // as one page spells it
	"group_settings_update":     groups,
	"group_status_update":       groups,
	"user_preferences":          {parts: []part{{key: "user_preferences", label: label{kind: "value", person: oneself}}}},
	"user_id_update":            {parts: []part{{key: "user_id_update", label: label{person: oneself}}}},
	"automatic_events":          {parts: []part{{key: "automatic_events", label: label{kind: "event_name", id: "id"}}}},
	"tracking_events":           {parts: []part{{key: "events", label: label{kind: "event_name"}}}},
}

var groups = shape{parts: []part{{key: "groups", label: label{kind: "type", id: "group_id", person: oneself}}}}

// KnownField tells whether [Parse] opens the value of that field.
func KnownField(field string) bool {
	_, known := shapes[field]
	return known
}

// Fields lists the fields whose value [Parse] opens, sorted. The list is the caller's to keep.
func Fields() []string { return slices.Sorted(maps.Keys(shapes)) }

func (c *Change) readField(s shape) {
	if s.whole != nil {
		c.readWhole(*s.whole)
		c.readRoute()
		return
	}
	c.readParts(s, "", c.Value)
}

// readRoute finds the number and the account of values that have no metadata but name them elsewhere.
func (c *Change) readRoute() {
	var id, display, kind, entity string
	for key, value := range members(c.Value) {
		switch string(key) {
		case "display_phone_number":
			display = optional(value)
		case "recipient", "phone_number_settings":
			id = optional(member(value, "phone_number_id"))
			if d := optional(member(value, "display_phone_number")); d != "" {
				display = d
			}
		case "entity_type":
			kind = optional(value)
		case "entity_id":
			entity = optional(value)
		case "waba_info": // its entry is the business portfolio
			if account := optional(member(value, "waba_id")); account != "" && account != c.WABAID {
				c.PortfolioID, c.WABAID = c.WABAID, account
			}
		}
	}
	if kind == "PHONE_NUMBER" {
		id = entity
	}
	if c.PhoneNumberID == "" {
		c.PhoneNumberID = id
	}
	if c.DisplayPhoneNumber == "" {
		c.DisplayPhoneNumber = display
	}
}

// readParts takes a value apart array by array. What stands beside the arrays is kept as unrecognized, and so is a value
// that has none of them.
func (c *Change) readParts(s shape, prefix string, object json.RawMessage) {
	found := len(c.Unrecognized)
	expected := false
	for key, value := range members(object) {
		name := prefix + string(key)
		p, isPart := s.part(string(key), prefix)
		switch {
		case present(value) == nil:
		case string(key) == "messaging_product": // always "whatsapp"
		case string(key) == "metadata":
			if err := c.readMetadata(value); err != nil {
				c.Unrecognized = append(c.Unrecognized, Unrecognized{Key: name, Reason: err.Error(), Raw: value})
			}
		case string(key) == "contacts":
			c.Contacts = collect(c, name, value, c.Contacts, parseContact)
		case string(key) == "errors":
			expected = true
			c.Errors = collect(c, name, value, c.Errors, parseError)
		case isPart:
			expected = true
			c.readPart(p, name, value)
		case name == s.within && isObject(value):
			expected = true
			c.readParts(s, name+".", value)
		default:
			c.keepSibling(strings.ToValidUTF8(name, "\ufffd"), value)
		}
	}
	if !expected && len(c.Unrecognized) == found {
		c.rejectValue("none of the keys that this field is known for")
	}
}

func (s shape) part(key, prefix string) (part, bool) {
	if (s.within == "") != (prefix == "") {
		return part{}, false
	}
	i := slices.IndexFunc(s.parts, func(p part) bool { return p.key == key })
	if i < 0 {
		return part{}, false
	}
	return s.parts[i], true
}

func (c *Change) readPart(p part, name string, array json.RawMessage) {
	switch p.reader {
	case notices:
		c.Notices = collect(c, name, array, c.Notices, func(raw json.RawMessage) (Notice, error) { return p.label.notice(name, raw) })
	case statuses:
		c.Notices = collect(c, name, array, c.Notices, func(raw json.RawMessage) (Notice, error) {
			s, _, err := parseStatus(raw)
			return s.notice(name), err
		})
	case echoes:
		c.Echoes = collect(c, name, array, c.Echoes, ParseMessage)
	case chunks:
		c.readHistory(array)
	case past:
		c.History = collect(c, name, array, c.History, pastMessage)
	}
}
