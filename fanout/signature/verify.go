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

// Tolerance is how far the timestamp of a delivery may be from the receiver's clock, in either direction.
const Tolerance = 5 * time.Minute

const mismatch = "does not match body and secret"

// Result is what one scheme's verifier found.
type Result struct {
	// Scheme is its short name: standard, twabot, webhook, awalchat or hub.
	Scheme string
	// Header is the one that carries the signature.
	Header string
	OK     bool
	// Reason says why not; empty when OK.
	Reason string
}

// verifiers look at one scheme each and return why it does not verify, or nothing.
var verifiers = [...]struct {
	scheme, header string
	check          func(h http.Header, body []byte, secrets []Secret, now time.Time) string
}{
	{"standard", HeaderSignature, verifyStandard},
	{"twabot", HeaderTwaBot, verifyTwaBot},
	{"webhook", HeaderWebhook, verifyWebhook},
	{"awalchat", HeaderAwalSignature, verifyAwalchat},
	{"hub", HeaderHub, verifyHub},
}

// Verify judges every signature that a request carries, as a receiver that holds the secrets would; any of the secrets
// will do. Nothing is returned for schemes whose header is absent, so an unsigned request gives an empty list.
func Verify(h http.Header, body []byte, secrets []Secret, now time.Time) []Result {
	usable := slices.DeleteFunc(slices.Clone(secrets), Secret.IsZero)
	var results []Result
	for _, v := range verifiers {
		if h.Get(v.header) == "" {
			continue
		}
		r := Result{Scheme: v.scheme, Header: v.header, Reason: "no secret to verify with"}
		if len(usable) > 0 {
			r.Reason = v.check(h, body, usable, now)
			r.OK = r.Reason == ""
		}
		results = append(results, r)
	}
	return results
}

func verifyHex(given string, secrets []Secret, parts ...[]byte) string {
	got, err := hex.DecodeString(given)
	if err != nil || len(got) != sha256.Size {
		return "is not 64 hex digits"
	}
	for _, s := range secrets {
		if want := mac(s.reveal().text, parts...); hmac.Equal(got, want[:]) {
			return ""
		}
	}
	return mismatch
}

func checkTimestamp(header, text string, now time.Time) string {
	if text == "" {
		return header + " is missing"
	}
	seconds, err := strconv.ParseInt(text, 10, 64)
	if err != nil {
		return header + " is not a Unix time in seconds"
	}
	switch at := time.Unix(seconds, 0); {
	case at.Before(now.Add(-Tolerance)):
		return header + " is more than five minutes old"
	case at.After(now.Add(Tolerance)):
		return header + " is more than five minutes ahead"
	}
	return ""
}
