package outgoing

import (
	"cmp"
	"strings"
)

// The limits are in characters and those of the platform's own pages.
const textLimit = 4096

func (m *Message) readText(text node) {
	if text.object() {
		m.Text = text.get("body").required(textLimit)
	}
}

func (m *Message) readMedia(media node) {
	if media.object() {
		m.MediaID, m.MediaLink = source(media)
		m.Text = media.get("caption").optional(0)
		media.get("filename").optional(0)
	}
}

// source reads where a file is: one of id and link.
func source(media node) (id, link string) {
	givenID, givenLink := media.get("id"), media.get("link")
	switch {
	case givenID.absent() && givenLink.absent():
		media.fail("needs an id or a link")
	case !givenID.absent() && !givenLink.absent():
		media.fail("takes an id or a link, not both")
	case givenLink.absent():
		id = givenID.id()
	default:
		link = givenLink.link()
	}
	return id, link
}

func (m *Message) readLocation(location node) {
	if location.object() {
		location.get("latitude").number(-90, 90)
		location.get("longitude").number(-180, 180)
		m.Text = cmp.Or(location.get("name").optional(0), location.get("address").optional(0))
	}
}

func (m *Message) readContacts(contacts node) {
	var names []string
	for _, contact := range contacts.list(1, 0) {
		if contact.object() && contact.get("name").object() {
			names = append(names, contact.get("name").get("formatted_name").required(0))
		}
		readPhones(contact.get("phones"))
	}
	m.Text = strings.Join(names, ", ")
}

func readPhones(phones node) {
	if phones.absent() {
		return
	}
	for _, phone := range phones.list(0, 0) {
		if phone.object() {
			phone.get("phone").optional(0)
			phone.get("wa_id").optional(0)
		}
	}
}

// readReaction reads an emoji on another message. An empty one takes the reaction back.
func (m *Message) readReaction(reaction node) {
	if !reaction.object() {
		return
	}
	reaction.get("message_id").required(0)
	emoji := reaction.get("emoji")
	if emoji.absent() {
		emoji.fail("is required: an emoji, or an empty string to take the reaction back")
	}
	m.Text = emoji.optional(0)
}
