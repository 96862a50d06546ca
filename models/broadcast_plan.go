package models

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"

	"gorm.io/gorm"
)

// PlanState is where a broadcast that the gateway sends stands.
type PlanState string

// The states of a plan. The last two are final.
const (
	PlanDraft     PlanState = "draft" // recipients may be added
	PlanRunning   PlanState = "running"
	PlanPaused    PlanState = "paused"
	PlanCompleted PlanState = "completed" // every message is settled
	PlanCancelled PlanState = "cancelled" // what had not gone out will not
)

// BroadcastPlan is a broadcast that the gateway itself sends: what, to how many, when and how fast, and how far it got. The
// Broadcast of the same id counts what became of it.
type BroadcastPlan struct {
	BroadcastID, BusinessID, NumberID int64
	State                             PlanState
	// Body is the platform's own body without a recipient, with a placeholder {{name}} wherever a recipient's variable goes.
	Body        []byte
	ScheduledAt time.Time // not before; zero: as soon as it is started
	Pace        int       // messages per second at most; 0: as many as the number may send
	Recipients  int64     // added so far; the places are 1 to Recipients
	Place       int64     // of the last recipient whose turn has come
	OptedOut    int64     // whose turn came and who want no broadcasts
	Cancelled   int64     // whose turn did not come before the end
	// PacedAt is when the pace allows the next message; zero: at once.
	PacedAt    time.Time
	CreatedAt  time.Time
	StartedAt  time.Time // zero: not yet
	FinishedAt time.Time // every message is settled; zero: not yet
}

// PlanStateError refuses what a broadcast in this state does not take.
type PlanStateError struct{ State PlanState }

func (e PlanStateError) Error() string { return "the broadcast is " + string(e.State) }

var (
	// ErrNoRecipients: a broadcast to nobody cannot be started.
	ErrNoRecipients = errors.New("the broadcast has no recipients")
	// ErrTooManyRecipients: a broadcast takes no more than MaxRecipients.
	ErrTooManyRecipients = errors.New("the broadcast has too many recipients")
)

// MaxRecipients bounds the recipients of one broadcast.
const MaxRecipients = 1_000_000

type planRow struct {
	BroadcastID int64 `gorm:"primaryKey;autoIncrement:false"`
	BusinessID  int64
	NumberID    int64
	State       string
	Body        string
	ScheduledAt *time.Time
	Pace        int
	Recipients  int64
	Place       int64
	OptedOut    int64
	Cancelled   int64
	PacedAt     *time.Time
	LeaseOwner  int64
	LeaseUntil  *time.Time
	CreatedAt   time.Time
	StartedAt   *time.Time
	FinishedAt  *time.Time
}

func (planRow) TableName() string { return "broadcast_plans" }

func (r planRow) plan() BroadcastPlan {
	return BroadcastPlan{BroadcastID: r.BroadcastID, BusinessID: r.BusinessID, NumberID: r.NumberID, State: PlanState(r.State), Body: []byte(r.Body),
		ScheduledAt: timeOrZero(r.ScheduledAt).UTC(), Pace: r.Pace, Recipients: r.Recipients, Place: r.Place, OptedOut: r.OptedOut, Cancelled: r.Cancelled,
		PacedAt: timeOrZero(r.PacedAt).UTC(), CreatedAt: r.CreatedAt.UTC(), StartedAt: timeOrZero(r.StartedAt).UTC(), FinishedAt: timeOrZero(r.FinishedAt).UTC()}
}

func plansOf(rows []planRow) []BroadcastPlan {
	ps := make([]BroadcastPlan, len(rows))
	for i, r := range rows {
		ps[i] = r.plan()
	}
	return ps
}

