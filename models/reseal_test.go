package models_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"wabagate/models"
	"wabagate/models/modelstest"
)

// TestEverySealedColumnIsKnown walks the schema, so that no column of secrets can be forgotten when keys are rotated.
func TestEverySealedColumnIsKnown(t *testing.T) {
	notSealed := []string{"api_keys.hash", "callbacks.body", "deliveries.key", "event_keys.key", "events.key", "inspections.body", "invitations.token_hash", "keyring.wrapped", "sends.body",
		"sessions.token_hash"}
	onBoth(t, func(t *testing.T, where models.Options) {
		s, bare := open(t, where), slices.Clone(notSealed)
		// Partitions have the columns of their table.
		list := `SELECT c.relname || '.' || a.attname FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid
			WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p') AND NOT c.relispartition AND a.atttypid = 'bytea'::regtype AND a.attnum > 0 AND NOT a.attisdropped`
		if s.Embedded() {
			list = `SELECT m.name || '.' || c.name FROM sqlite_master m JOIN pragma_table_info(m.name) c WHERE m.type = 'table' AND lower(c.type) = 'blob'`
		} else { // which has counts in slips
			bare = append(bare, "count_slips.counts")
		}
		var there []string
		ok(t, s.DB().Raw(list).Scan(&there).Error)
		want := append(models.SealedColumns(), bare...)
		slices.Sort(there)
		slices.Sort(want)
		if !slices.Equal(there, want) {
			t.Errorf("columns of bytes:\n%v\nwant\n%v\nA new one belongs into models.sealedColumns, or into notSealed here.", there, want)
		}
	})
}

// vault is a store with secrets in every sealed column, more than one transaction seals anew.
type vault struct {
	*models.Store
	business int64
	number   int64
	webhooks []int64
}

const vaultWebhooks = 230

func fillSecrets(t *testing.T, s *models.Store) vault {
	t.Helper()
	ctx := t.Context()
	v := vault{Store: s, business: must[models.Business](t)(s.CreateBusiness(ctx, "Acme")).ID}
	must[models.App](t)(s.CreateApp(ctx, models.App{Name: "meta", VerifyToken: "verify", Secrets: []models.Secret{"one", "two"}}))
	v.number = must[models.Number](t)(s.CreateNumber(ctx, models.Number{BusinessID: v.business, PhoneNumberID: "1", OnpremToken: "onprem"})).ID
	ok(t, s.SetUpstream(ctx, v.business, models.Upstream{NumberID: v.number, Token: "upstream"}))
	must[models.Replies](t)(s.SetReplies(ctx, v.business, v.number, func(r *models.Replies) error { r.Key = "reply"; return nil }))
	for i := range vaultWebhooks {
		w := models.Webhook{BusinessID: v.business, URL: "https://x.example", Secret: models.Secret(fmt.Sprintf("secret %d", i)), PreviousSecret: "previous", PreviousUntil: noon}
		if i < 3 {
			w.Headers, w.Auth = map[string]string{"A": "b"}, models.Auth{Kind: "bearer", Token: "token"}
		}
		v.webhooks = append(v.webhooks, must[models.Webhook](t)(s.CreateWebhook(ctx, w)).ID)
	}
	return v
}

// vaultSecrets is how many secrets fill keeps.
const vaultSecrets = 1 + 2 + 1 + 1 + 1 + 2*vaultWebhooks + 3 + 3

