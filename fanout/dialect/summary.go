package dialect

import (
	"cmp"
	"fmt"
	"strings"
	"time"
)

// summary tells a person in a sentence or two where a conversation stands: what the customer wrote since the business
// wrote last, and what that was. Messages are oldest first; system is the business's last message, which may be older
// than all of them, or nil. Moments are UTC: the time alone on the day of the last message, and the day before it on
// others.
func summary(name string, messages []DigestMessage, system *DigestMessage) string {
	name = cmp.Or(name, "The customer")
	user := last(messages, "inbound")
	newest := later(user, system)
	if user == nil {
		return answered(system, newest)
	}
	var unanswered []DigestMessage
	for _, m := range messages {
		switch m.Direction {
		case "inbound":
			unanswered = append(unanswered, m)
		case "outbound":
			unanswered = nil
		}
	}
	said := name + " last wrote " + when(*user, newest) + ": " + quote(*user) + "."
	switch n := len(unanswered); {
	case n == 1:
		said = name + " wrote " + when(*user, newest) + ": " + quote(*user) + "."
	case n > 1:
		_, since := stamp(unanswered[0], newest)
		said = fmt.Sprintf("%s wrote %d messages since %s; the last: %s.", name, n, since, quote(*user))
	}
	return said + " " + answered(system, newest)
}

func answered(system *DigestMessage, newest time.Time) string {
	if system == nil {
		return "We have not answered yet."
	}
	return "We last wrote " + when(*system, newest) + ": " + quote(*system) + "."
}

// later is when the later of two messages was written, either of which may be nil.
func later(a, b *DigestMessage) (newest time.Time) {
	for _, m := range [...]*DigestMessage{a, b} {
		if m != nil && moment(*m).After(newest) {
			newest = moment(*m)
		}
	}
	return newest
}

func moment(m DigestMessage) time.Time { return time.Unix(m.Timestamp, 0).UTC() }

func when(m DigestMessage, newest time.Time) string {
	preposition, text := stamp(m, newest)
	return preposition + " " + text
}

// stamp is the time at which a message was written, with its day unless that is the day of the newest.
func stamp(m DigestMessage, newest time.Time) (preposition, text string) {
	at := moment(m)
	if at.Format(time.DateOnly) == newest.Format(time.DateOnly) {
		return "at", at.Format("15:04")
	}
	return "on", at.Format("2 January 2006 at 15:04")
}

// quoted is how much of a text a summary quotes, in characters.
const quoted = 80

// wordless is what to call a message that has no text.
var wordless = map[string]string{
	"image": "an image", "video": "a video", "audio": "an audio message", "document": "a document", "sticker": "a sticker", "location": "a location",
	"contacts": "a contact card", "order": "an order", "reaction": "a reaction taken back", "template": "a template", "interactive": "an interactive message",
}

// quote is the text of a message on one line, cut where it is long, or what the message is where it has none.
func quote(m DigestMessage) string {
	text := []rune(strings.Join(strings.Fields(m.Text), " "))
	switch {
	case len(text) > quoted:
		return "“" + strings.TrimSpace(string(text[:quoted])) + "…”"
	case len(text) > 0:
		return "“" + string(text) + "”"
	}
	return cmp.Or(wordless[m.Type], "a message without text")
}
