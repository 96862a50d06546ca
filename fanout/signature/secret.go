package signature

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"log/slog"
	"strings"
	"sync"
)

const (
	standardPrefix = "whsec_"
	masked         = "<secret>"
)

// Secret is a signing secret. It prints, marshals and logs as "<secret>"; only Text gives it away. The zero Secret is
// none: nothing is signed with it and nothing verifies.
type Secret struct{ reveal func() *material }

// material is behind a function because fmt does not ask unexported fields how to print themselves, and looks through
// pointers: a Secret in an unexported field prints as an address.
type material struct {
	text []byte
	key  []byte // of Standard Webhooks
	// states are HMAC states of key: preparing one costs as much as signing, and every delivery is signed with it.
	states sync.Pool
}

// NewSecret takes a secret as its owner wrote it. The schemes of single products use the text as it is. For Standard
// Webhooks a text of "whsec_" and base64 stands for the decoded bytes, as that specification has it, and any other
// text for its own bytes. An empty text gives the zero Secret.
func NewSecret(text string) Secret {
	if text == "" {
		return Secret{}
	}
	m := &material{text: []byte(text), key: []byte(text)}
	if coded, ok := strings.CutPrefix(text, standardPrefix); ok {
		if key, err := base64.StdEncoding.DecodeString(coded); err == nil && len(key) > 0 {
			m.key = key
		}
	}
	m.states.New = func() any { return hmac.New(sha256.New, m.key) }
	return Secret{func() *material { return m }}
}

// NewRandomSecret makes a secret of 24 random bytes, the length that Standard Webhooks libraries make.
func NewRandomSecret() Secret {
	var key [24]byte
	rand.Read(key[:]) // never fails: the process ends instead
	return NewSecret(standardPrefix + base64.StdEncoding.EncodeToString(key[:]))
}

// Text is the secret itself, for keeping it and for showing it to its owner.
func (s Secret) Text() string {
	if s.IsZero() {
		return ""
	}
	return string(s.reveal().text)
}

// IsZero reports whether this is no secret.
func (s Secret) IsZero() bool { return s.reveal == nil }

// String hides the secret.
func (s Secret) String() string { return masked }

// GoString hides the secret.
func (s Secret) GoString() string { return masked }

// Format hides the secret under every verb.
func (s Secret) Format(f fmt.State, _ rune) { fmt.Fprint(f, masked) }

// MarshalJSON hides the secret.
func (s Secret) MarshalJSON() ([]byte, error) { return []byte(`"` + masked + `"`), nil }

// MarshalText hides the secret.
func (s Secret) MarshalText() ([]byte, error) { return []byte(masked), nil }

// LogValue hides the secret.
func (s Secret) LogValue() slog.Value { return slog.StringValue(masked) }
