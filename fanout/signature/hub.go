package signature

import (
	"net/http"
	"strings"
	"time"
)

// HeaderHub is the header with which the platform signs its own callbacks.
const HeaderHub = "X-Hub-Signature-256"

const hubPrefix = "sha256="

// Hub is "sha256=" and the hex HMAC-SHA256 of the body, as a receiver written for the platform expects.
func Hub(h http.Header, m Message, secrets []Secret) { signBody(HeaderHub, hubPrefix, h, m, secrets) }

func verifyHub(h http.Header, body []byte, secrets []Secret, _ time.Time) string {
	sum, ok := strings.CutPrefix(h.Get(HeaderHub), hubPrefix)
	if !ok {
		return "does not begin with " + hubPrefix
	}
	return verifyHex(sum, secrets, body)
}
