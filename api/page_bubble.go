package api

import (
	"cmp"
	"context"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/gofiber/fiber/v2"

	"wabagate/api/dashboard"
	"wabagate/fanout/event"
	"wabagate/models"
	"wabagate/waba"
)

// thread is a part of a conversation and what is known about its messages.
type thread struct {
	messages     []models.Message // newest first
	conversation int64
	quoted       map[string]models.Message
	media        map[string]models.Media
	failures     map[string]event.Error
	keepsFiles   bool // this gateway can give files
	now          time.Time
}

// bubbles are the messages, oldest first. A reaction stands on the message that it is on, if that is here too.
func (t thread) bubbles() []dashboard.Bubble {
	here := map[string]bool{}
	for _, m := range t.messages {
		here[m.Wamid] = true
	}
	reactions := map[string][]string{}
	answered := map[string]bool{} // by this side, on this message: the newest counts
	var list []dashboard.Bubble
	for _, m := range t.messages {
		if m.Type == "reaction" && here[m.ReplyTo] {
			side := m.ReplyTo + strconv.FormatBool(m.Inbound)
			if !answered[side] && m.Text != "" {
				reactions[m.ReplyTo] = append(reactions[m.ReplyTo], m.Text)
			}
			answered[side] = true
			continue
		}
		b := t.bubble(m)
		b.Reactions = reactions[m.Wamid]
		list = append(list, b)
	}
	slices.Reverse(list)
	return list
}

func (t thread) bubble(m models.Message) dashboard.Bubble {
	b := dashboard.Bubble{Out: !m.Inbound, Actor: actorText(m), Text: m.Text, Kind: kindText(m.Type), At: dashboard.NewWhen(m.SentAt, t.now), Status: m.Status}
	switch {
	case !m.DeletedAt.IsZero():
		b.Kind, b.Text, b.Mark = "This message was deleted.", "", "deleted"
		return b
	case !m.EditedAt.IsZero():
		b.Mark = "edited"
	}
	b.Text, b.Rest = splitText(m.Text, bubbleText)
	if m.Type == "reaction" {
		b.Kind, b.Mark = "Took a reaction back", "reaction"
	}
	if q, ok := t.quoted[m.ReplyTo]; ok {
		b.Quote = cmp.Or(firstRunes(q.Text, maxAbout), kindText(q.Type))
	}
	t.addFile(m, &b)
	if m.Status == waba.StatusFailed {
		b.Error = "It was not delivered."
		if e, ok := t.failures[m.Wamid]; ok {
			b.Error, b.Advice = failureText(e), e.Advice
		}
	}
	return b
}

// bubbleText is how much of a message is seen at once, in characters.
const bubbleText = 1200

// splitText cuts a text that is longer than n characters.
func splitText(text string, n int) (begin, rest string) {
	if begin = firstRunes(text, n); begin == text {
		return text, ""
	}
	begin = strings.TrimSuffix(begin, "…")
	return begin, text[len(begin):]
}

// addFile adds the file of a message: a picture to see, another file to open, or why there is none.
func (t thread) addFile(m models.Message, b *dashboard.Bubble) {
	f, ok := t.media[m.Wamid]
	if !ok {
		return
	}
	path := conversationPath(t.conversation) + "/media/" + strconv.FormatInt(f.ID, 10)
	switch {
	case f.State == models.MediaFailed:
		b.Missing = "The file is not to be had: " + cmp.Or(f.Reason, strings.ReplaceAll(f.Failure, "_", " ")) + "."
	case f.State == models.MediaDeleted:
		b.Missing = "The file was deleted."
	case !t.keepsFiles:
		b.Missing = "This gateway keeps no files."
	case f.State == models.MediaKept && strings.HasPrefix(f.MimeType, "image/"):
		b.Image = path
	default:
		b.File = path
		if f.Filename != "" {
			b.Kind = f.Filename
		}
	}
}

// failureText is why a message failed, in the platform's words.
func failureText(e event.Error) string {
	text := cmp.Or(e.Details, e.Message, e.Title, "WhatsApp gave no reason")
	if e.Code != "" {
		text += " (" + e.Code + ")"
	}
	return text
}

// actorText is who sent an outgoing message; empty for incoming ones, and where it is not known.
func actorText(m models.Message) string {
	if m.Inbound {
		return ""
	}
	return map[string]string{waba.OriginAgent: "Agent", waba.OriginSystem: "System", waba.OriginAPI: "API", waba.OriginApp: "Phone app",
		waba.OriginBroadcast: "Broadcast", waba.OriginAI: "AI"}[m.SentBy]
}

// kindText names the type of a message for people.
func kindText(typ string) string {
	known := map[string]string{"image": "Picture", "video": "Video", "audio": "Voice or audio", "document": "File", "sticker": "Sticker", "location": "Location",
		"contacts": "Contact card", "interactive": "Form or choice", "button": "Button", "order": "Order", "template": "Template", "system": "Notice by WhatsApp",
		"reaction": "Reaction", "unsupported": "A message of a kind that WhatsApp does not hand over", "text": "Text"}
	return cmp.Or(known[typ], capital(strings.ReplaceAll(typ, "_", " "), "Message"))
}

// pageMedia gives the file of a message of a conversation.
func (s *Server) pageMedia(c *fiber.Ctx, who caller) error {
	id, err := pathID(c, "id")
	if err != nil {
		return err
	}
	mediaID, err := pathID(c, "media")
	if err != nil {
		return err
	}
	row, err := s.store.ConversationByID(c.UserContext(), who.Business, id)
	if err != nil {
		return err
	}
	m, err := s.store.MediaByID(c.UserContext(), mediaID)
	if err == nil && (m.NumberID != row.NumberID || m.ConversationID != row.ID) {
		err = models.ErrNotFound
	}
	if err != nil {
		return err
	}
	if s.media == nil {
		return notHere("keeps files")
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(c.UserContext()), mediaWait)
	defer cancel()
	f, err := s.media.Open(ctx, who.Business, row.NumberID, m.MediaID)
	if err != nil {
		return mediaRefusal(err)
	}
	return sendFile(c, f)
}
