package outgoing

import (
	"encoding/json"
	"slices"
	"strings"
)

// TrackingLimit is what the platform takes as biz_opaque_callback_data, in characters.
const TrackingLimit = 512

// Message is a body that [Parse] found nothing wrong with: a message to be sent or, when IsRead, one to be marked as read.
type Message struct {
	Type string // text, image, template and so on; empty when IsRead

	To        string // the recipient's number, digits only, or the id of the group; empty when only Recipient is given
	Recipient string // the recipient's business-scoped user id (BSUID); empty when only To is given
	Group     bool   // To is a group

	Text      string // what a person would read: text, caption, body, the template's name, names of contacts or places, an emoji
	MediaLink string // of image, video, audio, document and sticker: where the platform fetches the file
	MediaID   string // of the same types: the file's id on the platform; either this or MediaLink
	ReplyTo   string // the wamid of the message that is quoted; empty for none
	Template  string // its name; empty unless Type is template
	Tracking  string // the caller's own tracking string (biz_opaque_callback_data), at most TrackingLimit characters

	IsRead    bool   // mark MessageID, and what came before it, as read
	Typing    bool   // and show that an answer is being written
	MessageID string // a wamid; empty unless IsRead

	members []member
}

// readers read the content of each type, which the member of that name holds.
var readers = map[string]func(m *Message, content node){
	"text":        (*Message).readText,
	"image":       (*Message).readMedia,
	"video":       (*Message).readMedia,
	"audio":       (*Message).readMedia,
	"document":    (*Message).readMedia,
	"sticker":     (*Message).readMedia,
	"location":    (*Message).readLocation,
	"contacts":    (*Message).readContacts,
	"reaction":    (*Message).readReaction,
	"template":    (*Message).readTemplate,
	"interactive": (*Message).readInteractive,
}

// Types lists the types of messages that can be sent, sorted. The list is the caller's to keep.
func Types() []string {
	types := make([]string, 0, len(readers))
	for name := range readers {
		types = append(types, name)
	}
	slices.Sort(types)
	return types
}

// Parse reads and checks a body. The error is always of type [Errors] and names every problem; the message is then zero.
// The body is not kept.
func Parse(body []byte) (Message, error) {
	var r reading
	var m Message
	root, members := open(body, &r)
	if members != nil || r.err() == nil {
		m.read(root)
	}
	if err := r.err(); err != nil {
		return Message{}, err
	}
	m.members = members
	return m, nil
}

func (m *Message) read(root node) {
	if product := root.get(keyProduct); !product.absent() {
		product.oneOf("whatsapp")
	}
	if status := root.get("status"); !status.absent() {
		m.readRead(root, status)
		return
	}
	m.readRecipient(root)
	m.Tracking = root.get(keyTracking).optional(TrackingLimit)
	if context := root.get("context"); !context.absent() && context.object() {
		m.ReplyTo = context.get("message_id").required(0)
	}
	kind := root.get("type")
	if m.Type, _ = kind.value.(string); kind.absent() && !root.get("text").absent() {
		m.Type = "text" // which is what the platform takes it for
	}
	read, ok := readers[m.Type]
	if !ok {
		kind.oneOf(Types()...)
		return
	}
	read(m, root.get(m.Type))
}

// readRead reads a body that marks a message as read.
func (m *Message) readRead(root, status node) {
	status.oneOf("read")
	m.IsRead = true
	m.MessageID = root.get("message_id").required(0)
	if typing := root.get("typing_indicator"); !typing.absent() && typing.object() {
		m.Typing = true
		typing.get("type").oneOf("text")
	}
}

// readRecipient reads whom the message is for. The platform itself accepts numbers as people write them.
func (m *Message) readRecipient(root node) {
	if kind := root.get("recipient_type"); !kind.absent() {
		m.Group = kind.oneOf("individual", "group") == "group"
	}
	m.Recipient = root.get("recipient").optional(0)
	to := root.get("to")
	switch {
	case m.Group:
		m.To = to.required(0)
	case to.absent() && m.Recipient == "":
		to.fail("is required: the recipient's number with its country code, unless recipient has a user id")
	case !to.absent():
		written := to.id()
		if m.To = digits(written); written != "" && (len(m.To) < leastDigits || len(m.To) > mostDigits) {
			to.fail("must be a number with its country code, from %d to %d digits, such as 15550177321", leastDigits, mostDigits)
		}
	}
}

// A number has at most 15 digits (E.164). How few it can have nobody says; the least is there to catch what is none.
const leastDigits, mostDigits = 5, 15

// digits takes off a number what people write to make it readable; what holds anything else is no number and empty.
func digits(s string) string {
	s = strings.TrimPrefix(strings.TrimSpace(s), "+")
	if strings.Trim(s, "0123456789 -.()") != "" {
		return ""
	}
	return strings.Map(func(c rune) rune {
		if c < '0' || c > '9' {
			return -1
		}
		return c
	}, s)
}

// Body is what to post to the platform: the caller's members byte for byte, but for two. messaging_product is there, and
// biz_opaque_callback_data is the given tracking string: it replaces the caller's own, and an empty one removes it.
// A message to be marked as read takes no tracking string.
func (m Message) Body(tracking string) []byte {
	members := m.tracked(tracking)
	if !slices.ContainsFunc(members, isProduct) {
		members = slices.Insert(members, 0, member{keyProduct, []byte(`"` + keyProduct + `"`), []byte(`"whatsapp"`)})
	}
	return join(members)
}

// BodyOnPremises is the same for providers of the On-Premises style, which take no messaging_product.
func (m Message) BodyOnPremises(tracking string) []byte {
	return join(slices.DeleteFunc(m.tracked(tracking), isProduct))
}

func isProduct(m member) bool { return m.key == keyProduct }

// tracked is a copy of the members with another tracking string and without a messaging_product that says nothing.
func (m Message) tracked(tracking string) []member {
	members := slices.DeleteFunc(slices.Clone(m.members), func(m member) bool {
		return m.key == keyTracking || m.key == keyProduct && string(m.value) == "null"
	})
	if tracking == "" || m.IsRead {
		return members
	}
	value, _ := json.Marshal(tracking) // a string has no way to fail
	return append(members, member{keyTracking, []byte(`"` + keyTracking + `"`), value})
}
