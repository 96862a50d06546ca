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

// App is a Meta app whose callbacks arrive under its name: /webhooks/cloud/{name}.
type App struct {
	ID int64
	// BusinessID limits the app to one business's numbers; nil is an app that serves every business.
	BusinessID  *int64
	Name        string
	VerifyToken Secret `gorm:"-"`
	// Secrets are the live ones, the newest first.
	Secrets   []Secret `gorm:"-"`
	CreatedAt time.Time
}

type appRow struct {
	ID          int64
	BusinessID  *int64
	Name        string
	VerifyToken []byte
	CreatedAt   time.Time
}

func (appRow) TableName() string { return "apps" }

type appSecretRow struct {
	ID        int64
	AppID     int64
	Sealed    []byte
	CreatedAt time.Time
}

func (appSecretRow) TableName() string { return "app_secrets" }

// Number is a connected WhatsApp number.
type Number struct {
	ID            int64
	BusinessID    int64
	PhoneNumberID string
	// Display is the number as people write it, digits in callbacks.
	Display string
	WABAID  string
	Name    string
	// OnpremToken is the unguessable part of the address for On-Premises style callbacks; empty: there is no such address.
	OnpremToken Secret
	CreatedAt   time.Time
}

type numberRow struct {
	ID            int64
	BusinessID    int64
	PhoneNumberID string
	Display       string
	WABAID        string `gorm:"column:waba_id"`
	Name          string
	OnpremToken   []byte
	CreatedAt     time.Time
}

func (numberRow) TableName() string { return "numbers" }

// CreateApp makes an app with its first secrets, the newest last. ErrConflict when the name is taken.
func (s *Store) CreateApp(ctx context.Context, a App) (App, error) {
	a.Name = keyText(a.Name)
	err := s.inTx(ctx, func(tx *gorm.DB) error {
		with, err := s.sealer(tx)
		if err != nil {
			return err
		}
		row := appRow{BusinessID: a.BusinessID, Name: a.Name, VerifyToken: with.Seal(a.VerifyToken, verifyTokenPurpose), CreatedAt: moment(time.Now())}
		if err := tx.Create(&row).Error; err != nil {
			return err
		}
		a.ID, a.CreatedAt = row.ID, row.CreatedAt
		for _, secret := range a.Secrets {
			if err := addAppSecret(tx, with, row.ID, secret); err != nil {
				return err
			}
		}
		return raiseRoutes(tx)
	})
	return a, translate(err, "create app "+a.Name)
}

func addAppSecret(tx *gorm.DB, with sealer, appID int64, secret Secret) error {
	if secret == "" {
		return errors.New("an app secret is not empty")
	}
	return tx.Create(&appSecretRow{AppID: appID, Sealed: with.Seal(secret, appSecretPurpose), CreatedAt: moment(time.Now())}).Error
}

// AddAppSecret makes one more secret of the app valid; callbacks signed with any live secret are accepted.
func (s *Store) AddAppSecret(ctx context.Context, app string, secret Secret) error {
	return translate(s.inTx(ctx, func(tx *gorm.DB) error {
		var row appRow
		if err := tx.Where("name = ?", keyText(app)).First(&row).Error; err != nil {
			return err
		}
		with, err := s.sealer(tx)
		if err != nil {
			return err
		}
		if err := addAppSecret(tx, with, row.ID, secret); err != nil {
			return err
		}
		return raiseRoutes(tx)
	}), "app "+app)
}

// DropOldAppSecrets leaves only the newest secret of an app valid: the end of a rotation.
func (s *Store) DropOldAppSecrets(ctx context.Context, app string) error {
	return translate(s.inTx(ctx, func(tx *gorm.DB) error {
		var row appRow
		if err := tx.Where("name = ?", keyText(app)).First(&row).Error; err != nil {
			return err
		}
		res := tx.Exec("DELETE FROM app_secrets WHERE app_id = ? AND id < (SELECT max(id) FROM app_secrets WHERE app_id = ?)", row.ID, row.ID)
		if res.Error != nil || res.RowsAffected == 0 {
			return res.Error
		}
		return raiseRoutes(tx)
	}), "app "+app)
}

func (s *Store) loadApps(ctx context.Context) (map[string]App, error) {
	var rows []appRow
	var secrets []appSecretRow
	if err := s.db.WithContext(ctx).Find(&rows).Error; err != nil {
		return nil, translate(err, "load apps")
	}
	if err := s.db.WithContext(ctx).Order("id desc").Find(&secrets).Error; err != nil {
		return nil, translate(err, "load app secrets")
	}
	apps := make(map[string]App, len(rows))
	for _, r := range rows {
		token, err := s.ring.Open(r.VerifyToken, verifyTokenPurpose)
		if err != nil {
			return nil, fmt.Errorf("app %s: %w", r.Name, err)
		}
		a := App{ID: r.ID, BusinessID: r.BusinessID, Name: r.Name, VerifyToken: token, CreatedAt: r.CreatedAt}
		for _, sec := range secrets {
			if sec.AppID != r.ID {
				continue
			}
			plain, err := s.ring.Open(sec.Sealed, appSecretPurpose)
			if err != nil {
				return nil, fmt.Errorf("app %s: %w", r.Name, err)
			}
			a.Secrets = append(a.Secrets, plain)
		}
		apps[r.Name] = a
	}
	return apps, nil
}

