package api

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/gofiber/fiber/v2"

	"wabagate/api/dashboard"
	"wabagate/fanout/event"
	"wabagate/models"
	"wabagate/waba"
)

const (
	// bubblesPerPage are the messages of a part of a thread.
	bubblesPerPage = 40
	// explainedFailures bounds the failed messages of a page whose errors are looked up.
	explainedFailures = 10
	// writtenWait is how long the page waits for a message that was written on it to be taken.
	writtenWait = 4 * time.Second
	// maxWritten is the platform's limit of a text, in characters.
	maxWritten = 4096
)

func (s *Server) pageConversation(c *fiber.Ctx, who caller) error {
	return s.showConversation(c, who, conversationForm{})
}

// showConversation draws a conversation, with what was typed into it if that could not be done.
func (s *Server) showConversation(c *fiber.Ctx, who caller, form conversationForm) error {
	ctx := c.UserContext()
	id, err := pathID(c, "id")
	if err != nil {
		return err
	}
	row, err := s.store.ConversationByID(ctx, who.Business, id)
	if err != nil {
		return err
	}
	wrong, err := refusal(form.wrong)
	if err != nil {
		return err
	}
	before, err := threadPlace(c.Query("before"))
	if err != nil {
		return err
	}
	numbers, err := s.store.Numbers(ctx, who.Business)
	if err != nil {
		return err
	}
	view := dashboard.Conversation{Shell: shell(who, contactName(row.Contact)), ID: id, Above: []dashboard.Crumb{{Label: "Conversations", Path: "/conversations"}},
		Name: contactName(row.Contact), Phone: phoneText(row.Contact.WaID), Number: numberName(numbers, row.NumberID), Contact: contactPath(row.Contact.ID), Tags: row.Labels,
		Status: dashboard.Badge{Tone: "good", Text: row.Status}, Latest: before.IsZero(), Until: dashboard.NewWhen(row.WindowExpiresAt(), s.now()), WindowOpen: row.WindowExpiresAt().After(s.now())}
	view.Here = conversationPath(id) // of a form that came back too
	if row.Status == models.ConversationClosed {
		view.Status.Tone = ""
	}
	if view.Phone == view.Name {
		view.Phone = ""
	}
	if err := s.addThread(ctx, who.Business, row, before, &view); err != nil {
		return err
	}
	if err := s.addAnswers(ctx, row, &view); err != nil {
		return err
	}
	if err := s.addWrite(ctx, who, row, form, wrong, &view); err != nil {
		return err
	}
	if err := s.addSettings(ctx, who, row, form, wrong, &view); err != nil {
		return err
	}
	status := http.StatusOK
	if wrong != nil {
		status = wrong.Status
	}
	return s.render(c, status, view)
}

// threadPlace reads where an older part of a thread ends; empty is its end.
func threadPlace(text string) (time.Time, error) {
	us, err := cursor(text)
	if err != nil || us == 0 {
		return time.Time{}, err
	}
	return time.UnixMicro(us).UTC(), nil
}

// addThread adds the messages before a moment.
func (s *Server) addThread(ctx context.Context, businessID int64, row models.ConversationRow, before time.Time, view *dashboard.Conversation) error {
	ms, next, err := s.messages(ctx, businessID, row.ID, before, bubblesPerPage)
	if err != nil {
		return err
	}
	older := ""
	if !next.IsZero() {
		older = strconv.FormatInt(next.UnixMicro(), 10)
	}
	if older != "" {
		view.Pager.Older = conversationPath(row.ID) + "?" + url.Values{"before": {older}}.Encode()
	}
	if !view.Latest {
		view.Pager.Newest = conversationPath(row.ID)
	}
	t := thread{messages: ms, conversation: row.ID, keepsFiles: s.media != nil, now: s.now()}
	var wamids, quoted []string
	for _, m := range ms {
		wamids = append(wamids, m.Wamid)
		if m.ReplyTo != "" {
			quoted = append(quoted, m.ReplyTo)
		}
	}
	if t.quoted, err = s.store.MessagesOf(ctx, row.NumberID, quoted); err != nil {
		return err
	}
	if t.media, err = s.store.MediaOfMessages(ctx, row.NumberID, wamids); err != nil {
		return err
	}
	if t.failures, err = s.failures(ctx, businessID, ms); err != nil {
		return err
	}
	view.Bubbles = t.bubbles()
	return nil
}

