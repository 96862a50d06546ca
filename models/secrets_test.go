package models_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"

	"wabagate/models"
)

// TestNothingPlainAtRest keeps one of every secret and then reads every column of every table.
func TestNothingPlainAtRest(t *testing.T) {
	onBoth(t, func(t *testing.T, where models.Options) {
		where.MasterKey = "PLAIN-master"
		s, ctx := open(t, where), t.Context()
		b := must[models.Business](t)(s.CreateBusiness(ctx, "Acme"))
		must[models.App](t)(s.CreateApp(ctx, models.App{Name: "meta", VerifyToken: "PLAIN-verify", Secrets: []models.Secret{"PLAIN-app"}}))
		ok(t, s.AddAppSecret(ctx, "meta", "PLAIN-second"))
		w := must[models.Webhook](t)(s.CreateWebhook(ctx, models.Webhook{BusinessID: b.ID, URL: "https://x.example", Secret: "PLAIN-webhook", Headers: map[string]string{"Authorization": "PLAIN-header"}}))
		must[models.Webhook](t)(s.UpdateWebhook(ctx, b.ID, w.ID, func(w *models.Webhook) error {
			w.Auth = models.Auth{Kind: "basic", User: "PLAIN-user", Password: "PLAIN-word", Token: "PLAIN-token", Certificate: "PLAIN-certificate", Key: "PLAIN-key"}
			return w.RotateSecret("PLAIN-rotated", time.Hour, false, time.Now())
		}))
		n := must[models.Number](t)(s.CreateNumber(ctx, models.Number{BusinessID: b.ID, PhoneNumberID: "1", OnpremToken: "PLAIN-first"}))
		ok(t, s.SetNumberToken(ctx, b.ID, n.ID, "PLAIN-onprem"))
		ok(t, s.SetUpstream(ctx, b.ID, models.Upstream{NumberID: n.ID, Token: "PLAIN-upstream"}))
		must[models.Replies](t)(s.SetReplies(ctx, b.ID, n.ID, func(r *models.Replies) error { r.Key = "PLAIN-reply"; return nil }))
		u := must[models.User](t)(s.CreateUser(ctx, b.ID, "a@example.com", "PLAIN-password", false))
		session := must[models.Secret](t)(s.StartSession(ctx, u.ID, time.Hour))
		_, key, err := s.CreateAPIKey(ctx, b.ID, nil, "CI")
		ok(t, err)
		_, invitation, err := s.Invite(ctx, models.Invitation{BusinessID: b.ID, Email: "b@example.com", Role: models.RoleMember}, time.Hour)
		ok(t, err)

		dump := dumpAll(t, s)
		if !strings.Contains(dump, "https://x.example") || !strings.Contains(dump, "a@example.com") {
			t.Fatal("the dump shows nothing")
		}
		for _, plain := range []string{"PLAIN", session.Text(), key.Text(), invitation.Text()} {
			if i := strings.Index(dump, plain); i >= 0 {
				t.Errorf("plain in the database: …%.60s", dump[max(0, i-30):])
			}
		}
		apps := must[*models.Routes](t)(s.LoadRoutes(ctx)).Apps
		if apps["meta"].VerifyToken.Text() != "PLAIN-verify" {
			t.Error("verify token lost")
		}
	})
}

func dumpAll(t *testing.T, s *models.Store) string {
	t.Helper()
	list := "SELECT tablename FROM pg_tables WHERE schemaname = 'public'"
	if s.Embedded() {
		list = "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%'"
	}
	var tables []string
	ok(t, s.DB().Raw(list).Scan(&tables).Error)
	if len(tables) < 20 {
		t.Fatalf("tables: %v", tables)
	}
	var dump strings.Builder
	for _, table := range tables {
		var rows []map[string]any
		ok(t, s.DB().Table(table).Find(&rows).Error)
		for _, row := range rows {
			for column, v := range row {
				if raw, is := v.([]byte); is {
					v = string(raw)
				}
				_, _ = fmt.Fprintf(&dump, "%s.%s=%v\n", table, column, v)
			}
		}
	}
	return dump.String()
}

