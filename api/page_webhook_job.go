package api

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/gofiber/fiber/v2"

	"wabagate/api/dashboard"
	"wabagate/models"
)

// jobItem shows a job of a webhook with a rate limit, as seen from now.
func jobItem(j models.Job, rate int, now time.Time) dashboard.WebhookJob {
	item := dashboard.WebhookJob{ID: j.ID, Title: "Catch-up", Running: j.State == models.JobRunning, Started: dashboard.NewWhen(j.CreatedAt, now), Note: jobNote(j, rate, now)}
	if j.Kind == models.Replay {
		item.Title = "Replay"
	}
	switch j.State {
	case models.JobDone:
		item.Tone = "good"
		if j.Failed > 0 {
			item.Tone = "wait"
		}
	case models.JobFailed:
		item.Tone = "bad"
	case models.JobRunning:
		item.Tone = "wait"
	}
	item.Progress = dashboard.Progress{Label: item.Title + " " + jobWord(j.State), Share: 100 * progress(j), Text: fmt.Sprintf("%s of %s", grouped(j.Released), grouped(max(j.Total, j.Released)))}
	return item
}

func jobWord(state models.JobState) string {
	switch state {
	case models.JobRunning:
		return "is running"
	case models.JobFailed:
		return "has failed"
	case models.JobCancelled:
		return "was cancelled"
	}
	return "is done"
}

// jobNote says what became of a job so far, and when the rest will have.
func jobNote(j models.Job, rate int, now time.Time) string {
	said := []string{grouped(j.Succeeded) + " delivered"}
	if j.Failed > 0 {
		said = append(said, grouped(j.Failed)+" failed")
	}
	if j.State == models.JobRunning {
		if left := jobLeft(j, rate, now); left > 0 {
			said = append(said, "about "+lengthText(left)+" left")
		}
	} else if j.Reason != "" {
		said = append(said, j.Reason)
	}
	return strings.Join(said, ", ") + "."
}

// jobLeft is how long a job will go on at the pace that it had, but no faster than the webhook's rate limit; 0: it cannot
// be told yet.
func jobLeft(j models.Job, rate int, now time.Time) time.Duration {
	rest := j.Total - j.Released
	if rest <= 0 {
		return 0
	}
	var left time.Duration
	if passed := now.Sub(j.CreatedAt); j.Released > 0 && passed > 0 {
		left = time.Duration(float64(passed) / float64(j.Released) * float64(rest))
	}
	if rate > 0 {
		left = max(left, time.Duration(rest)*time.Second/time.Duration(rate))
	}
	return left
}

// jobsShown is how many jobs a page lists.
const jobsShown = 10

// replayForm is what a person asks to be delivered again, in their words.
type replayForm struct{ since, until, status, event string }

func readReplay(value func(key string, defaults ...string) string) replayForm {
	text := func(name string) string { return strings.TrimSpace(strings.Clone(value(name))) }
	return replayForm{text("since"), text("until"), text("status"), text("event")}
}

// values are the form's fields that say something.
func (f replayForm) values() url.Values {
	q := url.Values{}
	for name, value := range map[string]string{"since": f.since, "until": f.until, "status": f.status, "event": f.event} {
		if value != "" {
			q.Set(name, value)
		}
	}
	return q
}

// filter reads the form as a request to the API. now has the zone of whoever filled it in.
func (f replayForm) filter(s *Server, now time.Time) (models.JobFilter, error) {
	since, err := spokenMoment("since", f.since, now)
	if err != nil {
		return models.JobFilter{}, err
	}
	until, err := spokenMoment("until", f.until, now)
	if err != nil {
		return models.JobFilter{}, err
	}
	var events []string
	if f.event != "" {
		events = []string{f.event}
	}
	return s.replayFilter(exactly(since), exactly(until), f.status, events)
}

// counted is the form with its moments as they were understood when it was counted: that is what begins, however long somebody
// thinks about it. An open end is the present.
func (f replayForm) counted(filter models.JobFilter, now time.Time) replayForm {
	f.since, f.until = exactly(filter.From), exactly(cmp.Or(filter.To, now))
	return f
}