// CreateBroadcast keeps a broadcast that the gateway is to send, as a draft without recipients. Of b, the business, number,
// name and template are taken, of p the body, the schedule and the pace. Its reference is bc_ and its id, and more after
// that only if the business has used this name itself. ErrNotFound when the number is not the business's.
func (s *Store) CreateBroadcast(ctx context.Context, b Broadcast, p BroadcastPlan) (Broadcast, BroadcastPlan, error) {
	now := moment(s.Now())
	err := s.inTx(ctx, func(tx *gorm.DB) error {
		if err := ownNumber(tx, b.BusinessID, &b.NumberID); err != nil {
			return err
		}
		b = Broadcast{BusinessID: b.BusinessID, NumberID: b.NumberID, Name: printable(b.Name), TemplateName: printable(b.TemplateName), StartedAt: now, UpdatedAt: now}
		unique := strconv.FormatInt(s.nextID(), 10)
		if err := tx.Raw(`INSERT INTO broadcasts (business_id, number_id, reference, name, template_name, total, sent, delivered, read, failed, started_at, updated_at)
			VALUES (?, ?, ?, ?, ?, 0, 0, 0, 0, 0, ?, ?) RETURNING id`, b.BusinessID, b.NumberID, "new_"+unique, b.Name, b.TemplateName, now, now).Scan(&b.ID).Error; err != nil {
			return err
		}
		b.Reference = "bc_" + strconv.FormatInt(b.ID, 10)
		var taken bool
		if err := tx.Raw("SELECT EXISTS (SELECT 1 FROM broadcasts WHERE business_id = ? AND reference = ?)", b.BusinessID, b.Reference).Scan(&taken).Error; err != nil {
			return err
		}
		if taken {
			b.Reference += "_" + unique
		}
		if err := tx.Exec("UPDATE broadcasts SET reference = ? WHERE id = ?", b.Reference, b.ID).Error; err != nil {
			return err
		}
		r := planRow{BroadcastID: b.ID, BusinessID: b.BusinessID, NumberID: b.NumberID, State: string(PlanDraft), Body: printable(string(p.Body)),
			ScheduledAt: momentOrNil(p.ScheduledAt), Pace: p.Pace, CreatedAt: now}
		p = r.plan()
		return tx.Create(&r).Error
	})
	return b, p, translate(err, "create broadcast")
}

// BroadcastPlan reads the plan of a business's broadcast. ErrNotFound also when it is one that the gateway does not send.
func (s *Store) BroadcastPlan(ctx context.Context, businessID, broadcastID int64) (BroadcastPlan, error) {
	var r planRow
	err := s.db.WithContext(ctx).Where("business_id = ? AND broadcast_id = ?", businessID, broadcastID).Take(&r).Error
	return r.plan(), translate(err, fmt.Sprintf("plan of broadcast %d", broadcastID))
}

// BroadcastPlans reads those of a business's broadcasts, by id, that the gateway sends; the others are missing.
func (s *Store) BroadcastPlans(ctx context.Context, businessID int64, broadcasts []int64) (map[int64]BroadcastPlan, error) {
	found := map[int64]BroadcastPlan{}
	if len(broadcasts) == 0 {
		return found, nil
	}
	var rows []planRow
	err := s.db.WithContext(ctx).Where("business_id = ? AND broadcast_id IN ?", businessID, broadcasts).Find(&rows).Error
	for _, p := range plansOf(rows) {
		found[p.BroadcastID] = p
	}
	return found, translate(err, "list plans of broadcasts")
}

// PlannedReference says whether a reference is that of a broadcast that the gateway sends for the business.
func (s *Store) PlannedReference(ctx context.Context, businessID int64, reference string) (planned bool, err error) {
	err = s.db.WithContext(ctx).Raw("SELECT EXISTS (SELECT 1 FROM broadcasts b JOIN broadcast_plans p ON p.broadcast_id = b.id WHERE b.business_id = ? AND b.reference = ?)",
		businessID, keyText(reference)).Scan(&planned).Error
	return planned, translate(err, "look up a reference")
}

// changePlan changes a business's plan under a lock. An error of change stops it.
func (s *Store) changePlan(ctx context.Context, businessID, broadcastID int64, change func(*gorm.DB, *planRow) error) (p BroadcastPlan, err error) {
	err = s.inTx(ctx, func(tx *gorm.DB) error {
		var r planRow
		if err := s.locking(tx).Where("business_id = ? AND broadcast_id = ?", businessID, broadcastID).Take(&r).Error; err != nil {
			return err
		}
		if err := change(tx, &r); err != nil {
			return err
		}
		p = r.plan()
		return tx.Save(&r).Error
	})
	return p, translate(err, fmt.Sprintf("broadcast %d", broadcastID))
}