// check reads every secret through a store.
func (v vault) check(t *testing.T, s *models.Store) {
	t.Helper()
	r := must[*models.Routes](t)(s.LoadRoutes(t.Context()))
	a := r.Apps["meta"]
	if a.VerifyToken != "verify" || !slices.Equal(a.Secrets, []models.Secret{"two", "one"}) || r.Numbers["1"].OnpremToken != "onprem" {
		t.Error("the app or the number lost a secret")
	}
	if u := must[models.Upstream](t)(s.UpstreamOf(t.Context(), v.number)); u.Token != "upstream" {
		t.Error("the upstream lost its token")
	}
	if r := must[models.Replies](t)(s.RepliesOf(t.Context(), v.number)); r.Key != "reply" {
		t.Error("the replies lost their key")
	}
	for i, id := range v.webhooks {
		w := r.Webhooks[id]
		if w.Secret.Text() != fmt.Sprintf("secret %d", i) && !strings.HasPrefix(w.Secret.Text(), "changed") || w.PreviousSecret != "previous" {
			t.Fatalf("webhook %d lost its secrets: %q", id, w.Secret.Text())
		}
		if i < 3 && (w.Headers["A"] != "b" || w.Auth.Token != "token") {
			t.Fatalf("webhook %d lost its headers or auth", id)
		}
	}
}

// keys are the numbers of the data keys.
func (v vault) keys(t *testing.T) (ids []int) {
	t.Helper()
	ok(t, v.DB().Raw("SELECT id FROM keyring ORDER BY id").Scan(&ids).Error)
	return ids
}

func TestRotateKeys(t *testing.T) {
	onBoth(t, func(t *testing.T, where models.Options) {
		where.MasterKey = "master"
		v, ctx := fillSecrets(t, open(t, where)), t.Context()
		other := open(t, where) // the gateway, which goes on
		steps, last := 0, int64(0)
		r := must[models.KeyRotation](t)(v.RotateKeys(ctx, func(p models.KeyRotation) {
			steps++
			if p.Resealed < last || p.Total != vaultSecrets {
				t.Errorf("progress: %+v", p)
			}
			last = p.Resealed
			v.check(t, other)
		}))
		if want := (models.KeyRotation{Key: 2, Resealed: vaultSecrets, Total: vaultSecrets, Removed: 1}); r != want {
			t.Errorf("%+v, want %+v", r, want)
		}
		if steps < 8 || !slices.Equal(v.keys(t), []int{2}) {
			t.Errorf("%d steps, keys %v", steps, v.keys(t))
		}
		v.check(t, v.Store)
		v.check(t, other)
		v.check(t, open(t, where))

		// A process that knows nothing of the new key writes with it all the same, and a second rotation works as the first.
		stale := open(t, where)
		must[models.KeyRotation](t)(v.RotateKeys(ctx, nil))
		must[models.Webhook](t)(stale.UpdateWebhook(ctx, v.business, v.webhooks[0], func(w *models.Webhook) error { w.Secret = "changed"; return nil }))
		ok(t, stale.AddAppSecret(ctx, "meta", "three"))
		ok(t, stale.DropOldAppSecrets(ctx, "meta"))
		got := must[models.Webhook](t)(v.Webhook(ctx, v.business, v.webhooks[0]))
		if got.Secret != "changed" || !slices.Equal(v.keys(t), []int{3}) {
			t.Errorf("%q with keys %v", got.Secret.Text(), v.keys(t))
		}
	})
}

// A rotation that is cut off anywhere is finished by the next, and nothing is out of reach in between.
func TestRotateKeysResumes(t *testing.T) {
	onBoth(t, func(t *testing.T, where models.Options) {
		v := fillSecrets(t, open(t, where))
		for steps := 1; steps <= 3; steps++ {
			ctx, cancel := context.WithCancel(t.Context())
			n := 0
			r, err := v.RotateKeys(ctx, func(models.KeyRotation) {
				if n++; n == steps {
					cancel()
				}
			})
			cancel()
			if err == nil || r.Removed != 0 || r.Resumed != (steps > 1) {
				t.Fatalf("not cut off: %+v, %v", r, err)
			}
			if keys := v.keys(t); !slices.Equal(keys, []int{1, 2}) {
				t.Fatalf("keys %v", keys)
			}
			v.check(t, v.Store)
			v.check(t, open(t, where))
		}
		r := must[models.KeyRotation](t)(open(t, where).RotateKeys(t.Context(), nil))
		if r.Key != 2 || !r.Resumed || r.Removed != 1 || r.Resealed != r.Total || r.Total == 0 || r.Total >= vaultSecrets {
			t.Errorf("%+v", r)
		}
		v.check(t, v.Store)
	})
}