// exactly writes a moment as the API takes it; empty for the zero time.
func exactly(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.UTC().Format(time.RFC3339Nano)
}

// replayLink leads to making deliveries of a webhook again, with what is known of which.
func replayLink(webhookID int64, f replayForm) string {
	return webhookPath(webhookID) + "/replay?" + f.values().Encode()
}

func (s *Server) pageReplay(c *fiber.Ctx, who caller) error {
	w, err := s.webhookOf(c, who)
	if err != nil {
		return err
	}
	return s.showReplay(c, who, w, readReplay(c.Query), nil)
}

// showReplay draws the form, what it chooses once it is filled in, and the jobs there were.
func (s *Server) showReplay(c *fiber.Ctx, who caller, w models.Webhook, f replayForm, wrong error) error {
	ctx, now := c.UserContext(), s.now().In(zoneOf(c))
	view := dashboard.WebhookReplay{Shell: shell(who, "Replay of "+w.Name), Hint: spokenHint, Zone: zoneText(now)}
	var err error
	if view.WebhookHead, err = s.webhookHead(ctx, who, w, "replay"); err != nil {
		return err
	}
	view.Here = view.Item.Path("replay")
	if f.since != "" && wrong == nil {
		view.Count, wrong = s.countReplay(ctx, w, f, now)
	}
	status := http.StatusOK
	var e *Error
	switch {
	case errors.As(wrong, &e):
		status = e.Status
		if e.Field == "" {
			view.Error = sentence(e)
		}
	case wrong != nil:
		return wrong
	}
	view.Fields = f.fields(e, now)
	for _, r := range []struct{ label, since string }{{"Last hour", "1 hour ago"}, {"Last 24 hours", "24 hours ago"}, {"Last 7 days", "7 days ago"}} {
		one := replayForm{since: r.since, status: f.status, event: f.event}
		view.Ranges = append(view.Ranges, dashboard.Tab{Label: r.label, Path: replayLink(w.ID, one), Current: f.since == r.since && f.until == ""})
	}
	before, err := cursor(c.Query("cursor"))
	if err != nil {
		return err
	}
	jobs, err := s.store.Jobs(ctx, w.BusinessID, w.ID, before, jobsShown)
	if err != nil {
		return err
	}
	for _, j := range jobs {
		view.Jobs = append(view.Jobs, withChoice(jobItem(j, w.RateLimit, now), j, now))
	}
	older := ""
	if len(jobs) == jobsShown {
		older = strconv.FormatInt(jobs[jobsShown-1].ID, 10)
	}
	view.Pager = pagerOf(view.Here, f.values(), before > 0, older)
	return s.render(c, status, view)
}

// fields are the inputs of the form, with what is wrong beside one of them.
func (f replayForm) fields(wrong *Error, now time.Time) []dashboard.Field {
	fields := []dashboard.Field{
		{Name: "since", Label: "From", Value: spokenAgain(f.since, now), Placeholder: "yesterday 9:30", Required: true, Max: maxSpoken},
		{Name: "until", Label: "Until", Value: spokenAgain(f.until, now), Placeholder: "now", Max: maxSpoken},
		{Name: "status", Label: "Which", Type: "select", Options: options(f.status, [2]string{"failed", "Failed"}, [2]string{"succeeded", "Succeeded"}, [2]string{"skipped", "Skipped"},
			[2]string{"held", "Held"}, [2]string{"any", "All that ended"})},
		{Name: "event", Label: "Event", Type: "select", Options: typeOptions(f.event)},
	}
	for i := range fields {
		if wrong != nil && (wrong.Field == fields[i].Name || wrong.Field == "events" && fields[i].Name == "event") {
			fields[i].Error = sentence(wrong)
		}
	}
	return fields
}

