package api

import (
	"context"
	"errors"
	"fmt"
	"math"
	"net/http"
	"strconv"
	"time"

	"github.com/gofiber/fiber/v2"

	"wabagate/fanout/event"
	"wabagate/models"
)

func (s *Server) registerJobs(r fiber.Router) {
	r.Post("/webhooks/:id<int>/catch-up", s.client(s.handleCatchUp))
	r.Post("/webhooks/:id<int>/replay", s.client(s.handleReplay))
	r.Get("/webhooks/:id<int>/jobs", s.client(s.handleJobList))
	r.Get("/jobs", s.client(s.handleJobList))
	r.Get("/jobs/:id<int>", s.client(s.handleJobGet))
	r.Post("/jobs/:id<int>/cancel", s.client(s.handleJobCancel))
}

// jobJSON is a job as lists show it.
type jobJSON struct {
	ID        int64  `json:"id"`
	WebhookID int64  `json:"webhook_id"`
	Kind      string `json:"kind"`  // catch_up or replay
	State     string `json:"state"` // running, done, cancelled or failed
	// Total is what was counted when the job began. A catch-up also delivers what comes while it runs.
	Total      int64       `json:"total"`
	Released   int64       `json:"released"` // handed out so far
	Successful int64       `json:"successful"`
	Failed     int64       `json:"failed"`   // of which no attempt is left
	Progress   float64     `json:"progress"` // from 0 to 1
	CreatedAt  event.Time  `json:"created_at"`
	UpdatedAt  event.Time  `json:"updated_at"`
	FinishedAt *event.Time `json:"finished_at"`
	Reason     string      `json:"reason"`
}

func jobView(j models.Job) jobJSON {
	v := jobJSON{ID: j.ID, WebhookID: j.WebhookID, Kind: string(j.Kind), State: string(j.State), Total: j.Total, Released: j.Released, Successful: j.Succeeded, Failed: j.Failed,
		Progress: progress(j), CreatedAt: event.Time{Time: j.CreatedAt}, UpdatedAt: event.Time{Time: j.UpdatedAt}, Reason: j.Reason}
	if !j.FinishedAt.IsZero() {
		v.FinishedAt = &event.Time{Time: j.FinishedAt}
	}
	return v
}

// progress is the share of a job that was handed out, to four places: all of it only when it is done.
func progress(j models.Job) float64 {
	switch {
	case j.State == models.JobDone:
		return 1
	case j.Total == 0:
		return 0
	}
	return min(math.Floor(float64(j.Released)/float64(j.Total)*10_000)/10_000, 0.9999)
}

// heldJSON announces what a job would deliver.
type heldJSON struct {
	Count  int64       `json:"count"`
	Oldest *event.Time `json:"oldest"` // null: there are none
	Newest *event.Time `json:"newest"`
	// EstimatedSeconds is how long it takes at the webhook's rate limit at best; null without one.
	EstimatedSeconds *int64 `json:"estimated_seconds"`
}

func heldView(n models.HeldCount, rate int) heldJSON {
	v := heldJSON{Count: n.N}
	if n.N > 0 {
		v.Oldest, v.Newest = &event.Time{Time: n.Oldest}, &event.Time{Time: n.Newest}
	}
	if rate > 0 {
		seconds := (n.N + int64(rate) - 1) / int64(rate)
		v.EstimatedSeconds = &seconds
	}
	return v
}

// jobStarted answers a request that made a job.
type jobStarted struct {
	Message string  `json:"message"`
	Job     jobJSON `json:"job"`
}

// heldSkipped says that a webhook goes on without what was held.
type heldSkipped struct {
	Message string `json:"message"`
	Skipped int64  `json:"skipped"`
}

