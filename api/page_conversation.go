package api

import (
	"cmp"
	"context"
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/gofiber/fiber/v2"

	"wabagate/api/dashboard"
	"wabagate/models"
)

// registerPeoplePages adds the pages about customers: conversations, contacts, orders and forms.
func (s *Server) registerPeoplePages(app *fiber.App) {
	app.Get("/conversations", s.page(s.pageConversations))
	app.Get("/conversations/:id<int>", s.page(s.pageConversation))
	app.Post("/conversations/:id<int>/edit", s.fence, s.page(s.submitConversation))
	app.Post("/conversations/:id<int>/send", s.fence, s.page(s.submitWritten))
	app.Get("/conversations/:id<int>/send", func(c *fiber.Ctx) error { return back(c, "/conversations/"+c.Params("id"), "") })
	app.Get("/conversations/:id<int>/media/:media<int>", s.page(s.pageMedia))

	app.Get("/contacts", s.page(s.pageContacts))
	app.Get("/contacts/:id<int>", s.page(s.pageContact))
	app.Post("/contacts/:id<int>/opt-out", s.fence, s.page(s.submitOptOut))
	app.Post("/contacts/:id<int>/erase", s.fence, s.page(s.submitErase))
	app.Get("/erasures", s.page(s.pageErasures))
	app.Get("/erasures/:id<int>", s.page(s.pageErasure))

	app.Get("/orders", s.page(s.pageOrders))
	app.Get("/orders/:id<int>", s.page(s.pageOrder))
	app.Post("/orders/:id<int>/edit", s.fence, s.page(s.submitOrder))
	app.Get("/forms", s.page(s.pageForms))
	app.Get("/orders.csv", s.page(s.exportOrders))
	app.Get("/forms.csv", s.page(s.exportForms))
}

// inboxQuery is what a list of conversations is asked for.
type inboxQuery struct {
	models.InboxFilter
	search, window, number string
	later                  bool // it is not the first page
}

// parseInbox reads what the list is asked for. query reads one parameter.
func parseInbox(query func(key string, defaults ...string) string, now time.Time) (q inboxQuery, err error) {
	text := func(name string, most int) string {
		value := strings.TrimSpace(strings.Clone(query(name)))
		if err == nil {
			err = checkText(name, value, false, most)
		}
		return value
	}
	q.search, q.Label, q.Assignee = text("search", maxName), text("label", maxLabel), text("assignee", maxAssignee)
	q.Status, q.window, q.number = text("status", maxLabel), text("window", maxLabel), text("number_id", maxLabel)
	if err != nil {
		return q, err
	}
	if q.Status != "" {
		if err := checkStatus(q.Status); err != nil {
			return q, err
		}
	}
	switch opened := now.Add(-models.ServiceWindow); q.window {
	case "":
	case windowOpen:
		q.WroteAfter = opened
	case windowClosed:
		q.WroteBefore = opened
	default:
		return q, invalid("window", codeInvalid, "must be %s or %s", windowOpen, windowClosed)
	}
	if q.NumberID, err = queryID("number_id", q.number); err != nil {
		return q, err
	}
	q.Limit, q.later = itemsPerPage, query("cursor") != ""
	q.Before, err = parseInboxPlace(query("cursor"))
	return q, err
}

const (
	windowOpen   = "open"
	windowClosed = "closed"
)

// parseInboxPlace reads a cursor of inboxCursor; empty is the top.
func parseInboxPlace(text string) (p models.InboxPlace, err error) {
	if text == "" {
		return p, nil
	}
	at, id, _ := strings.Cut(text, "-")
	us, err1 := strconv.ParseInt(at, 10, 64)
	n, err2 := strconv.ParseInt(id, 10, 64)
	if err1 != nil || err2 != nil || us < 0 || n <= 0 {
		return p, invalid("cursor", codeInvalid, "is not one that a list gave out")
	}
	return models.InboxPlace{At: time.UnixMicro(us).UTC(), ID: n}, nil
}

// inboxCursor writes a place in the list; empty for its end.
func inboxCursor(p models.InboxPlace) string {
	if p == (models.InboxPlace{}) {
		return ""
	}
	return strconv.FormatInt(p.At.UnixMicro(), 10) + "-" + strconv.FormatInt(p.ID, 10)
}

