package api

import (
	"cmp"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/gofiber/fiber/v2"

	"wabagate/api/dashboard"
	"wabagate/models"
	"wabagate/waba"
)

func (s *Server) pageReport(c *fiber.Ctx, who caller) error {
	ctx, now := c.UserContext(), s.now()
	n, _, err := s.pathNumber(c, who)
	if err != nil {
		return err
	}
	at, err := reportDay(c.Query("day"), now)
	if err != nil {
		return err
	}
	after, err := parseUnreportedCursor(c.Query("cursor"))
	if err != nil {
		return err
	}
	r, err := s.makeReport(ctx, n, at, now)
	if err != nil {
		return err
	}
	messages, err := s.store.Unreported(ctx, UnreportedOf(n.ID, at, after, listPage, now.Add(-s.unreportedAfter)))
	if err != nil {
		return err
	}
	view := reportPageOf(r, now)
	view.Shell = shell(who, "Daily report")
	if view.Head, err = s.numberHead(ctx, who, n, "/report"); err != nil {
		return err
	}
	path := numberPath(n.ID) + "/report"
	if before := at.Add(-day); before.Year() >= 2026 {
		view.Before = path + "?day=" + before.UTC().Format(time.DateOnly)
	}
	if next := at.UTC().Truncate(day).Add(day); !next.After(now) {
		view.Next = path + "?day=" + next.Format(time.DateOnly)
	}
	for _, m := range messages {
		u := UnreportedView(m)
		view.Messages = append(view.Messages, dashboard.UnreportedItem{ID: u.ID, MessageID: u.MessageID, Recipient: u.Recipient, Type: u.Type, SentBy: u.SentBy, At: dashboard.NewWhen(m.AcceptedAt, now)})
	}
	older := ""
	if len(messages) == listPage {
		last := messages[listPage-1]
		older = writeUnreportedCursor(models.UnreportedPlace{At: last.AcceptedAt, SendID: last.SendID})
	}
	view.Pager = pagerOf(path, url.Values{"day": {r.Day}}, after.SendID != 0, older)
	return s.render(c, http.StatusOK, view)
}

// reportPageOf says a report in words.
func reportPageOf(r Report, now time.Time) dashboard.NumberReport {
	v := dashboard.NumberReport{Day: r.Day, Today: now.UTC().Format(time.DateOnly), Verdict: dashboard.Badge{Tone: "good", Text: "nothing is missing"}}
	if r.CountedUntil != nil {
		v.Counted = dashboard.NewWhen(r.CountedUntil.Time, now)
	}
	v.Summary = fmt.Sprintf("%s came in, and %s went out. ", capital(plural(r.Traffic.Received, "message of customers", "messages of customers"), ""), plural(r.Traffic.Sent, "message", "messages"))
	v.Summary += fmt.Sprintf("WhatsApp told of them in %s, which became %s.", plural(r.Traffic.Callbacks, "callback", "callbacks"), plural(r.Traffic.Events, "event", "events"))
	v.Cards = []dashboard.Stat{{Label: "Received", Value: grouped(r.Traffic.Received)}, {Label: "Sent", Value: grouped(r.Traffic.Sent)}, {Label: "Events", Value: grouped(r.Traffic.Events)},
		{Label: "Without any status", Value: grouped(r.Unreported), Bad: r.Unreported > 0}, {Label: "Refused", Value: grouped(r.Sends.Failed), Bad: r.Sends.Failed > 0}, {Label: "Kept back", Value: grouped(r.Parked), Bad: r.Parked > 0}}
	v.Findings = findings(r, now)
	switch {
	case slices.ContainsFunc(v.Findings, func(f dashboard.Finding) bool { return f.Badge.Tone == "bad" }):
		v.Verdict = dashboard.Badge{Tone: "bad", Text: "something is missing"}
	case !r.Complete:
		v.Verdict = dashboard.Badge{Tone: "wait", Text: "the day is not over"}
	}
	for _, name := range slices.Sorted(maps.Keys(r.Sends.Statuses)) {
		v.Statuses = append(v.Statuses, dashboard.Count{Name: name, Value: grouped(r.Sends.Statuses[name])})
	}
	codes := slices.SortedFunc(maps.Keys(r.Sends.Failures), func(a, b string) int {
		return cmp.Or(cmp.Compare(r.Sends.Failures[b], r.Sends.Failures[a]), strings.Compare(a, b))
	})
	for _, code := range codes {
		known, _ := waba.Explain(code)
		v.Failures = append(v.Failures, dashboard.Failed{Code: code, Count: grouped(r.Sends.Failures[code]), Advice: known.Advice})
	}
	return v
}

// findings are what is missing from a day, and what to do about it.
func findings(r Report, now time.Time) (found []dashboard.Finding) {
	bad, wait := dashboard.Badge{Tone: "bad", Text: "missing"}, dashboard.Badge{Tone: "wait", Text: "waiting"}
	add := func(b dashboard.Badge, title, text string) {
		found = append(found, dashboard.Finding{Badge: b, Title: title, Text: text})
	}
	for _, sil := range r.Silences {
		if sil.Until == nil {
			add(dashboard.Badge{Tone: "bad", Text: "silent"}, "Nothing has come since "+clockText(sil.Since.Time)+".", "See at Meta whether the callback address is this gateway's and messages are subscribed. Meta repeats what it could not deliver for up to seven days.")
			continue
		}
		add(dashboard.Badge{Tone: "wait", Text: "was silent"}, "Nothing came from "+clockText(sil.Since.Time)+" to "+clockText(sil.Until.Time)+".", "Callbacks come again. What customers wrote meanwhile is repeated by Meta for up to seven days.")
	}
	if r.Parked > 0 {
		add(wait, plural(r.Parked, "callback is", "callbacks are")+" kept for this number and not processed yet.", "They are processed by themselves; if the number stays, its operator finds the reason in the log.")
	}
	if r.Unreported > 0 {
		add(bad, plural(r.Unreported, "message was", "messages were")+" taken by WhatsApp, and no status ever came.", "They are listed below. Ask the customers, or send again where a double message does no harm.")
	}
	if r.Awaited > 0 {
		add(wait, plural(r.Awaited, "message waits", "messages wait")+" for the first status.", "It usually comes within seconds.")
	}
	for i, h := range r.Holes {
		if i == 5 {
			add(bad, plural(int64(len(r.Holes)-i), "more gap", "more gaps")+" in conversations.", "The API's report lists up to a hundred.")
			break
		}
		add(bad, fmt.Sprintf("Conversation %d lacks the events %d to %d.", h.ConversationID, h.First, h.Last), "The next came "+dashboard.NewWhen(h.NextAt.Time, now).Ago+". Tell the gateway's operator: this must not happen.")
	}
	return found
}

func clockText(at time.Time) string {
	return at.UTC().Format("15:04") + " UTC on " + at.UTC().Format("2 January")
}
