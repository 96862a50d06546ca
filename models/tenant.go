package models

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"gorm.io/gorm"
)

// Tenant is a business and how much it has.
type Tenant struct {
	Business
	Numbers, Users, Webhooks int64
	Failing                  int64 // webhooks that fail, or that were switched off for it
}

// TenantFilter narrows a list of businesses. The zero value of a field does not narrow.
type TenantFilter struct {
	Search string // a part of the name, whatever its case, or an id
	After  int64  // the cursor: an id
	Limit  int    // 0 means 50, at most 200
}

// Tenants lists businesses by id.
func (s *Store) Tenants(ctx context.Context, f TenantFilter) ([]Tenant, error) {
	query, args := `SELECT b.id, b.name, b.created_at, (SELECT count(*) FROM numbers n WHERE n.business_id = b.id) AS numbers, (SELECT count(*) FROM users u WHERE u.business_id = b.id) AS users,
		(SELECT count(*) FROM webhooks w WHERE w.business_id = b.id) AS webhooks,
		(SELECT count(*) FROM webhooks w LEFT JOIN webhook_health h ON h.webhook_id = w.id WHERE w.business_id = b.id
			AND (h.failing_since IS NOT NULL AND w.is_active = ? OR w.disabled_by IN ?)) AS failing
		FROM businesses b WHERE b.id > ?`, []any{true, []string{string(ByFailures), string(ByReceiver)}, f.After}
	if f.Search != "" {
		where := "strpos(lower(b.name), lower(?)) > 0"
		if s.embedded {
			where = "instr(lower(b.name), lower(?)) > 0"
		}
		query, args = query+" AND ("+where+" OR CAST(b.id AS text) = ?)", append(args, printable(f.Search), keyText(strings.TrimSpace(f.Search)))
	}
	var list []Tenant
	err := s.db.WithContext(ctx).Raw(query+" ORDER BY b.id LIMIT ?", append(args, pageLimit(f.Limit))...).Scan(&list).Error
	for i := range list {
		list[i].CreatedAt = list[i].CreatedAt.UTC()
	}
	return list, translate(err, "list businesses")
}

// Tenant reads one.
func (s *Store) Tenant(ctx context.Context, id int64) (Tenant, error) {
	list, err := s.Tenants(ctx, TenantFilter{After: id - 1, Limit: 1})
	if err == nil && (len(list) == 0 || list[0].ID != id) {
		err = fmt.Errorf("business %d: %w", id, ErrNotFound)
	}
	if err != nil {
		return Tenant{}, err
	}
	return list[0], nil
}

// RenameBusiness calls a business something else, and returns it as it was before.
func (s *Store) RenameBusiness(ctx context.Context, id int64, name string) (Business, error) {
	var before Business
	err := s.inTx(ctx, func(tx *gorm.DB) error {
		before = Business{}
		if err := s.locking(tx).First(&before, id).Error; err != nil {
			return err
		}
		return tx.Model(&Business{}).Where("id = ?", id).Update("name", printable(name)).Error
	})
	return before, translate(err, fmt.Sprintf("rename business %d", id))
}

// AppSummary is an app without what is secret of it.
type AppSummary struct {
	ID         int64
	BusinessID *int64 // nil: it serves every business
	Business   string // empty: every
	Name       string
	CreatedAt  time.Time
	Secrets    []AppSecret `gorm:"-"` // the live ones, the newest first
}

// AppSecret is a live secret of an app, without its text.
type AppSecret struct {
	ID        int64
	CreatedAt time.Time
}

// Apps lists the apps by name.
func (s *Store) Apps(ctx context.Context) ([]AppSummary, error) {
	var list []AppSummary
	db := s.db.WithContext(ctx)
	if err := db.Raw("SELECT a.id, a.business_id, coalesce(b.name, '') AS business, a.name, a.created_at FROM apps a LEFT JOIN businesses b ON b.id = a.business_id ORDER BY a.name").Scan(&list).Error; err != nil {
		return nil, translate(err, "list apps")
	}
	var secrets []appSecretRow
	if err := db.Select("id, app_id, created_at").Order("id DESC").Find(&secrets).Error; err != nil {
		return nil, translate(err, "list apps")
	}
	for i := range list {
		list[i].CreatedAt = list[i].CreatedAt.UTC()
		for _, sec := range secrets {
			if sec.AppID == list[i].ID {
				list[i].Secrets = append(list[i].Secrets, AppSecret{sec.ID, sec.CreatedAt.UTC()})
			}
		}
	}
	return list, nil
}

// AppNamed reads one.
func (s *Store) AppNamed(ctx context.Context, name string) (AppSummary, error) {
	list, err := s.Apps(ctx)
	if err != nil {
		return AppSummary{}, err
	}
	i := slices.IndexFunc(list, func(a AppSummary) bool { return a.Name == name })
	if i < 0 {
		return AppSummary{}, fmt.Errorf("app %s: %w", name, ErrNotFound)
	}
	return list[i], nil
}

// SetVerifyToken gives an app another token for the verification handshake; the one before ends at once.
func (s *Store) SetVerifyToken(ctx context.Context, app string, token Secret) error {
	if token == "" {
		return errors.New("a verify token is not empty")
	}
	return translate(s.inTx(ctx, func(tx *gorm.DB) error {
		var row appRow
		if err := tx.Where("name = ?", keyText(app)).First(&row).Error; err != nil {
			return err
		}
		with, err := s.sealer(tx)
		if err != nil {
			return err
		}
		if err := tx.Model(&appRow{}).Where("id = ?", row.ID).Update("verify_token", with.Seal(token, verifyTokenPurpose)).Error; err != nil {
			return err
		}
		return raiseRoutes(tx)
	}), "app "+app)
}
