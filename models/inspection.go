package models

import (
	"context"
	"encoding/json"
	"net/http"
	"time"

	"gorm.io/gorm"
)

// Inspection is one request that the built-in inspector received.
type Inspection struct {
	ID         int64
	Bin        string
	ReceivedAt time.Time
	Headers    http.Header
	Body       []byte
}

type inspectionRow struct {
	ID         int64
	Bin        string
	ReceivedAt time.Time
	Headers    string
	Body       []byte
}

func (inspectionRow) TableName() string { return "inspections" }

// inspectionsKept is how many requests a bin holds; older ones go.
const inspectionsKept = 200

// AddInspection keeps a request and drops what the bin holds too much.
func (s *Store) AddInspection(ctx context.Context, bin string, headers http.Header, body []byte) (Inspection, error) {
	h, err := json.Marshal(headers)
	if err != nil {
		return Inspection{}, err
	}
	if body == nil {
		body = []byte{}
	}
	r := inspectionRow{ID: s.ids.Next(), Bin: keyText(bin), ReceivedAt: moment(time.Now()), Headers: string(h), Body: body}
	err = s.write(ctx, func(db *gorm.DB) error {
		if err := db.Create(&r).Error; err != nil {
			return err
		}
		return db.Exec("DELETE FROM inspections WHERE bin = ? AND id < (SELECT min(id) FROM (SELECT id FROM inspections WHERE bin = ? ORDER BY id DESC LIMIT ?) AS kept)", r.Bin, r.Bin, inspectionsKept).Error
	})
	return r.inspection(), translate(err, "keep inspection")
}

// Inspections lists a bin's requests after an id, newest first, at most limit.
func (s *Store) Inspections(ctx context.Context, bin string, after int64, limit int) ([]Inspection, error) {
	var rows []inspectionRow
	if err := s.db.WithContext(ctx).Where("bin = ? AND id > ?", keyText(bin), after).Order("id DESC").Limit(limit).Find(&rows).Error; err != nil {
		return nil, translate(err, "list inspections")
	}
	out := make([]Inspection, len(rows))
	for i, r := range rows {
		out[i] = r.inspection()
	}
	return out, nil
}

func (r inspectionRow) inspection() Inspection {
	i := Inspection{ID: r.ID, Bin: r.Bin, ReceivedAt: r.ReceivedAt.UTC(), Body: r.Body}
	_ = json.Unmarshal([]byte(r.Headers), &i.Headers) // our own encoding
	return i
}
