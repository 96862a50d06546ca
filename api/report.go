package api

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/gofiber/fiber/v2"

	"wabagate/fanout/event"
	"wabagate/models"
)

func (s *Server) registerReports(r fiber.Router) {
	r.Get("/numbers/:id<int>/report", s.client(s.handleReport))
}

// Report is what became of a number's traffic in one day, for people and their programs.
type Report struct {
	Number numberJSON `json:"number"`
	Day    string     `json:"day"` // UTC, such as 2026-11-20
	// Complete says that the day is over, everything is counted, and every message has had its time.
	Complete     bool        `json:"complete"`
	CountedUntil *event.Time `json:"counted_until"` // up to when the traffic is counted; null: not at all yet
	Traffic      traffic     `json:"traffic"`
	Sends        sendCounts  `json:"sends"`
	Unreported   int64       `json:"unreported"` // of the accepted ones those without any status, whose time is over
	Awaited      int64       `json:"awaited"`    // of the accepted ones those without any status whose time is not over
	Parked       int64       `json:"parked"`     // callbacks that are kept for this number and wait to be processed
	Silences     []silence   `json:"silences"`
	Holes        []hole      `json:"holes"` // at most 100, the newest first
}

// traffic is what came and what was made of it.
type traffic struct {
	Callbacks int64 `json:"callbacks"` // of the platform's that told something new
	Events    int64 `json:"events"`
	Received  int64 `json:"received"` // messages of customers
	Sent      int64 `json:"sent"`     // messages of the business, whoever sent them
}

// sendCounts are of messages that were sent through the gateway.
type sendCounts struct {
	Accepted  int64            `json:"accepted"`
	Statuses  map[string]int64 `json:"statuses"` // of the accepted ones, by their status of now; "none": without any
	Failed    int64            `json:"failed"`   // not accepted, for good
	Failures  map[string]int64 `json:"failures"` // the same by the code of the platform's error; "other": without one
	Cancelled int64            `json:"cancelled"`
}

type silence struct {
	Since event.Time  `json:"since"` // the last callback before it
	Found event.Time  `json:"found_at"`
	Until *event.Time `json:"until"` // null: it goes on
}

type hole struct {
	ConversationID int64      `json:"conversation_id"`
	First          int64      `json:"first_missing"`
	Last           int64      `json:"last_missing"`
	NextAt         event.Time `json:"next_at"` // of the event after them
}

// UnreportedMessage is a message that the platform accepted and of which no status came.
type UnreportedMessage struct {
	ID          string     `json:"id"` // snd_ and a number
	MessageID   string     `json:"message_id"`
	Recipient   string     `json:"recipient"`
	Type        string     `json:"type"`
	SentBy      string     `json:"sent_by"`
	BroadcastID int64      `json:"broadcast_id,omitempty"`
	AcceptedAt  event.Time `json:"accepted_at"`
}

// ReportView is a report as it is shown; now and after say which messages have had their time.
func ReportView(n models.Number, r models.DayReport, parked int64, now time.Time, after time.Duration) Report {
	v := Report{Number: numberView(n), Day: r.From.Format(time.DateOnly), CountedUntil: timeView(r.CountedUntil),
		Complete:   !r.CountedUntil.Before(r.To) && !now.Add(-after).Before(r.To),
		Traffic:    traffic{Callbacks: r.Callbacks, Events: r.Events, Received: r.Received, Sent: r.Sent},
		Sends:      sendCounts{Accepted: r.Accepted, Statuses: renamed(r.Statuses, "none"), Failed: r.Failed, Failures: renamed(r.Failures, "other"), Cancelled: r.Cancelled},
		Unreported: r.Unreported, Awaited: r.Awaited, Parked: parked,
		Silences: views(r.Silences, func(s models.Silence) silence {
			return silence{Since: event.Time{Time: s.Since}, Found: event.Time{Time: s.FoundAt}, Until: timeView(s.Until)}
		}),
		Holes: views(r.Holes, func(h models.SequenceHole) hole {
			return hole{ConversationID: h.ConversationID, First: h.First, Last: h.Last, NextAt: event.Time{Time: h.NextAt}}
		})}
	return v
}

// renamed are counts in which what has no name is called something.
func renamed(counts map[string]int64, unnamed string) map[string]int64 {
	named := make(map[string]int64, len(counts))
	for name, n := range counts {
		if name == "" {
			name = unnamed
		}
		named[name] = n
	}
	return named
}