// Two rotations at once, while webhooks are changed and read: nothing is lost, and what is left is sealed with one key.
func TestRotateKeysWhileWriting(t *testing.T) {
	onBoth(t, func(t *testing.T, where models.Options) {
		v, ctx := fillSecrets(t, open(t, where)), t.Context()
		writer, reader, rival := open(t, where), open(t, where), open(t, where)
		stop := make(chan struct{})
		var wg sync.WaitGroup
		written := map[int64]models.Secret{}
		wg.Go(func() {
			for i := 0; ; i++ {
				select {
				case <-stop:
					return
				default:
				}
				id, secret := v.webhooks[(i*37)%len(v.webhooks)], models.Secret(fmt.Sprintf("changed %d", i))
				if _, err := writer.UpdateWebhook(ctx, v.business, id, func(w *models.Webhook) error { w.Secret = secret; return nil }); err != nil {
					t.Errorf("write: %v", err)
					return
				}
				written[id] = secret
				time.Sleep(2 * time.Millisecond) // SQLite has no queue for writers: one that never pauses lets nobody in
			}
		})
		wg.Go(func() {
			for {
				select {
				case <-stop:
					return
				default:
				}
				if _, err := reader.LoadRoutes(ctx); err != nil {
					t.Errorf("read: %v", err)
					return
				}
			}
		})
		var rotations sync.WaitGroup
		for _, s := range []*models.Store{v.Store, rival} {
			rotations.Go(func() {
				for range 2 {
					if _, err := s.RotateKeys(ctx, nil); err != nil {
						t.Errorf("rotate: %v", err)
					}
				}
			})
		}
		rotations.Wait()
		close(stop)
		wg.Wait()
		v.check(t, open(t, where))
		if len(written) == 0 || len(v.keys(t)) != 1 {
			t.Errorf("%d written, keys %v", len(written), v.keys(t))
		}
		for id, secret := range written {
			if got := must[models.Webhook](t)(v.Webhook(ctx, v.business, id)); got.Secret != secret {
				t.Errorf("webhook %d: %q, want %q", id, got.Secret.Text(), secret.Text())
			}
		}
	})
}

// A key stays while somebody is about to write what he sealed with it. Writers of the embedded database come one after the
// other.
func TestRotateKeysWaitsForWriters(t *testing.T) {
	t.Parallel()
	where := models.Options{DatabaseURL: models.Secret(modelstest.PostgresURL(t))}
	v, ctx := fillSecrets(t, open(t, where)), t.Context()
	rotated := make(chan error, 1)
	ok(t, open(t, where).AddAppSecretSlowly(ctx, "three", func() {
		go func() { _, err := v.RotateKeys(ctx, nil); rotated <- err }()
		select {
		case err := <-rotated:
			t.Errorf("the rotation ended meanwhile: %v", err)
			rotated <- err
		case <-time.After(time.Second):
		}
	}))
	ok(t, <-rotated)
	got := must[*models.Routes](t)(v.LoadRoutes(ctx)).Apps["meta"].Secrets
	if keys := v.keys(t); !slices.Equal(keys, []int{2}) || !slices.Equal(got, []models.Secret{"three", "two", "one"}) {
		t.Errorf("keys %v, %d secrets", keys, len(got))
	}
}

