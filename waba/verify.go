package waba

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"strings"
)

// SignatureHeader carries the platform's signature of a callback: "sha256=" and 64 hex digits of HMAC-SHA256 over the
// raw body, keyed with the app secret.
const SignatureHeader = "X-Hub-Signature-256"

const signaturePrefix = "sha256="

// Verify reports whether header is a signature of body under any of the secrets; several allow a rotation without a
// gap. Body must be the bytes as received: the platform signs its own escaping (é travels as \u00e9), so a body that
// was decoded and encoded again does not verify.
//
// It fails closed. No secrets, blank secrets, an absent header, another prefix, other than 64 hex digits: all false.
// Digests are compared in constant time. There is no timestamp in the scheme, so a replay verifies too.
func Verify(body []byte, header string, secrets ...[]byte) bool {
	digits, ok := strings.CutPrefix(header, signaturePrefix)
	if !ok || len(digits) != 2*sha256.Size {
		return false
	}
	var text [2 * sha256.Size]byte
	var claimed, computed [sha256.Size]byte
	copy(text[:], digits)
	if _, err := hex.Decode(claimed[:], text[:]); err != nil {
		return false
	}
	for _, secret := range secrets {
		if len(secret) == 0 {
			continue
		}
		mac := hmac.New(sha256.New, secret)
		mac.Write(body)
		if hmac.Equal(mac.Sum(computed[:0]), claimed[:]) {
			return true
		}
	}
	return false
}

// Sign returns the value of [SignatureHeader] for body, as the platform would send it. It signs with a blank secret as
// well, which [Verify] then refuses.
func Sign(secret, body []byte) string {
	mac := hmac.New(sha256.New, secret)
	mac.Write(body)
	return signaturePrefix + hex.EncodeToString(mac.Sum(nil))
}
