package api

import (
	"cmp"
	"encoding/json"
	"errors"
	"net/http"
	"slices"
	"strconv"
	"time"

	"github.com/gofiber/fiber/v2"

	"wabagate/api/dashboard"
	"wabagate/fanout/event"
	"wabagate/models"
)

const (
	// contactItems are the conversations, the orders and the changes on the page of a contact.
	contactItems = 20
	// eraseWord has to be typed before a contact is erased.
	eraseWord = "erase"
	// pageBudget is how long one request of a page erases: short enough to see it move.
	pageBudget = 2 * time.Second
)

func (s *Server) pageContacts(c *fiber.Ctx, who caller) error {
	rows, search, next, err := s.contacts(c, who)
	if err != nil {
		return err
	}
	query := inboxQuery{search: search}.values()
	view := dashboard.Contacts{Shell: shell(who, "Contacts"), Search: search, Pager: pagerOf("/contacts", query, c.Query("cursor") != "", next)}
	for _, r := range rows {
		view.Items = append(view.Items, dashboard.ContactItem{Path: contactPath(r.ID), Name: contactName(r), Phone: phoneText(r.WaID), UserID: firstRunes(r.UserID, 60), Username: firstRunes(r.Username, 60),
			Updated: dashboard.NewWhen(r.ProfileAt, s.now())})
	}
	return s.render(c, http.StatusOK, view)
}

func (s *Server) pageContact(c *fiber.Ctx, who caller) error { return s.showContact(c, who, nil) }

// showContact draws a contact's page, with why it could not be erased.
func (s *Server) showContact(c *fiber.Ctx, who caller, failed error) error {
	wrong, err := refusal(failed)
	if err != nil {
		return err
	}
	id, err := pathID(c, "id")
	if err != nil {
		return err
	}
	contact, err := s.store.ContactByID(c.UserContext(), who.Business, id)
	if err != nil {
		return err
	}
	view := dashboard.Contact{Shell: shell(who, contactName(contact)), ID: contact.ID, Name: contactName(contact), Above: []dashboard.Crumb{{Label: "Contacts", Path: "/contacts"}},
		Reachable: contact.WaID != "" || contact.UserID != ""}
	view.Here = contactPath(contact.ID)
	for _, p := range []dashboard.Pair{{Key: "Name", Value: contact.Name}, {Key: "Username", Value: contact.Username}, {Key: "Phone", Value: phoneText(contact.WaID), Plain: true},
		{Key: "User id", Value: contact.UserID, Plain: true}, {Key: "Parent user id", Value: contact.ParentUserID, Plain: true}, {Key: "Contact", Value: strconv.FormatInt(contact.ID, 10), Plain: true}} {
		if p.Value != "" {
			view.Known = append(view.Known, p)
		}
	}
	for _, add := range []func(*fiber.Ctx, caller, models.Contact, *dashboard.Contact) error{s.addNames, s.addTrade, s.addOptOuts, s.addErasure} {
		if err := add(c, who, contact, &view); err != nil {
			return err
		}
	}
	status := http.StatusOK
	if wrong != nil {
		status, view.Wrong = wrong.Status, sentence(wrong)
	}
	return s.render(c, status, view)
}

// addNames adds what the contact is found by, and how that came.
func (s *Server) addNames(c *fiber.Ctx, who caller, contact models.Contact, view *dashboard.Contact) error {
	names, err := s.store.ContactNames(c.UserContext(), who.Business, contact.ID)
	if err != nil {
		return err
	}
	for _, n := range names {
		view.Names = append(view.Names, dashboard.Pair{Key: nameKinds[n.Kind], Value: n.Value, Plain: true})
	}
	changes, err := s.store.ContactChanges(c.UserContext(), who.Business, contact.ID, contactItems)
	for _, e := range changes {
		view.Changes = append(view.Changes, changeSteps(e, s.now())...)
	}
	return err
}

// nameKinds are the names of a contact, for people.
var nameKinds = map[string]string{"name": "Name", "username": "Username", "wa_id": "Phone", "user_id": "User id", "parent_user_id": "Parent user id"}

// changeSteps are what an event says of the names of a contact, one step for each that changed.
func changeSteps(e models.Event, now time.Time) (steps []dashboard.Step) {
	var d event.Data
	var previous map[string]json.RawMessage
	if json.Unmarshal(e.Data, &d) != nil || json.Unmarshal(d.Previous, &previous) != nil || d.Contact == nil {
		return nil
	}
	at := dashboard.NewWhen(e.CreatedAt, now)
	is := map[string]string{"name": d.Contact.Name, "username": d.Contact.Username, "wa_id": d.Contact.WaID, "user_id": d.Contact.UserID, "parent_user_id": d.Contact.ParentUserID}
	for _, kind := range []string{"name", "username", "wa_id", "user_id", "parent_user_id"} {
		raw, changed := previous[kind]
		if !changed || plainText(raw) == "" && is[kind] == "" {
			continue
		}
		step := dashboard.Step{Title: nameKinds[kind] + " changed", At: at, Note: isolated(plainText(raw)) + " → " + isolated(is[kind])}
		if was := plainText(raw); was == "" {
			step.Title, step.Note = nameKinds[kind]+" became known", isolated(is[kind])
		}
		steps = append(steps, step)
	}
	if _, merged := previous["merged_contact_ids"]; merged {
		steps = append(steps, dashboard.Step{Tone: "wait", Title: "Two contacts proved to be one", At: at, Note: "What belonged to the other is this contact's now."})
	}
	return steps
}

