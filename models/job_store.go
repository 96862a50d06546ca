package models

import (
	"context"
	"encoding/json"
	"fmt"
	"math"
	"time"

	"gorm.io/gorm"
)

// JobSizeError refuses a replay of more than MaxJob deliveries.
type JobSizeError struct{ N int64 }

func (e JobSizeError) Error() string {
	return fmt.Sprintf("%d deliveries match, and one replay takes at most %d: narrow it by time, type or state", e.N, MaxJob)
}

type jobRow struct {
	ID         int64
	BusinessID int64
	WebhookID  int64
	Kind       string
	State      string
	Filter     string // JSON
	Total      int64
	Released   int64
	Succeeded  int64
	Failed     int64
	Cursor     int64
	CreatedAt  time.Time
	UpdatedAt  time.Time
	FinishedAt *time.Time
	Reason     string
}

func (jobRow) TableName() string { return "jobs" }

func (r jobRow) job() (Job, error) {
	j := Job{ID: r.ID, BusinessID: r.BusinessID, WebhookID: r.WebhookID, Kind: JobKind(r.Kind), State: JobState(r.State), Total: r.Total, Released: r.Released,
		Succeeded: r.Succeeded, Failed: r.Failed, Cursor: r.Cursor, CreatedAt: r.CreatedAt, UpdatedAt: r.UpdatedAt, FinishedAt: timeOrZero(r.FinishedAt), Reason: r.Reason}
	if err := json.Unmarshal([]byte(r.Filter), &j.Filter); err != nil {
		return j, fmt.Errorf("read job %d: %w", r.ID, err)
	}
	return j, nil
}

func jobsOf(rows []jobRow) ([]Job, error) {
	js := make([]Job, len(rows))
	for i, r := range rows {
		var err error
		if js[i], err = r.job(); err != nil {
			return nil, err
		}
	}
	return js, nil
}

// where is the condition on deliveries d that a job of the kind chooses. A catch-up knows no filter: whatever is left
// out would be overtaken. What is pending needs no replay.
func (f JobFilter) where(kind JobKind, webhookID int64) (sql string, args []any) {
	sql, args = "d.webhook_id = ?", []any{webhookID}
	and := func(condition string, values ...any) { sql, args = sql+" AND "+condition, append(args, values...) }
	if kind == CatchUp {
		and("d.held IS NOT NULL")
		return sql, args
	}
	and("d.state <> ?", Pending)
	if len(f.States) > 0 {
		and("d.state IN ?", f.States)
		switch all := f.States[0]; { // an index knows these
		case len(f.States) == 1 && all == Failed:
			and("d.failed_at IS NOT NULL")
		case len(f.States) == 1 && all == Held:
			and("d.held IS NOT NULL")
		}
	}
	first, end := FirstID(f.From), int64(math.MaxInt64)
	if !f.To.IsZero() {
		end = FirstID(f.To)
	}
	and("d.event_id >= ? AND d.event_id < ?", first, end)
	if len(f.Types) > 0 { // the bounds again, for the time partitions of events
		and("EXISTS (SELECT 1 FROM events e WHERE e.id = d.event_id AND e.id >= ? AND e.id < ? AND e.type IN ?)", first, end, f.Types)
	}
	return sql, args
}

// clean is the filter as it can be compared with what is kept.
func (f JobFilter) clean() JobFilter {
	types := make([]string, len(f.Types))
	for i, t := range f.Types {
		types[i] = printable(t)
	}
	f.Types, f.From, f.To = types, momentOrZero(f.From), momentOrZero(f.To)
	return f
}

// CountJob counts what a job would deliver.
func (s *Store) CountJob(ctx context.Context, webhookID int64, kind JobKind, f JobFilter) (HeldCount, error) {
	var r struct {
		N             int64
		First, Newest *int64
	}
	where, args := f.clean().where(kind, webhookID)
	err := s.db.WithContext(ctx).Raw("SELECT count(*) AS n, min(d.event_id) AS first, max(d.event_id) AS newest FROM deliveries d WHERE "+where, args...).Scan(&r).Error
	if err != nil || r.N == 0 {
		return HeldCount{}, translate(err, fmt.Sprintf("count deliveries of webhook %d", webhookID))
	}
	return HeldCount{N: r.N, Oldest: IDTime(*r.First).UTC(), Newest: IDTime(*r.Newest).UTC()}, nil
}

// CreateJob starts a job of a business's webhook: BusinessID, WebhookID and Kind say which, a Replay has a Filter too. A
// catch-up holds what comes meanwhile until its turn; a replay takes what there is now. ErrOff when the webhook is off
// (ResumeWebhook switches it on), ErrConflict while another job of it is running, JobSizeError when too much matches.
func (s *Store) CreateJob(ctx context.Context, j Job) (Job, error) {
	j, err := s.newJob(ctx, j)
	if err != nil {
		return j, err
	}
	var made Job
	err = s.inTx(ctx, func(tx *gorm.DB) error {
		w, err := s.lockWebhook(tx, j.BusinessID, j.WebhookID)
		if err != nil {
			return err
		}
		if !w.IsActive {
			return ErrOff
		}
		if j.Kind == Replay && j.Total > MaxJob {
			return JobSizeError{j.Total}
		}
		if made, err = addJob(tx, j); err != nil || j.Kind != CatchUp {
			return err
		}
		if err := setCatchingUp(tx, w.ID, true); err != nil {
			return err
		}
		return raiseRoutes(tx)
	})
	return made, translate(err, "create job")
}