// UnreportedView is a message without a status as it is shown.
func UnreportedView(m models.Unreported) UnreportedMessage {
	return UnreportedMessage{ID: "snd_" + strconv.FormatInt(m.SendID, 10), MessageID: m.Wamid, Recipient: m.Recipient, Type: m.Type, SentBy: m.SentBy,
		BroadcastID: m.BroadcastID, AcceptedAt: event.Time{Time: m.AcceptedAt}}
}

// reportPage is a page of a report: the report itself is on the first only.
type reportPage struct {
	*Report
	Messages []UnreportedMessage `json:"messages"` // without any status, the oldest first
	Next     string              `json:"next_cursor,omitempty"`
}

// handleReport makes the report of a number's day, with the first messages without a status; with a cursor only those after
// it.
func (s *Server) handleReport(c *fiber.Ctx, who caller) error {
	id, err := pathID(c, "id")
	if err != nil {
		return err
	}
	now := s.now()
	day, err := reportDay(c.Query("day"), now)
	if err != nil {
		return err
	}
	after, err := parseUnreportedCursor(c.Query("cursor"))
	if err != nil {
		return err
	}
	limit, err := number("limit", c.Query("limit"), listPage, 1, maxListPage)
	if err != nil {
		return err
	}
	ns, err := s.store.Numbers(c.UserContext(), who.Business)
	if err != nil {
		return err
	}
	i := slices.IndexFunc(ns, func(n models.Number) bool { return n.ID == id })
	if i < 0 {
		return ofStatus(http.StatusNotFound)
	}
	var page reportPage
	if after.SendID == 0 {
		r, err := s.makeReport(c.UserContext(), ns[i], day, now)
		if err != nil {
			return err
		}
		page.Report = &r
	}
	messages, err := s.store.Unreported(c.UserContext(), UnreportedOf(id, day, after, limit, now.Add(-s.unreportedAfter)))
	if err != nil {
		return err
	}
	page.Messages = views(messages, UnreportedView)
	if len(messages) == limit {
		last := messages[limit-1]
		page.Next = writeUnreportedCursor(models.UnreportedPlace{At: last.AcceptedAt, SendID: last.SendID})
	}
	return reply(c, http.StatusOK, page)
}

func (s *Server) makeReport(ctx context.Context, n models.Number, day, now time.Time) (Report, error) {
	r, err := s.store.Report(ctx, n.ID, day, now.Add(-s.unreportedAfter))
	if err != nil {
		return Report{}, err
	}
	parked, err := s.store.ParkedFor(ctx, n.PhoneNumberID)
	return ReportView(n, r, parked.Callbacks, now, s.unreportedAfter), err
}

// UnreportedOf asks for the messages without a status of a number's day that were accepted before a moment, because those
// after it may still get one.
func UnreportedOf(numberID int64, day time.Time, after models.UnreportedPlace, limit int, before time.Time) models.UnreportedFilter {
	from := day.UTC().Truncate(24 * time.Hour)
	to := from.Add(24 * time.Hour)
	if before.Before(to) {
		to = before
	}
	return models.UnreportedFilter{NumberID: numberID, From: from, To: to, After: after, Limit: limit}
}

// reportDay reads a day (UTC); without one it is today.
func reportDay(text string, now time.Time) (time.Time, error) {
	if text == "" {
		return now, nil
	}
	day, err := time.Parse(time.DateOnly, text)
	if err != nil || day.Year() < 2026 || day.Year() > maxYear {
		return day, invalid("day", codeInvalid, "must be a day (UTC) such as %s", now.UTC().Format(time.DateOnly))
	}
	if day.After(now) {
		return day, invalid("day", codeInvalid, "has not come yet")
	}
	return day, nil
}

// writeUnreportedCursor gives a place in the list of messages without a status its public form.
func writeUnreportedCursor(p models.UnreportedPlace) string {
	return fmt.Sprintf("%d.%d", p.At.UnixMicro(), p.SendID)
}

// parseUnreportedCursor reads what writeUnreportedCursor wrote; empty is the beginning.
func parseUnreportedCursor(text string) (models.UnreportedPlace, error) {
	if text == "" {
		return models.UnreportedPlace{}, nil
	}
	first, second, two := strings.Cut(text, ".")
	at, err1 := strconv.ParseInt(first, 10, 64)
	id, err2 := strconv.ParseInt(second, 10, 64)
	if !two || err1 != nil || err2 != nil || at <= 0 || id <= 0 {
		return models.UnreportedPlace{}, invalid("cursor", codeInvalid, "is not one that a list gave out")
	}
	return models.UnreportedPlace{At: time.UnixMicro(at).UTC(), SendID: id}, nil
}
