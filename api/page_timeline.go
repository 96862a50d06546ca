package api

import (
	"cmp"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"time"

	"github.com/gofiber/fiber/v2"

	"wabagate/api/dashboard"
	"wabagate/fanout/event"
	"wabagate/models"
)

func (s *Server) pageTimeline(c *fiber.Ctx, who caller) error {
	wamid, t, err := s.timeline(c, who)
	if err != nil {
		return err
	}
	now := s.now()
	name := func(id int64) string { return s.knownWebhook(who.Business, id).Name }
	view := dashboard.Timeline{Shell: shell(who, "Message"), Above: []dashboard.Crumb{{Label: "Messages", Path: "/messages"}}, Wamid: wamid, Cut: t.Cut,
		Reports: reports(t.Events, now), Counts: timelineCounts(t), Steps: timelineSteps(timelineView(wamid, t), t.Events, name, now)}
	for _, d := range t.Deliveries {
		view.Refresh = view.Refresh || d.Row.State == models.Pending && d.Row.DueAt.Sub(now) < time.Minute
	}
	if m := t.Message; m != nil {
		view.Known, view.Kind, view.Text, view.Actor = true, cmp.Or(m.Type, "unknown"), firstRunes(m.Text, maxAbout), senderText(m.SentBy)
		view.Direction = "Message that you sent"
		if m.Inbound {
			view.Direction, view.Actor = "Message of a customer", "a customer"
		}
		view.Sent, view.Status = dashboard.NewWhen(m.SentAt, now), statusBadge(m.Status)
		view.WasEdited, view.Edited = !m.EditedAt.IsZero(), dashboard.NewWhen(m.EditedAt, now)
		view.WasDeleted, view.Deleted = !m.DeletedAt.IsZero(), dashboard.NewWhen(m.DeletedAt, now)
	}
	if id, data := conversationIn(t); id != 0 {
		view.Links = []dashboard.Link{conversationLink(id, data)}
	}
	return s.render(c, http.StatusOK, view)
}

// conversationIn is the conversation of a timeline's message, and what the newest event says of it.
func conversationIn(t models.Timeline) (id int64, data []byte) {
	if t.Message != nil {
		id = t.Message.ConversationID
	}
	for _, e := range t.Events {
		if e.ConversationID != 0 {
			id, data = cmp.Or(id, e.ConversationID), e.Data
		}
	}
	return id, data
}

// senderText says in a sentence who sent a message.
func senderText(by string) string {
	return cmp.Or(map[string]string{"agent": "an agent", "system": "the system", "api": "a program, through the API", "app": "somebody on the phone", "broadcast": "a broadcast",
		"ai": "the AI"}[by], by)
}

// statusBadge colours the status of a message.
func statusBadge(status string) dashboard.Badge {
	b := dashboard.Badge{Text: status}
	switch status {
	case "delivered", "read", "played":
		b.Tone = "good"
	case "failed":
		b.Tone = "bad"
	}
	return b
}

// reports are the statuses that upstream reported of a message, each the first time, by the upstream clock.
func reports(events []models.Event, now time.Time) []dashboard.Report {
	var list []dashboard.Report
	seen := map[string]bool{}
	for _, e := range events {
		var d event.Data
		if json.Unmarshal(e.Data, &d) != nil || d.Status == nil || seen[d.Status.Status] {
			continue
		}
		seen[d.Status.Status] = true
		list = append(list, dashboard.Report{Badge: statusBadge(d.Status.Status), At: dashboard.NewWhen(d.Status.Timestamp.Time, now), Note: troubleText(d.Status)})
	}
	slices.SortStableFunc(list, func(a, b dashboard.Report) int { return a.At.At.Compare(b.At.At) })
	return list
}

// troubleText is why a message failed, with what to do; empty for one that did not.
func troubleText(st *event.Status) string {
	if st == nil || len(st.Errors) == 0 {
		return ""
	}
	e := st.Errors[0]
	text := failureText(e)
	if e.Advice != "" {
		text += " – " + e.Advice
	}
	return firstRunes(text, maxFailure)
}