// isolated is what somebody wrote within a sentence of ours: neither turns the other round.
func isolated(text string) string {
	const isolate, pop = "\u2068", "\u2069"
	return isolate + firstRunes(cmp.Or(text, "none"), maxAbout) + pop
}

// addTrade adds the conversations and orders.
func (s *Server) addTrade(c *fiber.Ctx, who caller, contact models.Contact, view *dashboard.Contact) error {
	ctx := c.UserContext()
	rows, _, err := s.store.Inbox(ctx, who.Business, models.InboxFilter{Contacts: []int64{contact.ID}, Limit: contactItems})
	if err != nil {
		return err
	}
	numbers, err := s.store.Numbers(ctx, who.Business)
	if err != nil {
		return err
	}
	if view.Conversations, err = s.conversationItems(ctx, rows, numbers); err != nil {
		return err
	}
	for i, r := range rows { // whose they are is clear here
		view.Conversations[i].Name, view.Conversations[i].Phone, view.Conversations[i].Number = "With "+numberName(numbers, r.NumberID), "", ""
	}
	orders, err := s.store.ListOrders(ctx, who.Business, models.OrderFilter{Contact: contact.ID, Limit: contactItems})
	for _, o := range orders {
		item := s.orderItem(o, contact)
		item.Customer = ""
		view.Orders = append(view.Orders, item)
	}
	return err
}

// optOutsOf are the names under which a contact wants no broadcasts.
func (s *Server) optOutsOf(c *fiber.Ctx, who caller, contact models.Contact) ([]models.OptOut, error) {
	if contact.WaID == "" && contact.UserID == "" {
		return nil, nil
	}
	return s.store.OptOuts(c.UserContext(), who.Business, models.OptOut{WaID: contact.WaID, UserID: contact.UserID}, 0, contactItems)
}

func (s *Server) addOptOuts(c *fiber.Ctx, who caller, contact models.Contact, view *dashboard.Contact) error {
	outs, err := s.optOutsOf(c, who, contact)
	for _, o := range outs {
		view.OptOuts = append(view.OptOuts, dashboard.OptOutItem{Name: cmp.Or(phoneText(o.WaID), o.UserID), Why: o.Why, Since: dashboard.NewWhen(o.Since, s.now())})
	}
	return err
}

// submitOptOut keeps that a contact wants no broadcasts, or forgets it.
func (s *Server) submitOptOut(c *fiber.Ctx, who caller) error {
	id, err := pathID(c, "id")
	if err != nil {
		return err
	}
	contact, err := s.store.ContactByID(c.UserContext(), who.Business, id)
	if err != nil {
		return err
	}
	told := noteOf(c.UserContext()).about("contact", contact.ID, "")
	out := models.OptOut{BusinessID: who.Business, WaID: contact.WaID, UserID: contact.UserID, Since: s.now(), Why: "entered by the business"}
	done := "opted-out"
	if c.FormValue("out") == "1" {
		_, err = s.store.AddOptOuts(c.UserContext(), out)
	} else {
		done = "opted-in"
		told.did("opt_out.deleted")
		_, err = s.store.RemoveOptOut(c.UserContext(), out)
	}
	if err != nil {
		return err
	}
	return back(c, contactPath(contact.ID), done)
}

// addErasure adds the way to erase the contact, or to the receipt.
func (s *Server) addErasure(c *fiber.Ctx, who caller, contact models.Contact, view *dashboard.Contact) error {
	e, err := s.store.ErasureOf(c.UserContext(), who.Business, contact.ID)
	switch {
	case err == nil:
		view.Erasure = erasurePath(e.ID)
		return nil
	case !errors.Is(err, models.ErrNotFound):
		return err
	}
	if view.IsOwner {
		view.Erase = &dashboard.Danger{Summary: "Erase this contact everywhere…", Button: "Erase everywhere", Action: contactPath(contact.ID) + "/erase", Word: eraseWord,
			Text: "Names, messages, files, what events told and what waits to be delivered or sent: all of it goes, and a receipt without personal data stays. This cannot be undone."}
	}
	return nil
}

func erasurePath(id int64) string { return "/erasures/" + strconv.FormatInt(id, 10) }

