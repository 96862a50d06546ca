package waba

import (
	"crypto/sha256"
	"crypto/subtle"
)

// Handshake decides the answer to the GET that the platform sends when a callback URL is set or edited. Mode, token
// and challenge are the query values hub.mode, hub.verify_token and hub.challenge; want is the token agreed for that
// URL, and blank means that none is.
//
// On status 200 the answer is the challenge, to be sent bare as text/plain. It is empty on 400 (a parameter is missing)
// and on 403 (another mode, another token, or no token agreed). Tokens are compared in constant time, whatever their
// lengths. The platform does not sign this request.
func Handshake(mode, token, challenge string, want string) (answer string, status int) {
	if mode == "" || token == "" || challenge == "" {
		return "", 400
	}
	got, agreed := sha256.Sum256([]byte(token)), sha256.Sum256([]byte(want))
	genuine := subtle.ConstantTimeCompare(got[:], agreed[:]) == 1
	if mode != "subscribe" || want == "" || !genuine {
		return "", 403
	}
	return challenge, 200
}