// maxFailure is the longest explanation of a failure, in characters.
const maxFailure = 500

// timelineCounts sums up what a timeline shows.
func timelineCounts(t models.Timeline) []dashboard.Stat {
	var done, owed, failed int64
	for _, d := range t.Deliveries {
		switch d.Row.State {
		case models.Succeeded:
			done++
		case models.Failed:
			failed++
		case models.Pending, models.Held:
			owed++
		case models.Skipped:
		}
	}
	stat := func(label string, n int64) dashboard.Stat { return dashboard.Stat{Label: label, Value: grouped(n)} }
	counts := []dashboard.Stat{stat("Callbacks", int64(len(t.Callbacks))), stat("Events", int64(len(t.Events))), stat("Delivered", done)}
	if owed > 0 {
		counts = append(counts, stat("Waiting", owed))
	}
	if failed > 0 {
		counts = append(counts, dashboard.Stat{Label: "Failed", Value: grouped(failed), Bad: true})
	}
	return counts
}

// timelineSteps tells a timeline in words, with the attempts that are planned at its end. name is that of a webhook.
func timelineSteps(v timelineJSON, events []models.Event, name func(int64) string, now time.Time) []dashboard.Step {
	byID := make(map[string]models.Event, len(events))
	for _, e := range events {
		byID[event.Key(e.Key).EventID()] = e
	}
	var steps, planned []dashboard.Step
	for _, one := range v.Steps {
		var step dashboard.Step
		switch {
		case one.Callback != nil:
			step = dashboard.Step{Title: "Callback received", Note: bytesText(int(one.Callback.Size)) + " from WhatsApp"}
		case one.Event != nil:
			step = eventStep(byID[one.Event.ID])
		case one.Delivery != nil:
			d := one.Delivery
			step = dashboard.Step{Tone: deliveryTone(d.Status), Title: "Delivery to", Who: name(d.WebhookID), Status: d.Status, Path: "/deliveries/" + d.ID}
			if d.NextAttemptAt != nil && d.NextAttemptAt.After(now) {
				planned = append(planned, dashboard.Step{Tone: "wait", Title: fmt.Sprintf("Attempt %d is planned at", d.Attempts+1), Who: name(d.WebhookID), Path: "/deliveries/" + d.ID,
					At: dashboard.NewWhen(d.NextAttemptAt.Time, now)})
			}
		case one.Attempt != nil:
			a := one.Attempt
			step = attemptStep(models.Attempt{N: a.N, StartedAt: a.StartedAt.Time, Duration: time.Duration(a.LatencyMS) * time.Millisecond, Status: a.StatusCode, Outcome: a.Outcome,
				Reason: a.Reason, Answer: a.Answer}, false, now)
			step.Title, step.Who, step.Path = fmt.Sprintf("Attempt %d at", a.N), name(a.WebhookID), "/deliveries/"+a.DeliveryID
		}
		step.At = dashboard.NewWhen(one.At.Time, now)
		if len(steps) > 0 {
			step.After = "+" + latencyText(max(one.At.Sub(steps[0].At.At), time.Microsecond))
		}
		steps = append(steps, step)
	}
	return append(steps, planned...)
}

// eventStep tells of an event: what it is, and of a report what it says.
func eventStep(e models.Event) dashboard.Step {
	step := dashboard.Step{Title: "Event " + e.Type, Path: "/events/" + event.Key(e.Key).EventID()}
	var d event.Data
	if json.Unmarshal(e.Data, &d) != nil {
		return step
	}
	if d.Status != nil {
		step.Title += ": " + d.Status.Status
		step.Tone, step.Note = statusBadge(d.Status.Status).Tone, troubleText(d.Status)
	}
	return step
}

func deliveryTone(status string) string {
	switch status {
	case "succeeded":
		return "good"
	case "failed":
		return "bad"
	case "skipped":
		return ""
	}
	return "wait"
}