// StartBroadcast lets a draft run, from its schedule on. PlanStateError when it is none, ErrNoRecipients, ErrNotFound.
func (s *Store) StartBroadcast(ctx context.Context, businessID, broadcastID int64) (BroadcastPlan, error) {
	return s.changePlan(ctx, businessID, broadcastID, func(tx *gorm.DB, r *planRow) error {
		switch {
		case r.State != string(PlanDraft):
			return PlanStateError{PlanState(r.State)}
		case r.Recipients == 0:
			return ErrNoRecipients
		}
		now := moment(s.Now())
		r.State, r.StartedAt = string(PlanRunning), &now
		if scheduled := timeOrZero(r.ScheduledAt); scheduled.After(now) {
			now = moment(scheduled)
		}
		return tx.Exec("UPDATE broadcasts SET total = ?, started_at = ?, updated_at = ? WHERE id = ?", r.Recipients, now, moment(s.Now()), r.BroadcastID).Error
	})
}

// heldUntil is the time of a message that waits because its broadcast is paused. No work has it, so it only has to be far.
var heldUntil = time.Date(9000, 1, 1, 0, 0, 0, 0, time.UTC)

// PauseBroadcast stops a running broadcast: what waits for its turn goes on waiting. What is underway at that moment goes
// out, and may be tried again. PlanStateError, ErrNotFound.
func (s *Store) PauseBroadcast(ctx context.Context, businessID, broadcastID int64) (BroadcastPlan, error) {
	return s.changePlan(ctx, businessID, broadcastID, func(tx *gorm.DB, r *planRow) error {
		if r.State != string(PlanRunning) {
			return PlanStateError{PlanState(r.State)}
		}
		r.State, r.PacedAt = string(PlanPaused), nil
		return tx.Exec("UPDATE sends SET due_at = ? WHERE broadcast_id = ? AND state = ?", heldUntil, r.BroadcastID, SendWaiting).Error
	})
}

// ResumeBroadcast lets a paused broadcast go on. The work, which is in the outbox, is of what waited. PlanStateError, ErrNotFound.
func (s *Store) ResumeBroadcast(ctx context.Context, businessID, broadcastID int64) (BroadcastPlan, []Work, error) {
	var ws []Work
	p, err := s.changePlan(ctx, businessID, broadcastID, func(tx *gorm.DB, r *planRow) error {
		if r.State != string(PlanPaused) {
			return PlanStateError{PlanState(r.State)}
		}
		r.State = string(PlanRunning)
		var waiting []int64
		if err := tx.Raw("SELECT id FROM sends WHERE broadcast_id = ? AND state = ? AND due_at = ? ORDER BY place", r.BroadcastID, SendWaiting, heldUntil).Scan(&waiting).Error; err != nil {
			return err
		}
		due := dueMoment(s.Now())
		sends := make([]Send, len(waiting))
		for i, id := range waiting {
			sends[i] = Send{ID: id, NumberID: r.NumberID, BroadcastID: r.BroadcastID, DueAt: due}
		}
		ws = s.sendWork(sends)
		if err := tx.Exec("UPDATE sends SET due_at = ? WHERE broadcast_id = ? AND state = ? AND due_at = ?", due, r.BroadcastID, SendWaiting, heldUntil).Error; err != nil {
			return err
		}
		return s.addWork(tx, ws...)
	})
	return p, ws, err
}

// CancelBroadcast ends a broadcast: what waits is cancelled. What is underway at that moment goes out. PlanStateError when
// it has ended, ErrNotFound.
func (s *Store) CancelBroadcast(ctx context.Context, businessID, broadcastID int64) (BroadcastPlan, error) {
	return s.changePlan(ctx, businessID, broadcastID, func(tx *gorm.DB, r *planRow) error {
		switch PlanState(r.State) {
		case PlanCancelled, PlanCompleted:
			return PlanStateError{PlanState(r.State)}
		case PlanDraft: // nobody was written to, and nothing is told
			now := moment(s.Now())
			r.FinishedAt, r.Cancelled = &now, r.Recipients
		}
		r.State = string(PlanCancelled)
		return cancelWaiting(tx, r.BroadcastID, s.Now())
	})
}

// cancelWaiting cancels what waits for its turn or for another attempt, and what nobody knows the fate of once its wait is
// over: a further attempt would be one that nobody wants any more.
func cancelWaiting(tx *gorm.DB, broadcastID int64, now time.Time) error {
	now = moment(now)
	return tx.Exec("UPDATE sends SET state = ?, settled_at = ? WHERE broadcast_id = ? AND (state = ? OR state = ? AND due_at <= ?)",
		SendCancelled, now, broadcastID, SendWaiting, SendUndecided, now).Error
}
