package api

import (
	"net/http"
	"strconv"
	"strings"

	"github.com/gofiber/fiber/v2"

	"wabagate/fanout/event"
	"wabagate/models"
)

func (s *Server) registerContacts(r fiber.Router) {
	r.Get("/contacts", s.client(s.handleContactList))
	r.Get("/contacts/:id<int>", s.client(s.handleContactGet))
}

// The sizes of pages of contacts, conversations, messages, orders and broadcasts. One more than a page is read, and the
// store gives at most 200 rows.
const (
	listPage    = 50
	maxListPage = 100
	mostRows    = 200
)

// contactJSON is one person under every name that is known.
type contactJSON struct {
	ID           int64       `json:"id"`
	Name         string      `json:"name"`
	WaID         string      `json:"wa_id"`
	UserID       string      `json:"user_id"`
	ParentUserID string      `json:"parent_user_id"`
	Username     string      `json:"username"`
	UpdatedAt    *event.Time `json:"updated_at"` // upstream clock; null: never since it was made
}

func contactView(c models.Contact) contactJSON {
	return contactJSON{ID: c.ID, Name: c.Name, WaID: c.WaID, UserID: c.UserID, ParentUserID: c.ParentUserID, Username: c.Username, UpdatedAt: timeView(c.ProfileAt)}
}

// page reads which part of a list, newest first, is asked for: what is older than the cursor. query reads one parameter.
func page(query func(key string, defaults ...string) string) (before int64, limit int, err error) {
	if before, err = cursor(query("cursor")); err != nil {
		return 0, 0, err
	}
	limit, err = number("limit", query("limit"), listPage, 1, maxListPage)
	return before, limit, err
}

// cut shortens a list that was read one longer than a page, and gives the cursor of the next page; empty on the last.
func cut[T any](rows []T, limit int, id func(T) int64) (list []T, next string) {
	if len(rows) <= limit {
		return rows, ""
	}
	return rows[:limit], strconv.FormatInt(id(rows[limit-1]), 10)
}

// views shows every row of a list; an empty list is [] and not null.
func views[T, V any](rows []T, view func(T) V) []V {
	list := make([]V, len(rows))
	for i, r := range rows {
		list[i] = view(r)
	}
	return list
}

// contacts are the page of contacts that a request asks for, what it searches, and the cursor of the next page.
func (s *Server) contacts(c *fiber.Ctx, who caller) (rows []models.Contact, search, next string, err error) {
	before, limit, err := page(c.Query)
	if err != nil {
		return nil, "", "", err
	}
	search = strings.TrimSpace(strings.Clone(c.Query("search")))
	if err := checkText("search", search, false, maxName); err != nil {
		return nil, search, "", err
	}
	rows, err = s.store.Contacts(c.UserContext(), who.Business, models.ContactFilter{Search: search, Before: before, Limit: limit + 1})
	rows, next = cut(rows, limit, func(c models.Contact) int64 { return c.ID })
	return rows, search, next, err
}

// contactList is a page of contacts.
type contactList struct {
	Contacts []contactJSON `json:"contacts"`
	Next     string        `json:"next_cursor,omitempty"`
}

func (s *Server) handleContactList(c *fiber.Ctx, who caller) error {
	rows, _, next, err := s.contacts(c, who)
	if err != nil {
		return err
	}
	return reply(c, http.StatusOK, contactList{views(rows, contactView), next})
}

func (s *Server) handleContactGet(c *fiber.Ctx, who caller) error {
	id, err := pathID(c, "id")
	if err != nil {
		return err
	}
	contact, err := s.store.ContactByID(c.UserContext(), who.Business, id)
	if err != nil {
		return err
	}
	return reply(c, http.StatusOK, map[string]contactJSON{"contact": contactView(contact)})
}
