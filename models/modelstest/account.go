package modelstest

import (
	"strings"
	"testing"
	"time"

	"wabagate/models"
)

func testUsers(t *testing.T, w *world) {
	first, err := w.CreateUser(w.ctx, w.business, " Ann@Example.com ", "correct horse", false)
	w.ok(err)
	w.equal("the first user is an operator", first.IsOperator, true)
	w.equal("address", first.Email, "ann@example.com")
	if !strings.HasPrefix(first.PasswordHash, "argon2id$") || strings.Contains(first.PasswordHash, "horse") {
		t.Fatalf("password hash %q", first.PasswordHash)
	}
	second, err := w.CreateUser(w.ctx, w.business, "bob@example.com", "correct horse", false)
	w.ok(err)
	w.equal("the second is not", second.IsOperator, false)
	if first.PasswordHash == second.PasswordHash {
		t.Fatal("equal passwords have equal hashes")
	}
	_, err = w.CreateUser(w.ctx, w.business, "ANN@example.com", "another one", false)
	w.is(err, models.ErrConflict)
	_, err = w.CreateUser(w.ctx, 999999, "x@example.com", "another one", false)
	w.is(err, models.ErrNotFound)
	if _, err = w.CreateUser(w.ctx, w.business, "c@example.com", "short", false); err == nil {
		t.Fatal("a short password was taken")
	}

	u, err := w.Authenticate(w.ctx, "ANN@example.com", "correct horse")
	w.ok(err)
	w.equal("who", u.ID, first.ID)
	for email, password := range map[string]models.Secret{"ann@example.com": "wrong horse", "nobody@example.com": "correct horse", "a\x00b\xff": "correct horse"} {
		_, err = w.Authenticate(w.ctx, email, password)
		w.is(err, models.ErrNotFound)
	}

	token, err := w.StartSession(w.ctx, first.ID, time.Hour)
	w.ok(err)
	w.ok(w.SetPassword(w.ctx, "ann@example.com", "a new password"))
	_, err = w.SessionUser(w.ctx, token)
	w.is(err, models.ErrNotFound)
	_, err = w.Authenticate(w.ctx, "ann@example.com", "correct horse")
	w.is(err, models.ErrNotFound)
	_, err = w.Authenticate(w.ctx, "ann@example.com", "a new password")
	w.ok(err)
	w.is(w.SetPassword(w.ctx, "nobody@example.com", "a new password"), models.ErrNotFound)

	bs, err := w.Businesses(w.ctx)
	w.ok(err)
	w.equal("businesses", len(bs), 1)
	_, err = w.Business(w.ctx, 999999)
	w.is(err, models.ErrNotFound)
}

func testSessions(_ *testing.T, w *world) {
	u, err := w.CreateUser(w.ctx, w.business, "ann@example.com", "correct horse", false)
	w.ok(err)
	token, err := w.StartSession(w.ctx, u.ID, time.Hour)
	w.ok(err)
	got, err := w.SessionUser(w.ctx, token)
	w.ok(err)
	w.equal("user", got.ID, u.ID)
	short, err := w.StartSession(w.ctx, u.ID, 30*time.Millisecond)
	w.ok(err)
	time.Sleep(40 * time.Millisecond)
	_, err = w.SessionUser(w.ctx, short)
	w.is(err, models.ErrNotFound)
	old, err := w.StartSession(w.ctx, u.ID, -time.Hour)
	w.ok(err)
	_, err = w.SessionUser(w.ctx, old)
	w.is(err, models.ErrNotFound)
	_, err = w.SessionUser(w.ctx, "")
	w.is(err, models.ErrNotFound)
	w.ok(w.EndSession(w.ctx, token))
	w.ok(w.EndSession(w.ctx, token))
	_, err = w.SessionUser(w.ctx, token)
	w.is(err, models.ErrNotFound)
}

func testKeys(_ *testing.T, w *world) {
	other := w.otherBusiness()
	k, token, err := w.CreateAPIKey(w.ctx, w.business, nil, "CI")
	w.ok(err)
	n, numberToken, err := w.CreateAPIKey(w.ctx, w.business, &w.number.ID, "phone")
	w.ok(err)
	w.equal("prefixes", k.Prefix[:4]+n.Prefix[:4], "wbk_wbn_")
	_, _, err = w.CreateAPIKey(w.ctx, other, &w.number.ID, "thief")
	w.is(err, models.ErrNotFound)

	got, err := w.KeyByToken(w.ctx, token)
	w.ok(err)
	w.equal("key", got.ID, k.ID)
	got, err = w.KeyByToken(w.ctx, numberToken)
	w.ok(err)
	w.equal("number of the key", *got.NumberID, w.number.ID)
	_, err = w.KeyByToken(w.ctx, token+"x")
	w.is(err, models.ErrNotFound)

	ks, err := w.APIKeys(w.ctx, w.business)
	w.ok(err)
	w.equal("keys", len(ks), 2)
	w.is(w.DeleteAPIKey(w.ctx, other, k.ID), models.ErrNotFound)
	w.ok(w.DeleteAPIKey(w.ctx, w.business, k.ID))
	w.is(w.DeleteAPIKey(w.ctx, w.business, k.ID), models.ErrNotFound)
	_, err = w.KeyByToken(w.ctx, token)
	w.is(err, models.ErrNotFound)
}