// failures are the errors of failed messages by their wamids, of the newest of them.
func (s *Server) failures(ctx context.Context, businessID int64, ms []models.Message) (map[string]event.Error, error) {
	found := map[string]event.Error{}
	looked := 0
	for _, m := range ms {
		if m.Status != waba.StatusFailed || looked == explainedFailures {
			continue
		}
		looked++
		events, err := s.store.SearchEvents(ctx, businessID, models.EventSearch{Wamid: m.Wamid, Types: []string{event.MessageReport}, Limit: 5})
		if err != nil {
			return nil, err
		}
		for _, e := range events {
			var d event.Data
			if json.Unmarshal(e.Data, &d) == nil && d.Status != nil && len(d.Status.Errors) > 0 {
				found[m.Wamid] = d.Status.Errors[0]
				break
			}
		}
	}
	return found, nil
}

// addAnswers adds who answers the customer, a bot or a person.
func (s *Server) addAnswers(ctx context.Context, row models.ConversationRow, view *dashboard.Conversation) error {
	r, err := s.store.RepliesOf(ctx, row.NumberID)
	if err != nil && !errors.Is(err, models.ErrNotFound) {
		return err
	}
	view.HasAI, view.AI = r.Active, row.AI.Off == ""
	view.Answers, view.Why = answersText(r.Active, row.AI)
	if r.Active {
		view.Since = dashboard.NewWhen(row.AI.At, s.now())
	}
	return nil
}

// answersText says who answers, and why.
func answersText(active bool, ai models.AISetting) (who, why string) {
	switch {
	case !active:
		return "People do: this number has no AI.", ""
	case ai.Off == "":
		return "The AI does.", ""
	}
	reasons := map[string]string{aiOffByPerson: "somebody switched the AI off here", "agent": "an agent has written", "keyword": "the customer asked for one"}
	return "A person does.", capital(cmp.Or(ai.Detail, reasons[ai.Off], strings.ReplaceAll(ai.Off, "_", " ")), "") + "."
}

// addWrite adds the box to write in, or why there is none.
func (s *Server) addWrite(ctx context.Context, who caller, row models.ConversationRow, form conversationForm, wrong *Error, view *dashboard.Conversation) error {
	cannot, err := s.cannotWrite(ctx, who, row)
	if err != nil {
		return err
	}
	if view.Cannot = cannot; cannot != "" && form.text == "" {
		return nil
	}
	view.Window = "The service window is open."
	w := &dashboard.Write{Key: cmp.Or(form.key, models.RandomToken().Text()), Text: dashboard.Field{Name: "text", Label: "Write to the customer", Type: "textarea", Value: form.text, Required: true, Max: maxWritten}}
	if wrong != nil && form.settings == nil {
		w.Text.Error, w.Text.Focus = sentence(wrong), true
		if wrong.Advice != "" {
			w.Text.Hint = wrong.Advice
		}
	}
	view.Write = w
	return nil
}

// cannotWrite says in a sentence why a caller cannot write to a customer here; empty: they can.
func (s *Server) cannotWrite(ctx context.Context, who caller, row models.ConversationRow) (string, error) {
	switch {
	case !who.may(workers):
		return "You may look and not write: an owner or a member of your business can.", nil
	case s.sending == nil:
		return "This gateway only receives: answer in the program that sends for you.", nil
	case row.Contact.WaID == "" && row.Contact.UserID == "":
		return "The customer's number is not known, or was erased: nobody can be written to.", nil
	case row.WindowExpiresAt().IsZero():
		return "The customer has not written yet. Until they do, WhatsApp takes only templates: send one by a broadcast or the API.", nil
	case !row.WindowExpiresAt().After(s.now()):
		return "The service window is closed: the customer last wrote more than 24 hours ago. WhatsApp takes only templates until they write again.", nil
	}
	_, err := s.store.UpstreamOf(ctx, row.NumberID)
	if errors.Is(err, models.ErrNotFound) {
		return "This number only receives: connect it with its token to write from here.", nil
	}
	return "", err
}