// ParkedForWABA is the key under which callbacks about a whole account are parked, as if it were a phone number id.
func ParkedForWABA(wabaID string) string { return "waba:" + wabaID }

// CreateNumber connects a number and hands what was kept for it and its account to the workers: callbacks that arrived
// before are processed now. ErrConflict when the phone number id is connected already.
func (s *Store) CreateNumber(ctx context.Context, n Number) (Number, error) {
	n.CreatedAt = moment(time.Now())
	n.PhoneNumberID, n.Display, n.WABAID, n.Name = keyText(n.PhoneNumberID), printable(n.Display), printable(n.WABAID), printable(n.Name)
	err := s.inTx(ctx, func(tx *gorm.DB) error {
		// First, so that translations which park callbacks are either seen by unpark or see the change: Changes.RoutesVersion.
		if err := raiseRoutes(tx); err != nil {
			return err
		}
		with, err := s.sealer(tx)
		if err != nil {
			return err
		}
		row := numberRow{BusinessID: n.BusinessID, PhoneNumberID: n.PhoneNumberID, Display: n.Display, WABAID: n.WABAID, Name: n.Name,
			OnpremToken: with.Seal(n.OnpremToken, onpremPurpose), CreatedAt: n.CreatedAt}
		if err := tx.Create(&row).Error; err != nil {
			return err
		}
		n.ID = row.ID
		keys := []string{n.PhoneNumberID}
		if n.WABAID != "" {
			keys = append(keys, keyText(ParkedForWABA(n.WABAID)))
		}
		return s.unpark(tx, keys)
	})
	return n, translate(err, "connect number "+n.PhoneNumberID)
}

// SetNumberToken gives a business's number an address for On-Premises style callbacks, in place of the one that it had;
// the empty token removes it.
func (s *Store) SetNumberToken(ctx context.Context, businessID, numberID int64, token Secret) error {
	return translate(s.inTx(ctx, func(tx *gorm.DB) error {
		with, err := s.sealer(tx)
		if err != nil {
			return err
		}
		res := tx.Model(&numberRow{}).Where("id = ? AND business_id = ?", numberID, businessID).Update("onprem_token", with.Seal(token, onpremPurpose))
		if res.Error != nil {
			return res.Error
		}
		if res.RowsAffected == 0 {
			return ErrNotFound
		}
		return raiseRoutes(tx)
	}), fmt.Sprintf("number %d", numberID))
}

// Numbers lists a business's numbers.
func (s *Store) Numbers(ctx context.Context, businessID int64) ([]Number, error) {
	return s.numbers(s.db.WithContext(ctx).Where("business_id = ?", businessID))
}

func (s *Store) numbers(q *gorm.DB) ([]Number, error) {
	var rows []numberRow
	if err := q.Order("id").Find(&rows).Error; err != nil {
		return nil, translate(err, "list numbers")
	}
	ns := make([]Number, len(rows))
	for i, r := range rows {
		token, err := s.ring.Open(r.OnpremToken, onpremPurpose)
		if err != nil {
			return nil, fmt.Errorf("number %d: %w", r.ID, err)
		}
		ns[i] = Number{ID: r.ID, BusinessID: r.BusinessID, PhoneNumberID: r.PhoneNumberID, Display: r.Display, WABAID: r.WABAID, Name: r.Name,
			OnpremToken: token, CreatedAt: r.CreatedAt}
	}
	return ns, nil
}

// ownNumber answers ErrNotFound unless the number, if there is one, belongs to the business.
func ownNumber(tx *gorm.DB, businessID int64, numberID *int64) error {
	if numberID == nil {
		return nil
	}
	if err := tx.Where("business_id = ?", businessID).Select("id").First(&numberRow{}, *numberID).Error; err != nil {
		return translate(err, fmt.Sprintf("number %d", *numberID))
	}
	return nil
}

// unpark makes work of every callback that waited under one of the keys.
func (s *Store) unpark(tx *gorm.DB, keys []string) error {
	var ids []int64
	if err := tx.Raw("DELETE FROM parked WHERE phone_number_id IN ? RETURNING callback_id", keys).Scan(&ids).Error; err != nil {
		return err
	}
	slices.Sort(ids)
	ids = slices.Compact(ids) // one may have waited under both
	due := time.Now()
	ws := make([]Work, len(ids))
	for i, id := range ids {
		ws[i] = Work{ID: s.nextID(), Kind: TranslateCallbacks, DueAt: due, Members: []int64{id, id}}
	}
	return s.addWork(tx, ws...)
}

// addWork puts work into the outbox within a transaction, some hundred at a time.
func (s *Store) addWork(tx *gorm.DB, ws ...Work) error {
	for some := range slices.Chunk(ws, 500) {
		args := make([]any, 0, 7*len(some))
		for _, w := range some {
			args = append(args, w.ID, w.Kind, w.Priority, w.WebhookID, w.DueAt.UnixMilli(), idOrNil(w.JobID), s.members(w.Members))
		}
		rows := strings.Repeat(", (?, ?, ?, ?, ?, ?, ?)", len(some))[2:]
		if err := tx.Exec("INSERT INTO outbox (id, kind, priority, webhook_id, due_at, job_id, members) VALUES "+rows, args...).Error; err != nil {
			return err
		}
	}
	return nil
}

// members is the engine's form of a list of ids.
func (s *Store) members(ids []int64) any {
	if s.embedded {
		return encodeMembers(ids)
	}
	return postgresArray(ids)
}
