package models

import (
	"encoding/json"
	"errors"
	"fmt"
	"time"
)

// Overlapping says whether the previous secret signs beside the present one.
func (w Webhook) Overlapping(now time.Time) bool {
	return w.PreviousSecret != "" && now.Before(w.PreviousUntil)
}

// Signing are the secrets that sign an attempt made now, the newest first: two while a rotation is open, and none for an
// unsigned webhook.
func (w Webhook) Signing(now time.Time) []Secret {
	switch {
	case w.Secret == "":
		return nil
	case w.Overlapping(now):
		return []Secret{w.Secret, w.PreviousSecret}
	}
	return []Secret{w.Secret}
}

// SetSecret gives the webhook another secret at once: the old one signs no more, nor does the one before it. The empty
// secret leaves deliveries unsigned. The present secret changes nothing.
func (w *Webhook) SetSecret(secret Secret) {
	if secret != w.Secret {
		w.Secret = secret
		w.FinishRotation()
	}
}

// FinishRotation ends an overlap; without one it changes nothing.
func (w *Webhook) FinishRotation() { w.PreviousSecret, w.PreviousUntil = "", time.Time{} }

// RotationOpenError refuses a rotation because the one before has not ended.
type RotationOpenError struct{ Until time.Time }

func (e RotationOpenError) Error() string {
	return "a rotation is open until " + e.Until.UTC().Format(time.RFC3339)
}

// RotateSecret gives the webhook another secret, and lets the present one sign too until the overlap ends; 0 is SetSecret.
// While a rotation is open it answers RotationOpenError, unless force lets the secret before the present one fall away.
func (w *Webhook) RotateSecret(secret Secret, overlap time.Duration, force bool, now time.Time) error {
	if w.Overlapping(now) && !force {
		return RotationOpenError{w.PreviousUntil}
	}
	old := w.Secret
	w.SetSecret(secret)
	if overlap > 0 && old != "" && old != secret {
		w.PreviousSecret, w.PreviousUntil = old, moment(now.Add(overlap))
	}
	return nil
}

// identityRow are the columns of a webhook that say how it shows who it is, besides its secret.
type identityRow struct {
	PreviousSecret []byte
	PreviousUntil  *time.Time
	Auth           []byte
}

// authText is an Auth as it is sealed: all of it, since what is not secret is nobody's business either.
type authText struct {
	Kind        string `json:"kind,omitempty"`
	User        string `json:"user,omitempty"`
	Password    string `json:"password,omitempty"`
	Token       string `json:"token,omitempty"`
	Certificate string `json:"certificate,omitempty"`
	Key         string `json:"key,omitempty"`
}

func (with sealer) identityRow(w Webhook) (r identityRow, err error) {
	r.PreviousSecret, r.PreviousUntil = with.Seal(w.PreviousSecret, previousSecretPurpose), momentOrNil(w.PreviousUntil)
	if a := w.Auth; a != (Auth{}) {
		var text []byte
		text, err = json.Marshal(authText{a.Kind, a.User, a.Password.Text(), a.Token.Text(), a.Certificate, a.Key.Text()})
		r.Auth = with.Seal(Secret(text), webhookAuthPurpose)
	}
	return r, err
}

func (s *Store) openIdentity(r identityRow, w *Webhook) error {
	var err1, err2 error
	w.PreviousSecret, err1 = s.ring.Open(r.PreviousSecret, previousSecretPurpose)
	w.PreviousUntil = timeOrZero(r.PreviousUntil)
	text, err2 := s.ring.Open(r.Auth, webhookAuthPurpose)
	if err := errors.Join(err1, err2); err != nil || text == "" {
		return err
	}
	var a authText
	if err := json.Unmarshal([]byte(text.Text()), &a); err != nil {
		return fmt.Errorf("read %s: %w", webhookAuthPurpose, err)
	}
	w.Auth = Auth{a.Kind, a.User, Secret(a.Password), Secret(a.Token), a.Certificate, Secret(a.Key)}
	return nil
}
