// Package signature proves to a customer's receiver that a delivery comes from us and is unchanged.
//
// Each scheme is a pure function that sets headers over the exact bytes that are sent, and has a verifier here too, for
// showing a person whether a delivery verifies. Which schemes a delivery carries is the business of its dialect.
//
// Without a usable secret a delivery is unsigned: no scheme then sets a signature, and no verifier accepts one. An
// empty secret is not usable.
package signature

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"net/http"
	"slices"
	"strconv"
	"time"
)

// Message is what is signed: one attempt at one delivery.
type Message struct {
	// ID is the event's, the same on every attempt and replay. Letters, digits and underscores: never a dot.
	ID string
	// Timestamp is when this attempt is made. Receivers refuse what is more than minutes off.
	Timestamp time.Time
	// Body is the request body, byte for byte.
	Body []byte
}

// Scheme sets the headers of one way of signing. Secrets are ordered newest first; while a rotation overlaps there are
// two: Standard Webhooks signs with both, the schemes with room for one signature with the older. Header names are set
// in Go's canonical spelling; on the wire their case means nothing.
type Scheme func(h http.Header, m Message, secrets []Secret)

// mac is the HMAC-SHA256 of the parts, one after the other.
func mac(key []byte, parts ...[]byte) [sha256.Size]byte {
	h := hmac.New(sha256.New, key)
	for _, p := range parts {
		h.Write(p)
	}
	var sum [sha256.Size]byte
	h.Sum(sum[:0])
	return sum
}

func hexMAC(key []byte, parts ...[]byte) string {
	sum := mac(key, parts...)
	return hex.EncodeToString(sum[:])
}

// oldest is the secret that a scheme with room for one signature signs with. While a rotation overlaps that is the one
// which the receiver has for certain: it knows one secret, and changes it when its owner does. He ends the overlap then.
func oldest(secrets []Secret) (Secret, bool) {
	for _, s := range slices.Backward(secrets) {
		if !s.IsZero() {
			return s, true
		}
	}
	return Secret{}, false
}

// unixText is a moment in whole seconds, as the headers carry it.
func unixText(t time.Time) string { return strconv.FormatInt(t.Unix(), 10) }
