package api

import (
	"bufio"
	"context"
	"encoding/csv"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/gofiber/fiber/v2"

	"wabagate/api/dashboard"
	"wabagate/models"
)

const (
	// exportTimeout bounds a download.
	exportTimeout = 10 * time.Minute
	// exportDays is the longest range of one.
	exportDays = 366
	// exportPage is how much of it is read at once.
	exportPage = 200
)

// pageForms lists what customers answered to forms.
func (s *Server) pageForms(c *fiber.Ctx, who caller) error {
	f, err := parseFormFilter(c.Query)
	if err != nil {
		return err
	}
	f.Limit = itemsPerPage
	rows, next, err := s.forms(c.UserContext(), who.Business, f)
	if err != nil {
		return err
	}
	view := dashboard.Forms{Shell: shell(who, "Forms"), Pager: pagerOf("/forms", nil, f.Before > 0, next), Export: exportOf("/forms.csv", s.now())}
	for _, e := range rows {
		v := formView(e)
		item := dashboard.FormItem{Name: formName(v.Name), Customer: v.customer(), At: dashboard.NewWhen(v.SubmittedAt.Time, s.now()), Erased: v.Erased}
		if v.ConversationID != 0 {
			item.Conversation = conversationPath(v.ConversationID)
		}
		for _, field := range v.fields() {
			value, rest := splitText(field.Value, bubbleText)
			item.Fields = append(item.Fields, dashboard.Pair{Key: firstRunes(field.Name, maxAbout), Value: value, Rest: rest})
		}
		view.Items = append(view.Items, item)
	}
	return s.render(c, http.StatusOK, view)
}

// formName is what a page calls a form.
func formName(name string) string {
	switch name {
	case "flow", "":
		return "Flow"
	case "address_message":
		return "Address"
	}
	return firstRunes(name, maxAbout)
}

// exportOf is the form of a download, of the last 30 days unless somebody says otherwise.
func exportOf(action string, now time.Time) dashboard.Export {
	return dashboard.Export{Action: action, From: now.UTC().AddDate(0, 0, -30).Format(time.DateOnly), To: now.UTC().Format(time.DateOnly)}
}

// exportRange reads the days of a download, the last one included. Both are days in UTC.
func exportRange(c *fiber.Ctx) (from, to time.Time, err error) {
	for name, at := range map[string]*time.Time{"from": &from, "to": &to} {
		if *at, err = time.Parse(time.DateOnly, c.Query(name)); err != nil || at.Year() < 1970 || at.Year() > maxYear {
			return from, to, invalid(name, codeInvalid, "must be a day such as 2026-11-21")
		}
	}
	to = to.AddDate(0, 0, 1)
	switch {
	case !from.Before(to):
		return from, to, invalid("to", codeInvalid, "must not be before from")
	case to.Sub(from) > exportDays*24*time.Hour:
		return from, to, invalid("to", codeInvalid, "must be at most a year after from: download it in parts")
	}
	return from, to, nil
}

// safeCell is a text that no spreadsheet takes for a formula.
func safeCell(text string) string {
	if text != "" && strings.ContainsRune("=+-@\t\r\n|", rune(text[0])) {
		return "'" + text
	}
	return text
}

// streamCSV answers with a table, as it is read. rows gives the next part of it, whose first is read before anything is
// answered, and is called until it gives none.
func (s *Server) streamCSV(c *fiber.Ctx, name string, head []string, rows func(ctx context.Context) ([][]string, error)) error {
	first, err := rows(c.UserContext())
	if err != nil {
		return err
	}
	c.Set(fiber.HeaderContentType, "text/csv; charset=utf-8")
	c.Set(fiber.HeaderContentDisposition, `attachment; filename="`+name+`"`)
	c.Set(fiber.HeaderXContentTypeOptions, "nosniff")
	c.Set(fiber.HeaderCacheControl, "no-store")
	ctx, cancel := context.WithTimeout(context.WithoutCancel(c.UserContext()), exportTimeout) // the body is written after the handler has returned
	c.Context().SetBodyStreamWriter(func(w *bufio.Writer) {
		defer cancel()
		_, _ = w.WriteString("\ufeff") // without it spreadsheets guess another encoding, and Arabic is lost
		out := csv.NewWriter(w)
		_ = out.Write(head) // out.Error tells
		for part := first; len(part) > 0; {
			for _, row := range part {
				for i := range row {
					row[i] = safeCell(row[i])
				}
				_ = out.Write(row)
			}
			out.Flush()
			if out.Error() != nil || w.Flush() != nil || s.isClosing() {
				return
			}
			var err error
			if part, err = rows(ctx); err != nil {
				s.log.Error("a download was cut short", "name", name, "error", err)
				_ = out.Write([]string{"This table is not complete: something went wrong. Download it again."})
				part = nil
			}
		}
		out.Flush()
	})
	return nil
}

func (s *Server) isClosing() bool {
	select {
	case <-s.closing:
		return true
	default:
		return false
	}
}

func (s *Server) exportOrders(c *fiber.Ctx, who caller) error {
	from, to, err := exportRange(c)
	if err != nil {
		return err
	}
	f, done := models.OrderFilter{From: from, To: to, Limit: exportPage}, false
	head := []string{"id", "reference", "created_at", "status", "payment_status", "total", "currency", "customer", "phone", "text", "items"}
	return s.streamCSV(c, "orders.csv", head, func(ctx context.Context) ([][]string, error) {
		if done {
			return nil, nil
		}
		orders, err := s.store.ListOrders(ctx, who.Business, f)
		if err != nil || len(orders) == 0 {
			return nil, err
		}
		done, f.Before = len(orders) < exportPage, orders[len(orders)-1].ID
		ids := make([]int64, len(orders))
		for i, o := range orders {
			ids[i] = o.ConversationID
		}
		threads, err := s.store.ConversationsOf(ctx, who.Business, ids)
		rows := make([][]string, len(orders))
		for i, o := range orders {
			contact := threads[o.ConversationID].Contact
			rows[i] = []string{strconv.FormatInt(o.ID, 10), o.Reference, o.CreatedAt.UTC().Format(time.RFC3339), o.Status, o.PaymentStatus,
				strconv.FormatFloat(o.Total, 'f', decimalsOf(o.Currency), 64), o.Currency, contact.Name, contact.WaID, o.Text, string(o.Items)}
		}
		return rows, err
	})
}

// exportForms gives one row for each field: forms have fields of their own.
func (s *Server) exportForms(c *fiber.Ctx, who caller) error {
	from, to, err := exportRange(c)
	if err != nil {
		return err
	}
	f, done := models.FormFilter{From: from, To: to, Limit: exportPage}, false
	head := []string{"submitted_at", "event", "form", "customer", "phone", "message_id", "flow_token", "field", "value"}
	return s.streamCSV(c, "forms.csv", head, func(ctx context.Context) (rows [][]string, err error) {
		for len(rows) == 0 && !done {
			events, err := s.store.Forms(ctx, who.Business, f)
			if err != nil {
				return nil, err
			}
			if done = len(events) < exportPage; len(events) > 0 {
				f.Before = events[len(events)-1].ID
			}
			for _, e := range events {
				v := formView(e)
				phone := ""
				if v.Contact != nil {
					phone = v.Contact.WaID
				}
				for _, field := range v.fields() {
					rows = append(rows, []string{v.SubmittedAt.UTC().Format(time.RFC3339), v.ID, v.Name, v.customer(), phone, v.MessageID, v.FlowToken, field.Name, field.Value})
				}
			}
		}
		return rows, nil
	})
}