// newJob completes what a job is to be and counts what it is to deliver, outside of any transaction, for that takes a
// while when much matches.
func (s *Store) newJob(ctx context.Context, j Job) (Job, error) {
	j.CreatedAt = moment(time.Now())
	switch j.Kind {
	case CatchUp:
		j.Filter = JobFilter{}
	case Replay:
		if j.Filter = j.Filter.clean(); j.Filter.To.IsZero() {
			j.Filter.To = j.CreatedAt.Add(time.Millisecond) // so that it ends, however much fails meanwhile
		}
	default:
		return j, fmt.Errorf("a job is %q or %q, not %q", CatchUp, Replay, j.Kind)
	}
	n, err := s.CountJob(ctx, j.WebhookID, j.Kind, j.Filter)
	j.Total = n.N
	return j, err
}

// addJob keeps a new job. The caller has locked its webhook.
func addJob(tx *gorm.DB, j Job) (Job, error) {
	filter, err := json.Marshal(j.Filter)
	if err != nil {
		return j, err
	}
	r := jobRow{BusinessID: j.BusinessID, WebhookID: j.WebhookID, Kind: string(j.Kind), State: string(JobRunning), Filter: string(filter), Total: j.Total, CreatedAt: j.CreatedAt, UpdatedAt: j.CreatedAt}
	if err := tx.Create(&r).Error; err != nil {
		return j, translate(err, fmt.Sprintf("job of webhook %d", j.WebhookID))
	}
	return r.job()
}

func setCatchingUp(tx *gorm.DB, webhookID int64, on bool) error {
	return tx.Exec("UPDATE webhooks SET catching_up = ? WHERE id = ?", on, webhookID).Error
}

// Jobs lists a business's jobs, or those of one of its webhooks (0: of all), newest first: those with ids below before (0:
// from the newest), at most limit (0: 50, at most 200).
func (s *Store) Jobs(ctx context.Context, businessID, webhookID, before int64, limit int) ([]Job, error) {
	if limit <= 0 {
		limit = 50
	}
	q := s.db.WithContext(ctx).Where("business_id = ?", businessID).Order("id DESC").Limit(min(limit, 200))
	if webhookID != 0 {
		q = q.Where("webhook_id = ?", webhookID)
	}
	if before > 0 {
		q = q.Where("id < ?", before)
	}
	var rows []jobRow
	if err := q.Find(&rows).Error; err != nil {
		return nil, translate(err, "list jobs")
	}
	return jobsOf(rows)
}

// JobByID reads a business's job.
func (s *Store) JobByID(ctx context.Context, businessID, id int64) (Job, error) {
	var r jobRow
	if err := s.db.WithContext(ctx).Where("business_id = ?", businessID).First(&r, id).Error; err != nil {
		return Job{}, translate(err, fmt.Sprintf("job %d", id))
	}
	return r.job()
}

// RunningJobs lists the jobs, of every business, that StepJob has to be called for.
func (s *Store) RunningJobs(ctx context.Context) ([]Job, error) {
	var rows []jobRow
	if err := s.db.WithContext(ctx).Where("state = 'running'").Order("id").Find(&rows).Error; err != nil {
		return nil, translate(err, "list running jobs")
	}
	return jobsOf(rows)
}

// CancelJob ends a business's job and answers how far it came: what was handed out is still delivered, what is held stays
// held. One that has ended stays as it is.
func (s *Store) CancelJob(ctx context.Context, businessID, id int64) (Job, error) {
	if _, err := s.JobByID(ctx, businessID, id); err != nil {
		return Job{}, err
	}
	return s.endJob(ctx, id, JobCancelled, "cancelled by its owner")
}

// FailJob ends a job that cannot go on, in the same way.
func (s *Store) FailJob(ctx context.Context, id int64, reason string) error {
	_, err := s.endJob(ctx, id, JobFailed, reason)
	return err
}

func (s *Store) endJob(ctx context.Context, id int64, state JobState, reason string) (j Job, err error) {
	err = s.inTx(ctx, func(tx *gorm.DB) error {
		w, r, err := s.lockJob(tx, id)
		if err != nil {
			return err
		}
		if r.State == string(JobRunning) {
			r.finish(state, reason)
			if err := tx.Save(&r).Error; err != nil {
				return err
			}
			if w.CatchingUp {
				if err := setCatchingUp(tx, w.ID, false); err != nil {
					return err
				}
				if err := raiseRoutes(tx); err != nil {
					return err
				}
			}
		}
		j, err = r.job()
		return err
	})
	return j, translate(err, fmt.Sprintf("end job %d", id))
}

func (r *jobRow) finish(state JobState, reason string) {
	r.State, r.Reason, r.FinishedAt = string(state), printable(reason), momentOrNil(time.Now())
}

// endJobsOf cancels the running job of a webhook, if there is one.
func endJobsOf(tx *gorm.DB, webhookID int64, reason string) error {
	now := moment(time.Now())
	return tx.Exec("UPDATE jobs SET state = ?, reason = ?, updated_at = ?, finished_at = ? WHERE webhook_id = ? AND state = 'running'",
		string(JobCancelled), reason, now, now, webhookID).Error
}

// lockJob locks a job and, before it, its webhook.
func (s *Store) lockJob(tx *gorm.DB, id int64) (webhookRow, jobRow, error) {
	var r jobRow
	if err := tx.First(&r, id).Error; err != nil {
		return webhookRow{}, r, err
	}
	w, err := s.lockWebhook(tx, r.BusinessID, r.WebhookID)
	if err != nil {
		return w, r, err
	}
	r = jobRow{}
	return w, r, s.locking(tx).First(&r, id).Error
}