// handleCatchUp asks what is to become of the deliveries that were held while a webhook was off: they are counted, they are
// delivered from the gap on, or they are given up and the webhook goes on from now. Both of the latter switch it on.
func (s *Server) handleCatchUp(c *fiber.Ctx, who caller) error {
	id, err := pathID(c, "id")
	if err != nil {
		return err
	}
	o := parseObject(c.Request().Body(), "from")
	from := member[string](o, "from", "count, gap or now")
	if o.err != nil {
		return o.err
	}
	ctx := c.UserContext()
	w, err := s.store.Webhook(ctx, who.Business, id)
	if err != nil {
		return err
	}
	switch from.value {
	case "count":
		n, err := s.store.CountHeld(ctx, id)
		if err != nil {
			return err
		}
		noteOf(ctx).nothing()
		return reply(c, http.StatusOK, map[string]heldJSON{"held": heldView(n, w.RateLimit)})
	case "gap":
		job, err := s.catchUp(ctx, w)
		if err != nil {
			return err
		}
		return reply(c, http.StatusAccepted, jobStarted{fmt.Sprintf("The webhook is on. %d held deliveries follow, oldest first; what comes meanwhile follows them.", job.Total), jobView(job)})
	case "now":
		n, err := s.fromNow(ctx, w)
		if err != nil {
			return err
		}
		return reply(c, http.StatusOK, heldSkipped{fmt.Sprintf("The webhook is on from now. %d held deliveries were given up; each can still be resent.", n), n})
	}
	return invalid("from", codeInvalid, "must be count (how many deliveries are held), gap (deliver them, oldest first) or now (give them up)")
}

// catchUp switches a webhook on, if it is off, and starts the job that delivers what is held.
func (s *Server) catchUp(ctx context.Context, w models.Webhook) (models.Job, error) {
	_, job, err := s.store.ResumeWebhook(ctx, w.BusinessID, w.ID, true)
	if err != nil {
		return models.Job{}, jobRefused(err)
	}
	noteOf(ctx).about("webhook", w.ID, w.Name).changed("is_active", w.Active, true)
	s.refresh(ctx)
	return *job, nil
}

// fromNow switches a webhook on and gives up what is held for it.
func (s *Server) fromNow(ctx context.Context, w models.Webhook) (int64, error) {
	if _, _, err := s.store.ResumeWebhook(ctx, w.BusinessID, w.ID, false); err != nil {
		return 0, jobRefused(err)
	}
	noteOf(ctx).about("webhook", w.ID, w.Name).changed("is_active", w.Active, true)
	s.refresh(ctx)
	return s.store.SkipHeld(ctx, w.ID)
}

// maxReplay is how far back a replay may reach.
const maxReplay = 30 * 24 * time.Hour

func (s *Server) handleReplay(c *fiber.Ctx, who caller) error {
	id, err := pathID(c, "id")
	if err != nil {
		return err
	}
	o := parseObject(c.Request().Body(), "since", "until", "status", "events", "dry_run")
	since := member[string](o, "since", "a moment such as 2026-11-21T09:00:00Z")
	until := member[string](o, "until", "a moment such as 2026-11-21T10:00:00Z")
	status := member[string](o, "status", "failed, succeeded, skipped, held or any")
	events := member[[]string](o, "events", "a list of event names")
	dry := member[bool](o, "dry_run", "true or false")
	if o.err != nil {
		return o.err
	}
	f, err := s.replayFilter(since.value, until.value, status.value, events.value)
	if err != nil {
		return err
	}
	ctx := c.UserContext()
	w, err := s.store.Webhook(ctx, who.Business, id)
	if err != nil {
		return err
	}
	if dry.value {
		noteOf(ctx).nothing()
		n, err := s.store.CountJob(ctx, id, models.Replay, f)
		if err != nil {
			return err
		}
		return reply(c, http.StatusOK, map[string]heldJSON{"replay": heldView(n, w.RateLimit)})
	}
	job, err := s.replay(ctx, w, f)
	if err != nil {
		return err
	}
	return reply(c, http.StatusAccepted, jobStarted{fmt.Sprintf("%d deliveries are made again, oldest first.", job.Total), jobView(job)})
}

// replay starts the job that makes deliveries again.
func (s *Server) replay(ctx context.Context, w models.Webhook, f models.JobFilter) (models.Job, error) {
	job, err := s.store.CreateJob(ctx, models.Job{BusinessID: w.BusinessID, WebhookID: w.ID, Kind: models.Replay, Filter: f})
	if err != nil {
		return job, jobRefused(err)
	}
	return job, nil
}

