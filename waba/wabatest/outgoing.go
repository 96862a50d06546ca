package wabatest

import (
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"unicode/utf8"
)

// outgoing is the body of a send, as far as the platform checks it.
type outgoing struct {
	Product       string  `json:"messaging_product"`
	RecipientType string  `json:"recipient_type"`
	To            string  `json:"to"`
	Recipient     string  `json:"recipient"` // business-scoped user id
	Type          string  `json:"type"`
	Tracking      *string `json:"biz_opaque_callback_data"`
	Context       *struct {
		ID *string `json:"message_id"`
	} `json:"context"`

	Status    string `json:"status"` // "read" makes it no message
	MessageID string `json:"message_id"`
	Typing    *struct {
		Type string `json:"type"`
	} `json:"typing_indicator"`

	Text *struct {
		Body *string `json:"body"`
	} `json:"text"`
	Image       *attachment   `json:"image"`
	Video       *attachment   `json:"video"`
	Audio       *attachment   `json:"audio"`
	Document    *attachment   `json:"document"`
	Sticker     *attachment   `json:"sticker"`
	Location    *place        `json:"location"`
	Contacts    []card        `json:"contacts"`
	Reaction    *reaction     `json:"reaction"`
	Template    *templateCall `json:"template"`
	Interactive *interactive  `json:"interactive"`
}

type attachment struct {
	ID       string  `json:"id"`
	Link     string  `json:"link"`
	Caption  *string `json:"caption"`
	Filename *string `json:"filename"`
	Voice    bool    `json:"voice"`
}

type place struct {
	Latitude  *json.Number `json:"latitude"`
	Longitude *json.Number `json:"longitude"`
}

type card struct {
	Name *struct {
		Formatted string `json:"formatted_name"`
		First     string `json:"first_name"`
		Last      string `json:"last_name"`
		Middle    string `json:"middle_name"`
		Prefix    string `json:"prefix"`
		Suffix    string `json:"suffix"`
	} `json:"name"`
}

type reaction struct {
	MessageID string  `json:"message_id"`
	Emoji     *string `json:"emoji"`
}

// The limits of the platform, in characters.
const (
	textLimit     = 4096
	captionLimit  = 1024
	trackingLimit = 512
)

// readOutgoing reads a send and checks all that can be checked without knowing who sends it.
func readOutgoing(body []byte, shape style) (outgoing, *refusal) {
	var out outgoing
	if err := json.Unmarshal(body, &out); err != nil {
		var wrong *json.UnmarshalTypeError
		if errors.As(err, &wrong) && wrong.Field != "" {
			return out, parameter(fmt.Sprintf("Param %s must be %s, not a JSON %s", wrong.Field, wanted(wrong), wrong.Value))
		}
		return out, parameter("The body is not a JSON object")
	}
	return out, out.check(shape)
}

// wanted says which JSON type a member should have had.
func wanted(e *json.UnmarshalTypeError) string {
	switch kind := e.Type.Kind().String(); kind {
	case "string", "bool":
		return "a " + kind
	case "slice":
		return "an array"
	case "struct", "map":
		return "an object"
	}
	return "a number"
}

// check finds the first thing that the platform would refuse.
func (o *outgoing) check(shape style) *refusal {
	if shape == graph {
		switch o.Product {
		case "whatsapp":
		case "":
			return parameter("The parameter messaging_product is required.")
		default:
			return parameter("Param messaging_product must be one of {WHATSAPP}")
		}
	}
	if o.Status != "" {
		return o.checkRead()
	}
	defaults(&o.Type, "text")
	if bad := o.checkRecipient(); bad != nil {
		return bad
	}
	if o.Tracking != nil && utf8.RuneCountInString(*o.Tracking) > trackingLimit {
		return invalid("biz_opaque_callback_data", fmt.Sprintf("must be at most %d characters long", trackingLimit))
	}
	if o.Context != nil && (o.Context.ID == nil || *o.Context.ID == "") {
		return missing("context['message_id']")
	}
	return o.checkContent()
}

func (o *outgoing) checkRead() *refusal {
	switch {
	case o.Status != "read":
		return invalid("status", "must be one of {read}")
	case o.MessageID == "":
		return missing("message_id")
	case o.Typing != nil && o.Typing.Type != "text":
		return invalid("typing_indicator['type']", "must be one of {text}")
	}
	return nil
}

var (
	dialled = regexp.MustCompile(`^\+?[0-9 ().-]+$`)
	userID  = regexp.MustCompile(`^[A-Z]{2}\.(ENT\.)?[A-Za-z0-9]{1,128}$`)
)

func (o *outgoing) checkRecipient() *refusal {
	switch o.RecipientType {
	case "", "individual":
	case "group":
		if o.To == "" {
			return missing("to")
		}
		return nil
	default:
		return invalid("recipient_type", "must be one of {individual, group}")
	}
	switch {
	case o.To == "" && o.Recipient == "":
		return missing("to")
	case o.To != "" && (!dialled.MatchString(o.To) || digitsOf(o.To) == ""):
		return invalid("to", "is not a phone number")
	case o.To == "" && !userID.MatchString(o.Recipient):
		return invalid("recipient", "is not a business-scoped user id")
	}
	return nil
}