// values are the query of a page that shows the same.
func (q inboxQuery) values() url.Values {
	v := url.Values{}
	for name, value := range map[string]string{"search": q.search, "status": q.Status, "label": q.Label, "assignee": q.Assignee, "window": q.window, "number_id": q.number} {
		if value != "" {
			v.Set(name, value)
		}
	}
	return v
}

func (s *Server) pageConversations(c *fiber.Ctx, who caller) error {
	q, err := parseInbox(c.Query, s.now())
	if err != nil {
		return err
	}
	ctx := c.UserContext()
	if q.search != "" {
		found, err := s.store.Contacts(ctx, who.Business, models.ContactFilter{Search: q.search})
		if err != nil {
			return err
		}
		q.Contacts = make([]int64, len(found))
		for i, f := range found {
			q.Contacts[i] = f.ID
		}
	}
	rows, next, err := s.store.Inbox(ctx, who.Business, q.InboxFilter)
	if err != nil {
		return err
	}
	numbers, err := s.store.Numbers(ctx, who.Business)
	if err != nil {
		return err
	}
	view := dashboard.Conversations{Shell: shell(who, "Conversations"), Search: q.search, Filtered: len(q.values()) > 0,
		Pager: pagerOf("/conversations", q.values(), q.later, inboxCursor(next))}
	if view.Items, err = s.conversationItems(ctx, rows, numbers); err != nil {
		return err
	}
	if view.Filters, err = s.inboxFields(ctx, who, q, numbers); err != nil {
		return err
	}
	return s.render(c, http.StatusOK, view)
}

// inboxFields are the filters beside the search.
func (s *Server) inboxFields(ctx context.Context, who caller, q inboxQuery, numbers []models.Number) ([]dashboard.Field, error) {
	people, err := s.assignees(ctx, who.Business, q.Assignee)
	if err != nil {
		return nil, err
	}
	people[0].Label = "Anybody's"
	fields := []dashboard.Field{
		{Name: "status", Label: "Status", Type: "select", Options: options(q.Status, [2]string{"", "Any"}, [2]string{models.ConversationOpen, "Open"}, [2]string{models.ConversationClosed, "Closed"})},
		{Name: "window", Label: "Service window", Type: "select", Options: options(q.window, [2]string{"", "Any"}, [2]string{windowOpen, "Open"}, [2]string{windowClosed, "Closed"})},
		{Name: "assignee", Label: "Assignee", Type: "select", Options: people},
		{Name: "label", Label: "Label", Value: q.Label, Max: maxLabel},
	}
	if len(numbers) > 1 {
		choices, err := s.numberChoices(ctx, who.Business, q.number)
		if err != nil {
			return nil, err
		}
		fields = append(fields, dashboard.Field{Name: "number_id", Label: "Number", Type: "select", Options: choices})
	}
	return fields, nil
}

// assignees are the choices of somebody to look after a conversation: nobody, the users of the business, and who does now.
func (s *Server) assignees(ctx context.Context, businessID int64, chosen string) ([]dashboard.Choice, error) {
	users, err := s.store.Users(ctx, businessID)
	if err != nil {
		return nil, err
	}
	names := []string{""}
	for _, u := range users {
		names = append(names, u.Called())
	}
	if !slices.Contains(names, chosen) {
		names = append(names, chosen)
	}
	var choices []dashboard.Choice
	for _, name := range names {
		choices = append(choices, dashboard.Choice{Value: name, Label: firstRunes(cmp.Or(name, "Nobody"), maxAbout), Chosen: name == chosen})
	}
	return choices, nil
}

// conversationItems are the lines of the list, each with the last message.
func (s *Server) conversationItems(ctx context.Context, rows []models.ConversationRow, numbers []models.Number) ([]dashboard.ConversationItem, error) {
	ids := make([]int64, len(rows))
	for i, r := range rows {
		ids[i] = r.ID
	}
	last, err := s.store.LastMessages(ctx, ids)
	if err != nil {
		return nil, err
	}
	replying := s.replying(ctx, rows)
	var items []dashboard.ConversationItem
	for _, r := range rows {
		item := dashboard.ConversationItem{Path: conversationPath(r.ID), Name: contactName(r.Contact), Phone: phoneText(r.Contact.WaID),
			At: dashboard.NewWhen(r.LastActivity(), s.now()), Badges: conversationBadges(r.Conversation, replying[r.NumberID], s.now()), Tags: r.Labels, Said: "No message is kept."}
		if item.Phone == item.Name {
			item.Phone = ""
		}
		if len(numbers) > 1 {
			item.Number = numberName(numbers, r.NumberID)
		}
		if m, ok := last[r.ID]; ok {
			item.Said = cmp.Or(firstRunes(m.Text, maxAbout), kindText(m.Type))
			switch {
			case !m.DeletedAt.IsZero():
				item.Said = "deleted message"
			case m.Type == "reaction":
				item.Said = cmp.Or(m.Text, "took a reaction back")
			}
			if !m.Inbound {
				item.By = cmp.Or(actorText(m), "You")
			}
		}
		items = append(items, item)
	}
	return items, nil
}