// The numbers of keys come round again.
func TestKeyNumbersComeRound(t *testing.T) {
	onBoth(t, func(t *testing.T, where models.Options) {
		s, ctx := open(t, where), t.Context()
		must[models.App](t)(s.CreateApp(ctx, models.App{Name: "meta", Secrets: []models.Secret{"s3cret"}}))
		ok(t, s.DB().Exec("UPDATE keyring SET id = 255").Error)
		ok(t, s.DB().Exec("UPDATE app_secrets SET sealed = ? || substr(sealed, 2)", []byte{255}).Error)
		if s.Embedded() { // its || makes text
			ok(t, s.DB().Exec("UPDATE app_secrets SET sealed = CAST(sealed AS blob)").Error)
		}
		old := open(t, where)
		if r := must[models.KeyRotation](t)(s.RotateKeys(ctx, nil)); r.Key != 1 || r.Removed != 1 {
			t.Fatalf("%+v", r)
		}
		for _, s := range []*models.Store{s, old} { // s knew another key by this number
			if got := must[*models.Routes](t)(s.LoadRoutes(ctx)).Apps["meta"].Secrets[0]; got != "s3cret" {
				t.Errorf("%q", got.Text())
			}
		}
	})
}

func TestChangeMasterKey(t *testing.T) {
	onBoth(t, func(t *testing.T, where models.Options) {
		ctx := t.Context()
		first, second, both := where, where, where
		first.MasterKey, second.MasterKey = "first master", "second master"
		both.MasterKey, both.PreviousMasterKey = second.MasterKey, first.MasterKey
		v := fillSecrets(t, open(t, first))
		_, err := models.Open(ctx, second)
		if err == nil || !strings.Contains(err.Error(), "WABAGATE_MASTER_KEY_PREVIOUS") || strings.Contains(err.Error(), "master ") {
			t.Errorf("without the previous: %v", err)
		}
		changed := open(t, both)
		if changed.Rewrapped() != 1 {
			t.Errorf("rewrapped %d", changed.Rewrapped())
		}
		v.check(t, changed)
		v.check(t, v.Store)
		v.check(t, open(t, second))
		if again := open(t, both); again.Rewrapped() != 0 {
			t.Error("wrapped again")
		}
		if _, err := models.Open(ctx, first); err == nil || !strings.Contains(err.Error(), "WABAGATE_MASTER_KEY is not the key") {
			t.Errorf("with the old one: %v", err)
		}
		other := both
		other.MasterKey, other.PreviousMasterKey = "third master", "fourth master"
		if _, err := models.Open(ctx, other); err == nil || !strings.Contains(err.Error(), "neither") {
			t.Errorf("with two wrong ones: %v", err)
		}

		// A process from before the change goes on until it meets a key that it cannot unwrap, and says so.
		must[models.KeyRotation](t)(changed.RotateKeys(ctx, nil))
		v.check(t, open(t, second))
		if _, err := v.LoadRoutes(ctx); err == nil || !strings.Contains(err.Error(), "WABAGATE_MASTER_KEY is not the key") {
			t.Errorf("from before: %v", err)
		}
	})
}

// Secrets that are damaged stop a rotation before the old key goes.
func TestRotateKeysKeepsWhatItCannotOpen(t *testing.T) {
	onBoth(t, func(t *testing.T, where models.Options) {
		v := fillSecrets(t, open(t, where))
		ok(t, v.DB().Exec("UPDATE webhooks SET auth = ? WHERE id = ?", append([]byte{1}, make([]byte, 60)...), v.webhooks[1]).Error)
		for range 2 {
			_, err := v.RotateKeys(t.Context(), nil)
			if err == nil || !strings.Contains(err.Error(), fmt.Sprintf("seal auth of webhooks anew: row %d", v.webhooks[1])) {
				t.Errorf("error: %v", err)
			}
			if keys := v.keys(t); !slices.Equal(keys, []int{1, 2}) {
				t.Errorf("keys %v", keys)
			}
		}
		ok(t, v.DB().Exec("UPDATE webhooks SET auth = NULL WHERE id = ?", v.webhooks[1]).Error)
		if r := must[models.KeyRotation](t)(v.RotateKeys(t.Context(), nil)); r.Removed != 1 {
			t.Errorf("%+v", r)
		}
	})
}