// checkContent checks the object that the type names.
func (o *outgoing) checkContent() *refusal {
	switch o.Type {
	case "text":
		if o.Text == nil {
			return missing("text")
		}
		return needText("text['body']", o.Text.Body, textLimit)
	case "image":
		return o.Image.check("image", captionLimit)
	case "video":
		return o.Video.check("video", captionLimit)
	case "document":
		return o.Document.check("document", captionLimit)
	case "audio":
		return o.Audio.check("audio", 0)
	case "sticker":
		return o.Sticker.check("sticker", 0)
	case "location":
		return o.Location.check()
	case "contacts":
		return checkCards(o.Contacts)
	case "reaction":
		switch {
		case o.Reaction == nil:
			return missing("reaction")
		case o.Reaction.MessageID == "":
			return missing("reaction['message_id']")
		case o.Reaction.Emoji == nil:
			return missing("reaction['emoji']")
		}
		return nil
	case "template":
		return o.Template.check()
	case "interactive":
		return o.Interactive.check()
	}
	return &refusal{code: 131051, details: fmt.Sprintf("Message type %.40q is not supported", o.Type)}
}

// needText checks a text that must be there.
func needText(param string, value *string, limit int) *refusal {
	if value == nil || strings.TrimSpace(*value) == "" {
		return missing(param)
	}
	return checkLength(param, *value, limit)
}

func checkLength(param, value string, limit int) *refusal {
	if utf8.RuneCountInString(value) > limit {
		return invalid(param, fmt.Sprintf("must be at most %d characters long", limit))
	}
	return nil
}

var address = regexp.MustCompile(`^https?://[^\s/]+`)

// check checks a file; a caption limit of 0 means that it takes none.
func (a *attachment) check(kind string, caption int) *refusal {
	param := func(name string) string { return kind + "['" + name + "']" }
	switch {
	case a == nil:
		return missing(kind)
	case a.ID == "" && a.Link == "":
		return missing(param("id") + " or " + param("link"))
	case a.ID != "" && a.Link != "":
		return parameter("Only one of " + param("id") + " and " + param("link") + " may be given")
	case a.Link != "" && !address.MatchString(a.Link):
		return invalid(param("link"), "is not a valid URI.")
	case a.Caption != nil && caption == 0:
		return parameter("Unexpected key \"caption\" on param \"" + kind + "\"")
	case a.Caption != nil:
		return checkLength(param("caption"), *a.Caption, caption)
	}
	return nil
}

func (p *place) check() *refusal {
	if p == nil {
		return missing("location")
	}
	for _, axis := range []struct {
		name  string
		value *json.Number
		limit float64
	}{{"latitude", p.Latitude, 90}, {"longitude", p.Longitude, 180}} {
		param := "location['" + axis.name + "']"
		if axis.value == nil {
			return missing(param)
		}
		if degrees, err := axis.value.Float64(); err != nil || degrees < -axis.limit || degrees > axis.limit {
			return invalid(param, fmt.Sprintf("must be from -%g to %g", axis.limit, axis.limit))
		}
	}
	return nil
}

func checkCards(cards []card) *refusal {
	if len(cards) == 0 {
		return missing("contacts")
	}
	for i, c := range cards {
		param := fmt.Sprintf("contacts[%d]['name']", i)
		switch {
		case c.Name == nil:
			return missing(param)
		case c.Name.Formatted == "":
			return missing(param + "['formatted_name']")
		case !slices.ContainsFunc([]string{c.Name.First, c.Name.Last, c.Name.Middle, c.Name.Prefix, c.Name.Suffix}, func(s string) bool { return s != "" }):
			return missing("at least one part of " + param + " beside formatted_name")
		}
	}
	return nil
}

// attached is the file of a message, nil when it has none.
func (o *outgoing) attached() *attachment {
	switch o.Type {
	case "image":
		return o.Image
	case "video":
		return o.Video
	case "audio":
		return o.Audio
	case "document":
		return o.Document
	case "sticker":
		return o.Sticker
	}
	return nil
}

// text is what a person would read.
func (o *outgoing) text() string {
	switch file := o.attached(); {
	case o.Text != nil:
		return *o.Text.Body
	case o.Interactive != nil && o.Interactive.Body != nil && o.Interactive.Body.Text != nil:
		return *o.Interactive.Body.Text
	case o.Template != nil:
		return o.Template.Name
	case file != nil && file.Caption != nil:
		return *file.Caption
	}
	return o.Type
}

// tracking is what the sender attached.
func (o *outgoing) tracking() string {
	if o.Tracking == nil {
		return ""
	}
	return *o.Tracking
}