func TestKeyring(t *testing.T) {
	onBoth(t, func(t *testing.T, where models.Options) {
		ctx := t.Context()
		bare := func(s *models.Store) (n int64) {
			ok(t, s.DB().Raw("SELECT count(*) FROM keyring WHERE NOT is_wrapped").Scan(&n).Error)
			return n
		}
		secret := func(s *models.Store) string {
			return must[*models.Routes](t)(s.LoadRoutes(ctx)).Apps["meta"].Secrets[0].Text()
		}
		s := open(t, where)
		if s.KeysProtected() || bare(s) != 1 {
			t.Fatal("no master key was given, and yet the data key is wrapped")
		}
		must[models.App](t)(s.CreateApp(ctx, models.App{Name: "meta", Secrets: []models.Secret{"s3cret"}}))
		if got := secret(open(t, where)); got != "s3cret" {
			t.Fatalf("without a master key: %q", got)
		}
		protected := where
		protected.MasterKey = "master"
		later := open(t, protected)
		if !later.KeysProtected() || bare(later) != 0 || secret(later) != "s3cret" {
			t.Fatal("not wrapped later")
		}
		if secret(s) != "s3cret" {
			t.Fatal("a process from before cannot go on")
		}
		if got := secret(open(t, protected)); got != "s3cret" {
			t.Fatalf("with the master key: %q", got)
		}
		wrong := where
		wrong.MasterKey = "MASTER-OTHER"
		for _, o := range []models.Options{where, wrong} {
			_, err := models.Open(ctx, o)
			if err == nil || !strings.Contains(err.Error(), "WABAGATE_MASTER_KEY") || strings.Contains(err.Error(), "MASTER-OTHER") {
				t.Errorf("error: %v", err)
			}
		}
	})
}

func TestKeyringProtectedFromTheStart(t *testing.T) {
	onBoth(t, func(t *testing.T, where models.Options) {
		where.MasterKey = "master"
		s := open(t, where)
		var size, bare int64
		ok(t, s.DB().Raw("SELECT count(*) FROM keyring WHERE NOT is_wrapped").Scan(&bare).Error)
		ok(t, s.DB().Raw("SELECT length(wrapped) FROM keyring").Scan(&size).Error)
		if bare != 0 || size <= 32 || !s.KeysProtected() {
			t.Fatalf("bare %d, size %d", bare, size)
		}
	})
}

func TestSecretNeverPrints(t *testing.T) {
	const s = models.Secret("hunter2")
	type holder struct {
		Secret models.Secret
		List   []models.Secret
		Map    map[string]models.Secret
		Ptr    *models.Secret
	}
	pointed := s
	h := holder{s, []models.Secret{s}, map[string]models.Secret{"k": s}, &pointed}
	var out bytes.Buffer
	for _, verb := range []string{"%v", "%+v", "%#v", "%q", "%s", "%x", "%X", "%d", "%10s"} {
		_, _ = fmt.Fprintf(&out, verb+" "+verb+" "+verb+"\n", s, h, []any{s, h})
	}
	_, _ = fmt.Fprintln(&out, s, h, &h, s.String(), s.GoString(), fmt.Errorf("bad: %w %v", fmt.Errorf("%v", s), s))
	for _, v := range []any{s, h, &h} {
		b, err := json.Marshal(v)
		ok(t, err)
		out.Write(b)
	}
	for _, handler := range []slog.Handler{slog.NewTextHandler(&out, nil), slog.NewJSONHandler(&out, nil)} {
		slog.New(handler).Info("m", "secret", s, "holder", h, slog.Group("g", "s", s))
	}
	if strings.Contains(out.String(), "hunter2") || strings.Contains(out.String(), "68756e74657232") || strings.Contains(out.String(), "68756E74657232") {
		t.Fatalf("printed:\n%s", out.String())
	}
	if !strings.Contains(out.String(), "<secret>") || s.Text() != "hunter2" {
		t.Fatal("not as documented")
	}
}