// submitWritten sends what was written, by the way that messages of programs take.
func (s *Server) submitWritten(c *fiber.Ctx, who caller) error {
	id, err := pathID(c, "id")
	if err != nil {
		return err
	}
	row, err := s.store.ConversationByID(c.UserContext(), who.Business, id)
	if err != nil {
		return err
	}
	noteOf(c.UserContext()).about("conversation", id, "")
	form := conversationForm{text: strings.ReplaceAll(strings.Clone(c.FormValue("text")), "\r\n", "\n"), key: strings.Clone(c.FormValue("key"))}
	sent, err := s.write(c.UserContext(), who, row, form)
	if err != nil {
		form.wrong = err
		if form.key = ""; form.text == "" {
			form.text = " "
		}
		return s.showConversation(c, who, form)
	}
	done := "queued"
	if sent.State == models.SendAccepted {
		done = "sent"
	}
	return back(c, conversationPath(id), done+"#write")
}

// write keeps a text to a customer and waits a little for the platform to take it.
func (s *Server) write(ctx context.Context, who caller, row models.ConversationRow, form conversationForm) (models.Send, error) {
	text := strings.TrimSpace(form.text)
	if err := checkText("text", text, true, maxWritten); err != nil {
		return models.Send{}, err
	}
	cannot, err := s.cannotWrite(ctx, who, row)
	if err != nil {
		return models.Send{}, err
	}
	if cannot != "" {
		return models.Send{}, &Error{Status: http.StatusConflict, Code: "cannot_write", Field: "text", Message: strings.TrimSuffix(cannot, ".")}
	}
	body := map[string]any{"messaging_product": "whatsapp", "recipient_type": "individual", "type": "text", "text": map[string]string{"body": text}}
	if row.Contact.WaID != "" {
		body["to"] = row.Contact.WaID
	} else {
		body["recipient"] = row.Contact.UserID
	}
	raw, err := json.Marshal(body)
	if err != nil {
		return models.Send{}, err
	}
	m, _, err := parseSend(raw, waba.OriginAgent, form.key)
	if err != nil {
		return models.Send{}, err
	}
	m.BusinessID, m.NumberID = who.Business, row.NumberID
	kept, err := s.sending.Queue(ctx, m)
	if err != nil {
		return models.Send{}, err
	}
	if len(kept) != 1 {
		return models.Send{}, errors.New("one message was queued, and the answer has another number of them")
	}
	now := s.await(ctx, kept[0], writtenWait)
	if now.State == models.SendFailed || now.State == models.SendCancelled {
		return now, notSent(now)
	}
	return now, nil
}

// addSettings adds the form of what people set about a conversation.
func (s *Server) addSettings(ctx context.Context, who caller, row models.ConversationRow, form conversationForm, wrong *Error, view *dashboard.Conversation) error {
	set := row.ConversationSettings
	if form.settings != nil {
		form.settings.apply(&set)
	}
	people, err := s.assignees(ctx, who.Business, set.Assignee)
	if err != nil {
		return err
	}
	view.Fields = []dashboard.Field{
		{Name: "status", Label: "Status", Type: "select", Value: set.Status, Options: options(set.Status, [2]string{models.ConversationOpen, "Open"}, [2]string{models.ConversationClosed, "Closed"})},
		{Name: "assignee", Label: "Assignee", Type: "select", Value: set.Assignee, Options: people},
		{Name: "labels", Label: "Labels", Type: "textarea", Value: strings.Join(set.Labels, "\n"), Hint: "One in each line."},
		{Name: "note", Label: "Note", Type: "textarea", Value: set.Note, Rows: 4, Max: maxNote, Hint: "Only your business sees it."},
	}
	if wrong == nil || form.settings == nil {
		return nil
	}
	for i := range view.Fields {
		if f := &view.Fields[i]; f.Name == wrong.Field {
			f.Error = sentence(wrong)
			return nil
		}
	}
	view.Wrong = sentence(wrong)
	return nil
}
