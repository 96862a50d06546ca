package signature

import (
	"crypto/hmac"
	"encoding/base64"
	"hash"
	"net/http"
	"strings"
	"time"
)

// The headers of Standard Webhooks.
const (
	HeaderID        = "Webhook-Id"
	HeaderTimestamp = "Webhook-Timestamp"
	HeaderSignature = "Webhook-Signature"
)

// Standard is Standard Webhooks 1.0 with symmetric keys (v1): an HMAC over id, timestamp and body, one signature for
// each secret, so that a receiver verifies with the old or the new one during a rotation. Id and timestamp are sent
// unsigned too: a receiver needs the id to notice a repetition.
func Standard(h http.Header, m Message, secrets []Secret) {
	timestamp := unixText(m.Timestamp)
	h.Set(HeaderID, m.ID)
	h.Set(HeaderTimestamp, timestamp)

	var list []byte
	for _, s := range secrets {
		if s.IsZero() {
			continue
		}
		if len(list) > 0 {
			list = append(list, ' ')
		}
		sum := standardMAC(s, m.ID, timestamp, m.Body)
		list = append(list, "v1,"...)
		list = base64.StdEncoding.AppendEncode(list, sum[:])
	}
	if len(list) > 0 {
		h.Set(HeaderSignature, string(list))
	}
}

func standardMAC(s Secret, id, timestamp string, body []byte) [32]byte {
	head := make([]byte, 0, 64)
	head = append(head, id...)
	head = append(head, '.')
	head = append(head, timestamp...)
	head = append(head, '.')
	m := s.reveal()
	h := m.states.Get().(hash.Hash)
	defer m.states.Put(h)
	h.Reset()
	h.Write(head)
	h.Write(body)
	var sum [32]byte
	h.Sum(sum[:0])
	return sum
}

func verifyStandard(h http.Header, body []byte, secrets []Secret, now time.Time) string {
	id, timestamp := h.Get(HeaderID), h.Get(HeaderTimestamp)
	if id == "" {
		return HeaderID + " is missing"
	}
	if reason := checkTimestamp(HeaderTimestamp, timestamp, now); reason != "" {
		return reason
	}
	known := false
	for given := range strings.FieldsSeq(h.Get(HeaderSignature)) {
		coded, ok := strings.CutPrefix(given, "v1,")
		if !ok {
			continue // another version, or somebody else's
		}
		known = true
		got, err := base64.StdEncoding.DecodeString(coded)
		if err != nil {
			continue
		}
		for _, s := range secrets {
			if want := standardMAC(s, id, timestamp, body); hmac.Equal(got, want[:]) {
				return ""
			}
		}
	}
	if !known {
		return "no v1 signature among them"
	}
	return mismatch
}