// replayFilter says which deliveries are to be made again. Those that failed, unless it says otherwise.
func (s *Server) replayFilter(since, until, status string, events []string) (f models.JobFilter, err error) {
	if since == "" {
		return f, invalid("since", codeRequired, "is required: the moment from which deliveries are made again, such as %s", s.now().Add(-time.Hour).UTC().Format(time.RFC3339))
	}
	if f.From, err = moment("since", since); err != nil {
		return f, err
	}
	if f.To, err = moment("until", until); err != nil {
		return f, err
	}
	switch {
	case s.now().Sub(f.From) > maxReplay:
		return f, invalid("since", codeInvalid, "must lie within the last 30 days")
	case !f.To.IsZero() && !f.To.After(f.From):
		return f, invalid("until", codeInvalid, "must be after since")
	}
	switch status {
	case "", "failed":
		f.States = []models.DeliveryState{models.Failed}
	case "succeeded":
		f.States = []models.DeliveryState{models.Succeeded}
	case "skipped":
		f.States = []models.DeliveryState{models.Skipped}
	case "held":
		f.States = []models.DeliveryState{models.Held}
	case "any":
	default:
		return f, invalid("status", codeInvalid, "must be failed, succeeded, skipped, held or any")
	}
	for _, name := range events {
		types, err := eventTypes(name)
		if err != nil {
			return f, err
		}
		if types == nil {
			return f, nil // everything
		}
		f.Types = append(f.Types, types...)
	}
	return f, nil
}

// jobRefused says why a job was not started.
func jobRefused(err error) error {
	var size models.JobSizeError
	switch {
	case errors.Is(err, models.ErrConflict):
		return &Error{Status: http.StatusConflict, Code: "job_running", Message: "another job of this webhook is running; wait for it or cancel it first"}
	case errors.Is(err, models.ErrOff):
		return &Error{Status: http.StatusConflict, Code: "webhook_inactive", Message: "the webhook is off; catch-up switches it on"}
	case errors.As(err, &size):
		return &Error{Status: http.StatusBadRequest, Code: "too_many", Field: "since",
			Message: fmt.Sprintf("matches %d deliveries; a replay takes at most %d: narrow since and until, events or status", size.N, models.MaxJob)}
	}
	return err
}

// jobList is a page of jobs.
type jobList struct {
	Jobs []jobJSON `json:"jobs"`
	Next string    `json:"next_cursor,omitempty"`
}

func (s *Server) handleJobList(c *fiber.Ctx, who caller) error {
	var webhook int64
	if c.Params("id") != "" {
		id, err := pathID(c, "id")
		if err != nil {
			return err
		}
		if _, err := s.store.Webhook(c.UserContext(), who.Business, id); err != nil {
			return err
		}
		webhook = id
	}
	before, err := cursor(c.Query("cursor"))
	if err != nil {
		return err
	}
	limit, err := number("limit", c.Query("limit"), 50, 1, 200)
	if err != nil {
		return err
	}
	jobs, err := s.store.Jobs(c.UserContext(), who.Business, webhook, before, limit)
	if err != nil {
		return err
	}
	list := jobList{Jobs: make([]jobJSON, len(jobs))}
	for i, j := range jobs {
		list.Jobs[i] = jobView(j)
	}
	if len(jobs) == limit {
		list.Next = strconv.FormatInt(jobs[limit-1].ID, 10)
	}
	return reply(c, http.StatusOK, list)
}

func (s *Server) handleJobGet(c *fiber.Ctx, who caller) error {
	id, err := pathID(c, "id")
	if err != nil {
		return err
	}
	j, err := s.store.JobByID(c.UserContext(), who.Business, id)
	if err != nil {
		return err
	}
	return reply(c, http.StatusOK, map[string]jobJSON{"job": jobView(j)})
}

func (s *Server) handleJobCancel(c *fiber.Ctx, who caller) error {
	id, err := pathID(c, "id")
	if err != nil {
		return err
	}
	before, err := s.store.JobByID(c.UserContext(), who.Business, id)
	if err != nil {
		return err
	}
	j, err := s.store.CancelJob(c.UserContext(), who.Business, id)
	if err != nil {
		return err
	}
	s.refresh(c.UserContext())
	text := "The job is cancelled. What was handed out already is still delivered."
	switch {
	case before.State != models.JobRunning || j.State != models.JobCancelled:
		text = "The job had ended before."
	case j.Kind == models.CatchUp:
		text += " What is still held stays held; new events are delivered as they come."
	}
	return reply(c, http.StatusOK, jobStarted{text, jobView(j)})
}
