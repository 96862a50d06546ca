package models

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"
	"time"

	"gorm.io/gorm"
)

// OptOut is a name of somebody who wants no broadcasts from a business. It outlives the person's other data: the wish not
// to be written to can only be kept by who remembers it.
type OptOut struct {
	ID, BusinessID int64
	// WaID is a number, which is kept in its canonical form, UserID a business-scoped user id. What is read has one of them;
	// what is added may have both, which are two.
	WaID, UserID string
	Since        time.Time
	Why          string
	// Ended, of what a translation writes, says that the person takes broadcasts again.
	Ended bool
}

// names are the names under which an opt-out is kept.
func (o OptOut) names() (names []string) {
	if digits := digitsOf(o.WaID); digits != "" {
		names = append(names, canonical(digits))
	}
	if id := keyText(o.UserID); id != "" {
		names = append(names, id)
	}
	return names
}

type optOutRow struct {
	ID         int64
	BusinessID int64
	Name       string
	Since      time.Time
	Why        string
	Ended      bool `gorm:"-"`
}

func (optOutRow) TableName() string { return "opt_outs" }

func (r optOutRow) optOut() OptOut {
	o := OptOut{ID: r.ID, BusinessID: r.BusinessID, Since: r.Since.UTC(), Why: r.Why}
	if digitsOf(r.Name) != "" {
		o.WaID = r.Name
	} else {
		o.UserID = r.Name
	}
	return o
}

// optOutRows are the rows of opt-outs, each name once and as the last says, in an order that all who write some share.
func optOutRows(os []OptOut) []optOutRow {
	byName := map[optOutRow]optOutRow{}
	for _, o := range os {
		for _, name := range o.names() {
			byName[optOutRow{BusinessID: o.BusinessID, Name: name}] = optOutRow{BusinessID: o.BusinessID, Name: name, Since: moment(o.Since), Why: printable(o.Why), Ended: o.Ended}
		}
	}
	return slices.SortedFunc(maps.Values(byName), func(a, b optOutRow) int {
		return cmp.Or(cmp.Compare(a.BusinessID, b.BusinessID), cmp.Compare(a.Name, b.Name))
	})
}

// optedOut is true of a recipient r who, by the name that the broadcast has or by any other that is known of the person,
// wants no broadcasts. It takes the business twice.
const optedOut = `(EXISTS (SELECT 1 FROM opt_outs o WHERE o.business_id = ? AND o.name = r.name)
	OR EXISTS (SELECT 1 FROM identities i JOIN identities j ON j.contact_id = i.contact_id JOIN opt_outs o ON o.business_id = j.business_id AND o.name = j.value
		WHERE i.business_id = ? AND i.kind IN (1, 2, 3) AND i.value = r.name))`

// CountOptedOut counts the recipients of a plan, their turn to come, who would get nothing if it came now.
func (s *Store) CountOptedOut(ctx context.Context, p BroadcastPlan) (n int64, err error) {
	err = s.db.WithContext(ctx).Raw(`SELECT count(*) FROM broadcast_recipients r WHERE r.broadcast_id = ? AND r.place > ? AND r.mark = 0 AND r.name IN (
		SELECT o.name FROM opt_outs o WHERE o.business_id = ?
		UNION SELECT j.value FROM opt_outs o JOIN identities i ON i.business_id = o.business_id AND i.kind IN (1, 2, 3) AND i.value = o.name
			JOIN identities j ON j.contact_id = i.contact_id WHERE o.business_id = ?)`, p.BroadcastID, p.Place, p.BusinessID, p.BusinessID).Scan(&n).Error
	return n, translate(err, fmt.Sprintf("opt-outs of broadcast %d", p.BroadcastID))
}

// AddOptOuts keeps opt-outs and answers how many names are new. One that is kept already stays as it is.
func (s *Store) AddOptOuts(ctx context.Context, os ...OptOut) (added int64, err error) {
	err = s.inTx(ctx, func(tx *gorm.DB) error {
		added = 0
		for _, r := range optOutRows(os) {
			res := tx.Exec("INSERT INTO opt_outs (business_id, name, since, why) VALUES (?, ?, ?, ?) ON CONFLICT DO NOTHING", r.BusinessID, r.Name, r.Since, r.Why)
			if res.Error != nil {
				return res.Error
			}
			added += res.RowsAffected
		}
		return nil
	})
	return added, translate(err, "keep opt-outs")
}

// RemoveOptOut forgets the names of an opt-out, and answers how many there were.
func (s *Store) RemoveOptOut(ctx context.Context, o OptOut) (removed int64, err error) {
	names := o.names()
	if len(names) == 0 {
		return 0, nil
	}
	err = s.write(ctx, func(db *gorm.DB) error {
		res := db.Exec("DELETE FROM opt_outs WHERE business_id = ? AND name IN ?", o.BusinessID, names)
		removed = res.RowsAffected
		return res.Error
	})
	return removed, translate(err, "remove an opt-out")
}

// OptOuts lists a business's opt-outs, newest first: those with an id smaller than before (0: all), at most limit (0 means
// 50, at most 200); of one name only, when name has one.
func (s *Store) OptOuts(ctx context.Context, businessID int64, name OptOut, before int64, limit int) ([]OptOut, error) {
	q := s.page(ctx, businessID, before, limit)
	if names := name.names(); len(names) > 0 {
		q = q.Where("name IN ?", names)
	}
	var rows []optOutRow
	if err := q.Find(&rows).Error; err != nil {
		return nil, translate(err, "list opt-outs")
	}
	os := make([]OptOut, len(rows))
	for i, r := range rows {
		os[i] = r.optOut()
	}
	return os, nil
}