// replying are the numbers of conversations that answer by themselves, as far as it can be told.
func (s *Server) replying(ctx context.Context, rows []models.ConversationRow) map[int64]bool {
	active := map[int64]bool{}
	for _, r := range rows {
		if _, known := active[r.NumberID]; !known {
			replies, err := s.store.RepliesOf(ctx, r.NumberID)
			active[r.NumberID] = err == nil && replies.Active
		}
	}
	return active
}

// conversationBadges are what a list says of a conversation at a glance.
func conversationBadges(v models.Conversation, replying bool, now time.Time) (badges []dashboard.Badge) {
	if v.Status == models.ConversationClosed {
		badges = append(badges, dashboard.Badge{Text: "closed"})
	}
	if v.WindowExpiresAt().After(now) {
		badges = append(badges, dashboard.Badge{Tone: "good", Text: "window open"})
	}
	if replying && v.AI.Off != "" {
		badges = append(badges, dashboard.Badge{Tone: "wait", Text: "with a person"})
	}
	if v.Assignee != "" {
		badges = append(badges, dashboard.Badge{Text: firstRunes(v.Assignee, 40)})
	}
	return badges
}

func conversationPath(id int64) string { return "/conversations/" + strconv.FormatInt(id, 10) }

func contactPath(id int64) string { return "/contacts/" + strconv.FormatInt(id, 10) }

// contactName is what a page calls a contact: the best name that is known.
func contactName(c models.Contact) string {
	return cmp.Or(firstRunes(strings.TrimSpace(c.Name), maxAbout), firstRunes(c.Username, maxAbout), phoneText(c.WaID), firstRunes(c.UserID, maxAbout), "Somebody unknown")
}

// phoneText is a number as people write it; empty for none.
func phoneText(waID string) string {
	if waID == "" {
		return ""
	}
	return "+" + firstRunes(waID, 40)
}

// numberName is what a page calls a number of the business.
func numberName(numbers []models.Number, id int64) string {
	i := slices.IndexFunc(numbers, func(n models.Number) bool { return n.ID == id })
	if i < 0 {
		return "a number that is no longer connected"
	}
	return numberText(numbers[i])
}

// submitConversation saves what people set about a conversation; what the form does not have stays.
func (s *Server) submitConversation(c *fiber.Ctx, who caller) error {
	id, err := pathID(c, "id")
	if err != nil {
		return err
	}
	form := c.Request().PostArgs()
	given := func(name string) maybe[string] {
		return maybe[string]{given: form.Has(name), value: strings.Clone(c.FormValue(name))}
	}
	ch := conversationChange{status: given("status"), note: given("note"), assignee: given("assignee")}
	ch.labels.given = form.Has("labels")
	for _, line := range strings.Split(c.FormValue("labels"), "\n") {
		if line = strings.TrimSpace(line); line != "" {
			ch.labels.value = append(ch.labels.value, strings.Clone(line))
		}
	}
	if ai := c.FormValue("ai"); ai != "" {
		ch.ai = maybe[flag]{given: true, value: ai == "1"}
	}
	if err := ch.check(); err != nil {
		return s.showConversation(c, who, conversationForm{settings: &ch, wrong: err})
	}
	if _, err := s.setConversation(c.UserContext(), who.Business, id, ch); err != nil {
		return err
	}
	return back(c, conversationPath(id), "updated")
}

// conversationForm is what was typed on the page of a conversation and could not be done; the zero value: nothing was.
type conversationForm struct {
	settings *conversationChange
	text     string
	key      string
	wrong    error
}

// refusal is what a form says of an error that people can act on; other errors stay as they are.
func refusal(err error) (*Error, error) {
	if err == nil {
		return nil, nil
	}
	var e *Error
	if !errors.As(err, &e) {
		return nil, err
	}
	return e, nil
}
