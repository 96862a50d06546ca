package models

import (
	"cmp"
	"context"
	"fmt"
	"strings"
	"time"

	"gorm.io/gorm"
)

// DefaultAuditRetention is how long the audit log is kept of which nothing else is said.
const DefaultAuditRetention = 400 * 24 * time.Hour

// The kinds of actors.
const (
	ActorUser     = "user"     // a person who is logged in
	ActorKey      = "key"      // a program with a key of the business
	ActorOperator = "operator" // a person who operates the gateway, as such
	ActorAdmin    = "admin"    // wabagate admin, in a shell of the gateway's machine
	ActorSystem   = "system"   // the gateway itself
	ActorUnknown  = "unknown"  // somebody who did not prove who they are
)

// Actor is who did something.
type Actor struct {
	Kind string
	ID   int64  // of the user, operator or key; 0 for the others
	Name string // as it was then
}

// AdminActor is wabagate admin, SystemActor the gateway itself.
var (
	AdminActor  = Actor{Kind: ActorAdmin, Name: "wabagate admin"}
	SystemActor = Actor{Kind: ActorSystem, Name: "wabagate"}
)

// Object is what something was done to: ids and the names that a business gives its things. A customer is an id and nothing
// else, so that there is nothing to erase.
type Object struct {
	Kind string // a word, such as webhook
	ID   string // may be empty
	Name string // as it was then; may be empty
}

// Change is one field that was changed. Before and After are left out of what is secret, long or a customer's own.
type Change struct {
	Field  string `json:"field"`
	Before any    `json:"before,omitempty"`
	After  any    `json:"after,omitempty"`
}

// AuditEntry says that somebody did something.
type AuditEntry struct {
	ID         int64 // 0: Record makes one, of this moment
	BusinessID int64 // 0: it was done to the gateway as a whole
	Actor      Actor
	IP         string // from where; empty: from the gateway's own machine
	Action     string // such as webhook.updated
	Object     Object
	Changes    []Change
}

// At is when it was done, to the millisecond.
func (e AuditEntry) At() time.Time { return IDTime(e.ID).UTC() }

type auditRow struct {
	ID         int64
	BusinessID int64
	ActorKind  string
	ActorID    int64
	Actor      string
	IP         string
	Action     string
	Kind       string
	ObjectID   string
	Object     string
	Changes    []Change `gorm:"serializer:json"`
}

func (auditRow) TableName() string { return "audit" }

func (r auditRow) entry() AuditEntry {
	return AuditEntry{ID: r.ID, BusinessID: r.BusinessID, Actor: Actor{r.ActorKind, r.ActorID, r.Actor}, IP: r.IP, Action: r.Action, Object: Object{r.Kind, r.ObjectID, r.Object}, Changes: r.Changes}
}

// Record adds to the audit log.
func (s *Store) Record(ctx context.Context, e AuditEntry) error {
	return translate(s.write(ctx, func(db *gorm.DB) error { return s.recordIn(db, e) }), "record "+e.Action)
}

func (s *Store) recordIn(db *gorm.DB, e AuditEntry) error {
	r := auditRow{ID: e.ID, BusinessID: e.BusinessID, ActorKind: e.Actor.Kind, ActorID: e.Actor.ID, Actor: printable(e.Actor.Name), IP: printable(e.IP), Action: keyText(e.Action),
		Kind: printable(e.Object.Kind), ObjectID: keyText(e.Object.ID), Object: printable(e.Object.Name), Changes: append([]Change{}, e.Changes...)}
	if r.ID == 0 {
		r.ID = s.NextID()
	}
	for i, c := range r.Changes {
		r.Changes[i] = Change{printable(c.Field), printableValue(c.Before), printableValue(c.After)}
	}
	return db.Create(&r).Error
}

func printableValue(v any) any {
	if text, ok := v.(string); ok {
		return printable(text)
	}
	return v
}

// AuditFilter narrows the audit log; the zero value is all of it.
type AuditFilter struct {
	Before int64 // an id; only what is older
	Limit  int   // 0 means 50, at most 200
	// Action is an action, or those of one kind of thing when it ends in .*
	Action string
	// ActorKind and ActorID are who did it; an ActorID of 0 is any of the kind.
	ActorKind string
	ActorID   int64
	// From is the first moment and To the first one after the last; zero: no bound.
	From, To time.Time
}

// Audit lists what was done in a business, newest first.
func (s *Store) Audit(ctx context.Context, businessID int64, f AuditFilter) ([]AuditEntry, error) {
	return s.auditWhere(s.page(ctx, businessID, f.Before, f.Limit), f, fmt.Sprintf("audit log of business %d", businessID))
}

// auditWhere reads what q and the filter, but its Before and Limit, let through.
func (s *Store) auditWhere(q *gorm.DB, f AuditFilter, what string) ([]AuditEntry, error) {
	if !f.From.IsZero() {
		q = q.Where("id >= ?", FirstID(f.From))
	}
	if !f.To.IsZero() {
		q = q.Where("id < ?", FirstID(f.To))
	}
	if kind, whole := strings.CutSuffix(f.Action, "*"); whole {
		q = q.Where("substr(action, 1, ?) = ?", len(kind), kind) // actions are ASCII
	} else if f.Action != "" {
		q = q.Where("action = ?", f.Action)
	}
	if f.ActorKind != "" {
		q = q.Where("actor_kind = ?", f.ActorKind)
	}
	if f.ActorID != 0 {
		q = q.Where("actor_id = ?", f.ActorID)
	}
	var rows []auditRow
	if err := q.Find(&rows).Error; err != nil {
		return nil, translate(err, what)
	}
	out := make([]AuditEntry, len(rows))
	for i, r := range rows {
		out[i] = r.entry()
	}
	return out, nil
}

// auditKept is the first id of the audit log that is kept.
func (r Retention) auditKept(now time.Time) int64 {
	return FirstID(now.Add(-cmp.Or(r.Audit, DefaultAuditRetention)))
}
