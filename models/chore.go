package models

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"gorm.io/gorm"
)

// choreMaintain is Maintain as the table of chores calls it.
const choreMaintain = "maintain"

// MaintenanceReport is what the last Maintain of whichever process did.
type MaintenanceReport struct {
	At    time.Time     `json:"-"` // when it ended; zero: there was none yet
	Took  time.Duration `json:"took"`
	Error string        `json:"error,omitempty"` // empty: it went through
	Done  Maintained    `json:"done"`
}

// noteMaintained keeps what a Maintain did. It is told for people, so its own failure is not one of Maintain.
func (s *Store) noteMaintained(ctx context.Context, began time.Time, m Maintained, failed error) {
	r := MaintenanceReport{Took: time.Since(began), Done: m}
	if failed != nil {
		r.Error = printable(failed.Error())
	}
	text, err := json.Marshal(r)
	if err != nil {
		return
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
	defer cancel()
	_ = s.write(ctx, func(db *gorm.DB) error {
		return db.Exec("INSERT INTO chores (name, at, report) VALUES (?, ?, ?) ON CONFLICT (name) DO UPDATE SET at = excluded.at, report = excluded.report", choreMaintain, s.Now().UnixMilli(), string(text)).Error
	})
}

// LastMaintenance says what the last Maintain did.
func (s *Store) LastMaintenance(ctx context.Context) (MaintenanceReport, error) {
	var rows []struct {
		At     int64
		Report string
	}
	var r MaintenanceReport
	if err := s.db.WithContext(ctx).Raw("SELECT at, report FROM chores WHERE name = ?", choreMaintain).Scan(&rows).Error; err != nil || len(rows) == 0 {
		return r, translate(err, "last maintenance")
	}
	if err := json.Unmarshal([]byte(rows[0].Report), &r); err != nil {
		return r, fmt.Errorf("last maintenance: %w", err)
	}
	r.At = time.UnixMilli(rows[0].At).UTC()
	return r, nil
}

// KeptTable is how far back a table goes.
type KeptTable struct {
	Name string
	// Leaves are its parts, one for some whole days each; 0: it has none. Oldest and Newest are the first and the last day of
	// them or, without leaves, of the first and the last row; zero: there is nothing.
	Leaves         int
	Oldest, Newest time.Time
	Bytes          int64 // on disk, indexes included; 0: not known
}

// Kept says how far back what grows with every callback goes.
func (s *Store) Kept(ctx context.Context) ([]KeptTable, error) {
	if s.embedded {
		return s.keptRows(ctx)
	}
	var rows []struct {
		Relname string
		Bytes   int64
	}
	if err := s.db.WithContext(ctx).Raw(`SELECT c.relname::text AS relname, pg_total_relation_size(c.oid) AS bytes FROM pg_class c JOIN pg_inherits i ON i.inhrelid = c.oid
		WHERE c.relkind = 'r' AND c.relnamespace = current_schema()::regnamespace`).Scan(&rows).Error; err != nil {
		return nil, translate(err, "leaves")
	}
	list := make([]KeptTable, len(partitionedTables))
	for i, t := range partitionedTables {
		list[i].Name = t.name
		for _, r := range rows {
			l, ours := leafNamed(r.Relname)
			if !ours || l.table.name != t.name {
				continue
			}
			first, last := IDTime(l.from).UTC(), IDTime(l.end()-dayIDs).UTC()
			k := &list[i]
			if k.Leaves == 0 || first.Before(k.Oldest) {
				k.Oldest = first
			}
			if last.After(k.Newest) {
				k.Newest = last
			}
			k.Leaves++
			k.Bytes += r.Bytes
		}
	}
	return list, nil
}

// keptRows is Kept without leaves: of the tables whose ids are in order.
func (s *Store) keptRows(ctx context.Context) ([]KeptTable, error) {
	var list []KeptTable
	for _, name := range []string{"events", "callbacks"} {
		var r struct{ First, Last int64 }
		if err := s.db.WithContext(ctx).Raw("SELECT (SELECT coalesce(min(id), 0) FROM " + name + ") AS first, (SELECT coalesce(max(id), 0) FROM " + name + ") AS last").Scan(&r).Error; err != nil {
			return nil, translate(err, "oldest "+name)
		}
		k := KeptTable{Name: name}
		if r.First > 0 {
			k.Oldest, k.Newest = IDTime(r.First).UTC(), IDTime(r.Last).UTC()
		}
		list = append(list, k)
	}
	return list, nil
}
