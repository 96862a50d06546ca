package signature

import (
	"net/http"
	"time"
)

// The headers that carry the plain HMAC of the body.
const (
	HeaderTwaBot  = "X-Twabot-Signature"
	HeaderWebhook = "X-Webhook-Signature"
)

// TwaBot is the hex HMAC-SHA256 of the body in X-TwaBot-Signature.
func TwaBot(h http.Header, m Message, secrets []Secret) { signBody(HeaderTwaBot, "", h, m, secrets) }

// Webhook is the hex HMAC-SHA256 of the body in X-Webhook-Signature, which several products use. A secret beginning
// with whsec_ counts as text, not as base64.
func Webhook(h http.Header, m Message, secrets []Secret) { signBody(HeaderWebhook, "", h, m, secrets) }

func verifyTwaBot(h http.Header, body []byte, secrets []Secret, _ time.Time) string {
	return verifyHex(h.Get(HeaderTwaBot), secrets, body)
}

func verifyWebhook(h http.Header, body []byte, secrets []Secret, _ time.Time) string {
	return verifyHex(h.Get(HeaderWebhook), secrets, body)
}

func signBody(header, prefix string, h http.Header, m Message, secrets []Secret) {
	if s, ok := oldest(secrets); ok {
		h.Set(header, prefix+hexMAC(s.reveal().text, m.Body))
	}
}
