package wabatest

import (
	"net/http"
	"slices"
	"strings"
	"time"
)

// bearer is the access token of a request: of the header, else of the query.
func bearer(r *http.Request) string {
	if value, ok := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer "); ok {
		return value
	}
	return r.URL.Query().Get("access_token")
}

// sees says whether the token may see an account.
func (t Token) sees(wabaID string) bool { return len(t.WABAs) == 0 || slices.Contains(t.WABAs, wabaID) }

// token finds a token that is good now. The caller holds the lock.
func (s *Server) token(value string) (Token, *refusal) {
	if value == "" {
		return Token{}, &refusal{code: 190, status: http.StatusUnauthorized, message: "An access token is required to request this resource."}
	}
	t, known := s.tokens[value]
	if !known {
		return Token{}, &refusal{code: 190, message: "Invalid OAuth access token - Cannot parse access token"}
	}
	return t, t.bad(time.Now())
}

// bad says why a token is not good; nil when it is.
func (t Token) bad(now time.Time) *refusal {
	switch {
	case t.Revoked:
		return &refusal{code: 190, subcode: 460, message: "Error validating access token: The session has been invalidated."}
	case !t.Expires.IsZero() && !now.Before(t.Expires):
		return &refusal{code: 190, subcode: 463, message: "Error validating access token: Session has expired on " +
			t.Expires.UTC().Format("Monday, 02-Jan-06 15:04:05 MST") + ". The current time is " + now.UTC().Format("Monday, 02-Jan-06 15:04:05 MST") + "."}
	}
	return nil
}

// allow checks that a token has a permission for an account. Another's account is one that does not exist.
func (t Token) allow(r *http.Request, scope, wabaID, object string) *refusal {
	if !t.sees(wabaID) {
		return unknownObject(r.Method, object)
	}
	if !slices.Contains(t.Scopes, scope) {
		return &refusal{code: 200, message: "(#200) You do not have the necessary permissions required to send messages on behalf of this WhatsApp Business Account"}
	}
	return nil
}

// appOf finds the app whose own token, ID|SECRET, a request shows. The caller holds the lock.
func (s *Server) appOf(value string) *App {
	id, secret, _ := strings.Cut(value, "|")
	if a := s.app(id); a != nil && a.Secret == secret {
		return a
	}
	return nil
}

// debugToken says what a token is.
func (s *Server) debugToken(r *http.Request) (any, *refusal) {
	s.mu.Lock()
	defer s.mu.Unlock()
	asking := bearer(r)
	input := r.URL.Query().Get("input_token")
	if s.appOf(asking) == nil {
		if _, bad := s.token(asking); bad != nil {
			return nil, bad
		}
	}
	if input == "" {
		return nil, parameter("(#100) The parameter input_token is required")
	}
	t, known := s.tokens[input]
	if !known {
		return map[string]any{"data": map[string]any{"is_valid": false, "scopes": []string{},
			"error": map[string]any{"code": 190, "message": "Invalid OAuth access token - Cannot parse access token"}}}, nil
	}
	data := map[string]any{"app_id": t.AppID, "type": "SYSTEM_USER", "application": "", "is_valid": true, "issued_at": 1_790_000_000,
		"expires_at": 0, "data_access_expires_at": 0, "user_id": "122100000000001", "scopes": t.Scopes}
	if a := s.app(t.AppID); a != nil {
		data["application"] = a.Name
	}
	if !t.Expires.IsZero() {
		data["expires_at"] = t.Expires.Unix()
	}
	var granular []any
	for _, scope := range t.Scopes {
		entry := map[string]any{"scope": scope}
		if len(t.WABAs) > 0 {
			entry["target_ids"] = t.WABAs
		}
		granular = append(granular, entry)
	}
	data["granular_scopes"] = granular
	if bad := t.bad(time.Now()); bad != nil {
		data["is_valid"] = false
		data["error"] = map[string]any{"code": bad.code, "subcode": bad.subcode, "message": bad.message}
	}
	return map[string]any{"data": data}, nil
}
