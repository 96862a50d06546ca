package models_test

import (
	"database/sql"
	"io/fs"
	"path/filepath"
	"testing"
	"time"

	_ "github.com/glebarez/go-sqlite"
	_ "github.com/jackc/pgx/v5/stdlib"
	"github.com/pressly/goose/v3"

	"wabagate/models"
	"wabagate/models/migrations"
	"wabagate/models/modelstest"
)

// TestMigrateWhatIsThere: a database of the first version keeps what it has, and goes on with it.
func TestMigrateWhatIsThere(t *testing.T) {
	t.Parallel()
	for name, where := range map[string]func(t *testing.T) (models.Options, goose.Dialect, string, string, fs.FS){
		"Postgres": func(t *testing.T) (models.Options, goose.Dialect, string, string, fs.FS) {
			url := modelstest.EmptyPostgresURL(t)
			return models.Options{DatabaseURL: models.Secret(url)}, goose.DialectPostgres, "pgx", url, migrations.Postgres
		},
		"SQLite": func(t *testing.T) (models.Options, goose.Dialect, string, string, fs.FS) {
			dir := t.TempDir()
			return models.Options{Dir: dir}, goose.DialectSQLite3, "sqlite", filepath.Join(dir, "wabagate.db"), migrations.SQLite
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			o, dialect, driver, address, files := where(t)
			db := must[*sql.DB](t)(sql.Open(driver, address))
			dir := map[goose.Dialect]string{goose.DialectPostgres: "postgres", goose.DialectSQLite3: "sqlite"}[dialect]
			first := must[*goose.Provider](t)(goose.NewProvider(dialect, db, must[fs.FS](t)(fs.Sub(files, dir))))
			must[[]*goose.MigrationResult](t)(first.UpTo(t.Context(), 1))
			const at = "'2026-11-21 10:00:00+00:00'"
			for _, row := range []string{
				"INSERT INTO businesses (id, name, created_at) VALUES (1, 'Acme', " + at + ")",
				"INSERT INTO users (id, business_id, email, password_hash, is_operator, created_at) VALUES (1, 1, 'a@example.com', 'x', false, " + at + ")",
				"INSERT INTO numbers (id, business_id, phone_number_id, display, waba_id, name, created_at) VALUES (1, 1, '100', '', '', '', " + at + ")",
				`INSERT INTO webhooks (id, business_id, name, description, url, events, dialect, retry_schedule, timeout_ms, rate_limit, is_active, disabled_reason, created_at, updated_at)
					VALUES (1, 1, '', '', '', '[]', 'awalchat', 'null', 0, 0, true, '', ` + at + ", " + at + ")",
				"INSERT INTO contacts (id, business_id, name, username, wa_id, user_id, parent_user_id, created_at, updated_at) VALUES (1, 1, 'Ann', '', '49170', '', '', " + at + ", " + at + ")",
				"INSERT INTO identities (business_id, kind, value, contact_id) VALUES (1, 2, '49170', 1)",
				"INSERT INTO conversations (id, number_id, contact_id, sequence, created_at) VALUES (1, 1, 1, 5, " + at + ")",
				"INSERT INTO messages (number_id, wamid, conversation_id, inbound, type, text, status, sent_at) VALUES (1, 'm', 1, true, 'text', 'hi', '', " + at + ")",
				`INSERT INTO webhooks (id, business_id, name, description, url, events, dialect, retry_schedule, timeout_ms, rate_limit, is_active, disabled_reason, created_at, updated_at)
					VALUES (2, 1, '', '', '', '[]', 'awalchat', 'null', 0, 0, false, 'answered 410', ` + at + ", " + at + ")",
				`INSERT INTO events (id, key, business_id, number_id, type, conversation_id, sequence, callback_id, created_at, data)
					VALUES (1, '0123456789abcdef', 1, 1, 'message.received', 1, 5, 1, ` + at + ", '{}')",
				"INSERT INTO deliveries (event_id, webhook_id, state, attempts, due_at) VALUES (1, 1, 1, 1, " + at + "), (1, 2, 3, 0, " + at + ")",
				"INSERT INTO callbacks (id, app_id, received_at, body) VALUES (1, 2, " + at + ", 'x')",
			} {
				must[sql.Result](t)(db.ExecContext(t.Context(), row))
			}
			ok(t, db.Close())

			s, ctx := open(t, o), t.Context()
			_, err := s.Migrate(ctx)
			ok(t, err)
			if us := must[[]models.User](t)(s.Users(ctx, 1)); us[0].Role != models.RoleOwner || us[0].LastLoginAt != nil {
				t.Errorf("users %+v", us)
			}
			if w := must[models.Webhook](t)(s.Webhook(ctx, 1, 1)); !w.Verified || w.Filter != nil {
				t.Errorf("webhook %+v", w)
			}
			off := must[models.Webhook](t)(s.Webhook(ctx, 1, 2))
			if off.DisabledBy != models.ByReceiver || off.DisabledAt.IsZero() || off.DisabledReason != "answered 410" || off.Ordering != models.OrderNone {
				t.Errorf("webhook that is off: %+v", off)
			}
			if held := must[models.HeldCount](t)(s.CountHeld(ctx, 2)); held.N != 1 {
				t.Errorf("held %+v", held)
			}
			if cs := must[[]models.Callback](t)(s.Callbacks(ctx, 1, 1)); len(cs) != 1 || cs[0].AppID != 2 || cs[0].NumberID != 0 {
				t.Errorf("callbacks %+v", cs)
			}
			if ms := must[[]models.Message](t)(s.ConversationMessages(ctx, 1, 1, time.Time{}, 0)); len(ms) != 1 || ms[0].Text != "hi" || ms[0].ReplyTo != "" {
				t.Errorf("messages %+v", ms)
			}
			ok(t, s.Translate(ctx, func(tx models.Translation) error {
				p, err := tx.People(ctx, []models.PersonRef{{BusinessID: 1, NumberID: 1, WaID: "49170", UserID: "u1", Create: true}})
				if err == nil && (p[0].Contact.Name != "Ann" || p[0].Conversation.Sequence != 5 || p[0].Conversation.Status != models.ConversationOpen || !p[0].NewUserID) {
					t.Errorf("person %+v", p)
				}
				return err
			}))
		})
	}
}
