package api

import (
	"bytes"
	"context"
	"encoding/csv"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/gofiber/fiber/v2"

	"wabagate/api/dashboard"
	"wabagate/models"
)

func (s *Server) registerUsagePages(app *fiber.App) {
	app.Get("/usage", s.page(s.pageUsage))
	app.Get("/usage.csv", s.page(s.handleUsageTable))
}

// usageMonths are how many months the page compares.
const usageMonths = 6

func (s *Server) pageUsage(c *fiber.Ctx, who caller) error {
	ctx, now := c.UserContext(), s.now()
	month, err := usageMonth(c.Query("month"), now)
	if err != nil {
		return err
	}
	u, err := s.usage(ctx, who.Business, month)
	if err != nil {
		return err
	}
	names, err := s.numberNames(ctx, who.Business)
	if err != nil {
		return err
	}
	view := dashboard.UsageMonth{Shell: shell(who, "Usage"), Month: u.Month, InWords: month.Format("January 2006"), CSV: "/usage.csv?month=" + u.Month,
		Numbers: dashboard.UsageTable{Head: "Number"}, Months: dashboard.UsageTable{Head: "Month", Work: true}, Days: dashboard.UsageTable{Head: "Day", Work: true}}
	if before := month.AddDate(0, -1, 0); before.Year() >= 2026 {
		view.Before = "/usage?month=" + before.Format("2006-01")
	}
	if next := month.AddDate(0, 1, 0); !next.After(now) {
		view.Next = "/usage?month=" + next.Format("2006-01")
	}
	if u.CountedUntil != nil {
		view.Counted = dashboard.NewWhen(u.CountedUntil.Time, now)
	}
	t := u.Totals
	view.Cards = []dashboard.Stat{{Label: "Received", Value: grouped(t.Received)}, {Label: "Sent", Value: grouped(t.Sent)}, {Label: "Events", Value: grouped(t.Events)},
		{Label: "Deliveries", Value: grouped(t.Deliveries)}, {Label: "Attempts", Value: grouped(t.Attempts)}}
	messages, work := make([]dashboard.Bar, len(u.Days)), make([]dashboard.Bar, len(u.Days))
	for i, d := range u.Days {
		messages[i] = dashboard.Bar{Label: d.Day, Succeeded: d.Received, Open: d.Sent}
		work[i] = dashboard.Bar{Label: d.Day, Succeeded: d.Attempts}
		view.Days.Rows = append(view.Days.Rows, usageRow(d.Day, "", d.useJSON, d.deliveryUse))
	}
	slices.Reverse(view.Days.Rows)
	if t.Received+t.Sent > 0 {
		view.Messages = dashboard.NewChart("Messages per day", [3]string{"Received", "", "Sent"}, messages)
	}
	if t.Attempts > 0 {
		view.Work = dashboard.NewChart("Attempts to deliver per day", [3]string{"Attempts"}, work)
	}
	for _, n := range u.Numbers {
		view.Numbers.Rows = append(view.Numbers.Rows, usageRow(names[n.NumberID], numberPath(n.NumberID), n.useJSON, deliveryUse{}))
	}
	if view.Months.Rows, err = s.usageByMonth(ctx, who.Business, month); err != nil {
		return err
	}
	return s.render(c, http.StatusOK, view)
}

func (s *Server) numberNames(ctx context.Context, businessID int64) (map[int64]string, error) {
	ns, err := s.store.Numbers(ctx, businessID)
	names := make(map[int64]string, len(ns))
	for _, n := range ns {
		names[n.ID] = numberText(n)
	}
	return names, err
}

func usageRow(name, path string, u useJSON, d deliveryUse) dashboard.UsageRow {
	return dashboard.UsageRow{Name: name, Path: path, Received: grouped(u.Received), Sent: grouped(u.Sent), Events: grouped(u.Events), Deliveries: grouped(d.Deliveries), Attempts: grouped(d.Attempts)}
}

// usageByMonth adds up a month and those before it, the newest first.
func (s *Server) usageByMonth(ctx context.Context, businessID int64, month time.Time) ([]dashboard.UsageRow, error) {
	from := month.AddDate(0, 1-usageMonths, 0)
	days, _, err := s.store.Usage(ctx, businessID, from, month.AddDate(0, 1, 0))
	if err != nil {
		return nil, err
	}
	traffic, work := map[string]models.NumberUse{}, map[string]deliveryUse{}
	for _, d := range days {
		name := d.Day.Format("2006-01")
		sum, done := traffic[name], work[name]
		sum.Add(d.Traffic())
		traffic[name], work[name] = sum, deliveryUse{done.Deliveries + d.Deliveries, done.Attempts + d.Attempts}
	}
	var rows []dashboard.UsageRow
	for at := month; !at.Before(from) && at.Year() >= 2026; at = at.AddDate(0, -1, 0) {
		name := at.Format("2006-01")
		rows = append(rows, usageRow(name, "/usage?month="+name, useView(traffic[name]), work[name]))
	}
	return rows, nil
}

// handleUsageTable answers with a month as CSV: of each day a row for each number that had any traffic and one for all of them,
// which alone has deliveries and attempts.
func (s *Server) handleUsageTable(c *fiber.Ctx, who caller) error {
	month, err := usageMonth(c.Query("month"), s.now())
	if err != nil {
		return err
	}
	u, err := s.usage(c.UserContext(), who.Business, month)
	if err != nil {
		return err
	}
	names, err := s.numberNames(c.UserContext(), who.Business)
	if err != nil {
		return err
	}
	c.Set(fiber.HeaderContentType, "text/csv; charset=utf-8")
	c.Set(fiber.HeaderContentDisposition, `attachment; filename="usage-`+u.Month+`.csv"`)
	c.Set(fiber.HeaderCacheControl, "no-store")
	c.Set(fiber.HeaderXContentTypeOptions, "nosniff")
	return c.Send(usageTable(u, names))
}

func usageTable(u usageJSON, names map[int64]string) []byte {
	var b bytes.Buffer
	w := csv.NewWriter(&b)
	line := func(day, id, name string, use useJSON, deliveries, attempts string) {
		n := func(v int64) string { return strconv.FormatInt(v, 10) }
		_ = w.Write([]string{day, id, cell(name), n(use.Received), n(use.Sent), n(use.Events), n(use.Callbacks), deliveries, attempts}) // memory takes everything
	}
	_ = w.Write([]string{"day", "number_id", "number", "received", "sent", "events", "callbacks", "deliveries", "attempts"})
	for _, d := range u.Days {
		for _, n := range d.Numbers {
			line(d.Day, strconv.FormatInt(n.NumberID, 10), names[n.NumberID], n.useJSON, "", "")
		}
		line(d.Day, "", "all", d.useJSON, strconv.FormatInt(d.Deliveries, 10), strconv.FormatInt(d.Attempts, 10))
	}
	w.Flush()
	return b.Bytes()
}

// cell is a text that no spreadsheet takes for a formula.
func cell(text string) string {
	if text != "" && strings.ContainsRune("=+-@\t\r", rune(text[0])) {
		return "'" + text
	}
	return text
}