// submitErase begins to erase a contact, or goes on with it.
func (s *Server) submitErase(c *fiber.Ctx, who caller) error {
	id, err := pathID(c, "id")
	if err != nil {
		return err
	}
	if err := confirmed(c, eraseWord); err != nil {
		return s.showContact(c, who, err)
	}
	_, before := s.store.ErasureOf(c.UserContext(), who.Business, id)
	e, err := s.erase(c.UserContext(), who, id, pageBudget)
	if err != nil {
		return s.showContact(c, who, err)
	}
	noteOf(c.UserContext()).about("contact", e.ContactID, "")
	if before == nil { // it goes on
		noteOf(c.UserContext()).nothing()
	}
	return back(c, erasurePath(e.ID), "")
}

// erasers are the names of the users who may have asked for an erasure, by what the receipt says.
func (s *Server) erasers(c *fiber.Ctx, who caller) (map[string]string, error) {
	users, err := s.store.Users(c.UserContext(), who.Business)
	by := map[string]string{"key": "a program with a key"}
	for _, u := range users {
		by["user "+strconv.FormatInt(u.ID, 10)] = u.Called()
	}
	return by, err
}

func (s *Server) erasureItem(e models.Erasure, by map[string]string) dashboard.ErasureItem {
	item := dashboard.ErasureItem{Path: erasurePath(e.ID), Contact: e.ContactID, By: cmp.Or(by[e.RequestedBy], "somebody who has left"), Started: dashboard.NewWhen(e.StartedAt, s.now()),
		Status: dashboard.Badge{Tone: "good", Text: "erased"}}
	if e.ErasedAt.IsZero() {
		item.Status = dashboard.Badge{Tone: "wait", Text: "running"}
	}
	return item
}

func (s *Server) pageErasures(c *fiber.Ctx, who caller) error {
	before, err := cursor(c.Query("cursor"))
	if err != nil {
		return err
	}
	rows, err := s.store.Erasures(c.UserContext(), who.Business, before, itemsPerPage+1)
	if err != nil {
		return err
	}
	by, err := s.erasers(c, who)
	if err != nil {
		return err
	}
	rows, next := cut(rows, itemsPerPage, func(e models.Erasure) int64 { return e.ID })
	view := dashboard.Erasures{Shell: shell(who, "Erasures"), Above: []dashboard.Crumb{{Label: "Contacts", Path: "/contacts"}}, Pager: pagerOf("/erasures", nil, before > 0, next)}
	for _, e := range rows {
		view.Items = append(view.Items, s.erasureItem(e, by))
	}
	return s.render(c, http.StatusOK, view)
}

func (s *Server) pageErasure(c *fiber.Ctx, who caller) error {
	id, err := pathID(c, "id")
	if err != nil {
		return err
	}
	e, err := s.store.ErasureByID(c.UserContext(), who.Business, id)
	if err != nil {
		return err
	}
	by, err := s.erasers(c, who)
	if err != nil {
		return err
	}
	view := dashboard.Erasure{Shell: shell(who, "Erasure"), Item: s.erasureItem(e, by), Ended: dashboard.NewWhen(e.ErasedAt, s.now()), Counts: erasedCounts(e.Counts), Note: erasureNote,
		Above: []dashboard.Crumb{{Label: "Contacts", Path: "/contacts"}, {Label: "Erasures", Path: "/erasures"}}, Action: contactPath(e.ContactID) + "/erase"}
	if e.ErasedAt.IsZero() {
		view.Running = &dashboard.Progress{Label: "Erasing", Share: 100 * e.Share, Text: strconv.Itoa(int(100*e.Share)) + " %"}
	}
	return s.render(c, http.StatusOK, view)
}

// erasedKinds are the kinds of things that are erased and where they were, in the order of a receipt.
var erasedKinds = [...][3]string{
	{"contacts", "Contact", "name, number and ids in the list of contacts"}, {"identities", "Names that found them", "the index of numbers and ids"},
	{"conversations", "Conversations", "notes and labels"}, {"messages", "Messages", "the threads of the conversations"}, {"media", "Files", "pictures, voices and documents, and their links"},
	{"events", "Events", "the history of events"}, {"digests", "Summaries", "of conversations, for digest webhooks"}, {"deliveries", "Deliveries", "what was still owed to webhooks"},
	{"attempts", "Answers of receivers", "the history of deliveries"}, {"callbacks", "Callbacks", "what WhatsApp posted to the gateway"}, {"orders", "Orders", "texts, items and payments"},
	{"sends", "Messages to them", "the outbox; what was not sent is cancelled"}, {"recipients", "Broadcast recipients", "the lists of broadcasts"}, {"inspections", "Inspected requests", "the built-in inspectors"},
	{"queue", "Tasks", "the queue, which holds ids only"},
}

// erasedCounts are the lines of a receipt.
func erasedCounts(counts map[string]int64) (list []dashboard.ErasedCount) {
	for _, k := range erasedKinds {
		list = append(list, dashboard.ErasedCount{Label: k[1], Where: k[2], N: grouped(counts[k[0]])})
	}
	slices.SortStableFunc(list, func(a, b dashboard.ErasedCount) int { return cmp.Compare(zeroLast(a.N), zeroLast(b.N)) })
	return list
}

func zeroLast(n string) int {
	if n == "0" {
		return 1
	}
	return 0
}
