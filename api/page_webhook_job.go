package api

import (
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

// replayForm is what a person asks to be delivered again. Moments are in UTC, as inputs of the type datetime-local have them.
type replayForm struct{ since, until, status, event string }

// inputMoment is how such an input writes a moment.
const inputMoment = "2006-01-02T15:04"

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

// filter reads the form as a request to the API.
func (f replayForm) filter(s *Server) (models.JobFilter, error) {
	var events []string
	if f.event != "" {
		events = []string{f.event}
	}
	return s.replayFilter(utcMoment(f.since), utcMoment(f.until), f.status, events)
}

// utcMoment completes what an input wrote; what it did not write stays as it is.
func utcMoment(text string) string {
	for _, layout := range []string{inputMoment, inputMoment + ":05"} {
		if t, err := time.Parse(layout, text); err == nil {
			return t.Format(time.RFC3339)
		}
	}
	return text
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
	ctx := c.UserContext()
	view := dashboard.WebhookReplay{Shell: shell(who, "Replay of "+w.Name)}
	var err error
	if view.WebhookHead, err = s.webhookHead(ctx, who, w, "replay"); err != nil {
		return err
	}
	view.Here = view.Item.Path("replay")
	if f.since != "" && wrong == nil {
		view.Count, wrong = s.countReplay(c, w, f)
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
	view.Fields = f.fields(e)
	for _, r := range []struct {
		label string
		back  time.Duration
	}{{"Last hour", time.Hour}, {"Last 24 hours", 24 * time.Hour}, {"Last 7 days", 7 * 24 * time.Hour}} {
		one := replayForm{since: s.now().UTC().Add(-r.back).Format(inputMoment), status: f.status, event: f.event}
		view.Ranges = append(view.Ranges, dashboard.Tab{Label: r.label, Path: view.Here + "?" + one.values().Encode()})
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
		view.Jobs = append(view.Jobs, jobItem(j, w.RateLimit, s.now()))
	}
	older := ""
	if len(jobs) == jobsShown {
		older = strconv.FormatInt(jobs[jobsShown-1].ID, 10)
	}
	view.Pager = pagerOf(view.Here, f.values(), before > 0, older)
	return s.render(c, status, view)
}

// fields are the inputs of the form, with what is wrong beside one of them.
func (f replayForm) fields(wrong *Error) []dashboard.Field {
	fields := []dashboard.Field{
		{Name: "since", Label: "From (UTC)", Type: "datetime-local", Value: f.since, Required: true},
		{Name: "until", Label: "Until (UTC)", Type: "datetime-local", Value: f.until, Hint: "Blank: until now."},
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
func (s *Server) countReplay(c *fiber.Ctx, w models.Webhook, f replayForm) (*dashboard.ReplayCount, error) {
	filter, err := f.filter(s)
	if err != nil {
		return nil, err
	}
	n, err := s.store.CountJob(c.UserContext(), w.ID, models.Replay, filter)
	if err != nil {
		return nil, err
	}
	count := &dashboard.ReplayCount{N: plural(n.N, "delivery", "deliveries"), None: n.N == 0, TooMany: n.N > models.MaxJob, Oldest: dashboard.NewWhen(n.Oldest, s.now()),
		Newest: dashboard.NewWhen(n.Newest, s.now()), Estimate: paceText(n.N, w.RateLimit)}
	for name, values := range f.values() {
		count.Hidden = append(count.Hidden, dashboard.Choice{Label: name, Value: values[0]})
	}
	return count, nil
}

func (s *Server) submitReplay(c *fiber.Ctx, who caller) error {
	w, err := s.webhookOf(c, who)
	if err != nil {
		return err
	}
	f := readReplay(c.FormValue)
	filter, err := f.filter(s)
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
	id, err := pathID(c, "id")
	if err != nil {
		return err
	}
	job, err := pathID(c, "job")
	if err != nil {
		return err
	}
	if _, err := s.store.CancelJob(c.UserContext(), who.Business, job); err != nil {
		return err
	}
	s.refresh(c.UserContext())
	return back(c, webhookPath(id), "cancelled")
}