// countReplay says how much a replay would deliver.
func (s *Server) countReplay(ctx context.Context, w models.Webhook, f replayForm, now time.Time) (*dashboard.ReplayCount, error) {
	filter, err := f.filter(s, now)
	if err != nil {
		return nil, err
	}
	n, err := s.store.CountJob(ctx, w.ID, models.Replay, filter)
	if err != nil {
		return nil, err
	}
	count := &dashboard.ReplayCount{N: plural(n.N, "delivery", "deliveries"), None: n.N == 0, TooMany: n.N > models.MaxJob, Oldest: dashboard.NewWhen(n.Oldest, now),
		Newest: dashboard.NewWhen(n.Newest, now), What: choiceText(filter, now), Estimate: paceText(n.N, w.RateLimit)}
	for name, values := range f.counted(filter, now).values() {
		count.Hidden = append(count.Hidden, dashboard.Choice{Label: name, Value: values[0]})
	}
	return count, nil
}

// withChoice adds to a job which deliveries it took, and where they lead.
func withChoice(item dashboard.WebhookJob, j models.Job, now time.Time) dashboard.WebhookJob {
	if j.Kind == models.Replay {
		item.What, item.Again = choiceText(j.Filter, now), replayLink(j.WebhookID, formOfChoice(j.Filter))
	}
	if j.Failed > 0 {
		item.Failures = webhookPath(j.WebhookID) + "/deliveries?status=failed"
	}
	return item
}

// formOfChoice is the form that chooses the same again.
func formOfChoice(f models.JobFilter) replayForm {
	form := replayForm{since: exactly(f.From), until: exactly(f.To), status: "any", event: strings.Join(f.Types, ",")}
	if len(f.States) > 0 {
		form.status = statusOf(f.States[0], 0)
	}
	return form
}

// choiceText says in words which deliveries a replay takes.
func choiceText(f models.JobFilter, now time.Time) string {
	what := "All deliveries that ended"
	if len(f.States) > 0 {
		what = capital(statusOf(f.States[0], 0), "") + " deliveries"
	}
	switch n := len(f.Types); {
	case n > 3:
		what += fmt.Sprintf(" of %d types of events", n)
	case n > 0:
		what += " of " + strings.Join(f.Types, ", ")
	}
	what += " from " + spokenText(f.From, now)
	if !f.To.IsZero() {
		what += " to " + spokenText(f.To, now)
	}
	return what
}

func (s *Server) submitReplay(c *fiber.Ctx, who caller) error {
	w, err := s.webhookOf(c, who)
	if err != nil {
		return err
	}
	f := readReplay(c.FormValue)
	filter, err := f.filter(s, s.now().In(zoneOf(c)))
	if err == nil {
		_, err = s.replay(c.UserContext(), w, filter)
	}
	if err != nil {
		return s.showReplay(c, who, w, f, err)
	}
	return back(c, webhookPath(w.ID)+"/replay", "replaying")
}

// submitCatchUp says what becomes of what was held, and switches the webhook on.
func (s *Server) submitCatchUp(c *fiber.Ctx, who caller) error {
	w, err := s.webhookOf(c, who)
	if err != nil {
		return err
	}
	done := "catching-up"
	switch c.FormValue("from") {
	case "gap":
		_, err = s.catchUp(c.UserContext(), w)
	case "now":
		done = "from-now"
		_, err = s.fromNow(c.UserContext(), w)
	default:
		err = invalid("from", codeInvalid, "must be gap or now")
	}
	if err != nil {
		return err
	}
	return back(c, webhookPath(w.ID), done)
}

func (s *Server) submitJobCancel(c *fiber.Ctx, who caller) error {
	w, err := s.webhookOf(c, who)
	if err != nil {
		return err
	}
	id, err := pathID(c, "job")
	if err != nil {
		return err
	}
	j, err := s.store.JobByID(c.UserContext(), who.Business, id)
	if err == nil && j.WebhookID != w.ID {
		err = fmt.Errorf("job %d of webhook %d: %w", id, w.ID, models.ErrNotFound)
	}
	if err == nil {
		j, err = s.store.CancelJob(c.UserContext(), who.Business, id)
	}
	if err != nil {
		return err
	}
	s.refresh(c.UserContext())
	done := "cancelled"
	if j.State != models.JobCancelled {
		done = "job-over"
	}
	return back(c, webhookPath(w.ID), done)
}
