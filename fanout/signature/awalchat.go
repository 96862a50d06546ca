package signature

import (
	"net/http"
	"time"
)

// The headers of awalchat.
const (
	HeaderAwalSignature = "X-Awal-Webhook-Signature"
	HeaderAwalTimestamp = "X-Awal-Webhook-Timestamp"
)

// Awalchat is the hex HMAC-SHA256 of timestamp, dot and body. Both headers are left out of an unsigned delivery.
func Awalchat(h http.Header, m Message, secrets []Secret) {
	s, ok := oldest(secrets)
	if !ok {
		return
	}
	timestamp := unixText(m.Timestamp)
	h.Set(HeaderAwalTimestamp, timestamp)
	h.Set(HeaderAwalSignature, hexMAC(s.reveal().text, []byte(timestamp+"."), m.Body))
}

func verifyAwalchat(h http.Header, body []byte, secrets []Secret, now time.Time) string {
	timestamp := h.Get(HeaderAwalTimestamp)
	if reason := checkTimestamp(HeaderAwalTimestamp, timestamp, now); reason != "" {
		return reason
	}
	return verifyHex(h.Get(HeaderAwalSignature), secrets, []byte(timestamp+"."), body)
}
