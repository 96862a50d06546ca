package api

import (
	"maps"
	"net/http"
	"slices"
	"strings"
)

const (
	maxHeaders     = 20
	maxHeaderName  = 128
	maxHeaderValue = 4096
)

// keepValue stands for a header's value in lists; sent back, it leaves the kept value as it is.
const keepValue = "<secret>"

// ownHeaders are set by the gateway or by HTTP itself.
var ownHeaders = map[string]bool{
	"Host": true, "Content-Length": true, "Content-Type": true, "Content-Encoding": true, "Transfer-Encoding": true, "Connection": true,
	"Keep-Alive": true, "Te": true, "Trailer": true, "Upgrade": true, "Expect": true, "Accept-Encoding": true,
	"X-Twabot-Signature": true, "X-Webhook-Signature": true, "X-Hub-Signature": true, "X-Hub-Signature-256": true,
}

// ownPrefixes begin the names of headers that the gateway sets.
var ownPrefixes = []string{"Webhook-", "X-Awal-Webhook-", "Proxy-"}

// checkHeaders judges the headers that a webhook is to send, by their canonical names, and fills in the values that are
// to stay as they were.
func checkHeaders(given, kept map[string]string) (map[string]string, error) {
	if len(given) > maxHeaders {
		return nil, invalid("headers", codeTooLong, "must be at most %d", maxHeaders)
	}
	checked := make(map[string]string, len(given))
	for _, name := range slices.Sorted(maps.Keys(given)) {
		if !isToken(name) || len(name) > maxHeaderName {
			return nil, invalid("headers", codeInvalid, "%q is not a header name", name[:min(len(name), maxHeaderName)])
		}
		canonical, value := http.CanonicalHeaderKey(name), given[name]
		if value == keepValue {
			value = kept[canonical]
		}
		switch _, twice := checked[canonical]; {
		case twice:
			return nil, invalid("headers", codeInvalid, "%s is there twice", canonical)
		case ownHeaders[canonical] || slices.ContainsFunc(ownPrefixes, func(p string) bool { return strings.HasPrefix(canonical, p) }):
			return nil, invalid("headers", codeInvalid, "%s is set by the gateway itself", canonical)
		case len(value) > maxHeaderValue:
			return nil, invalid("headers", codeTooLong, "%s must have at most %d characters", canonical, maxHeaderValue)
		case strings.TrimSpace(value) == "":
			return nil, invalid("headers", codeInvalid, "%s has no value", canonical)
		case strings.ContainsFunc(value, func(r rune) bool { return r < ' ' && r != '\t' || r == 0x7f }):
			return nil, invalid("headers", codeInvalid, "the value of %s holds a control character", canonical)
		}
		checked[canonical] = strings.TrimSpace(value)
	}
	if len(checked) == 0 {
		return nil, nil
	}
	return checked, nil
}

// isToken says whether a name is a token of RFC 9110, section 5.6.2.
func isToken(name string) bool {
	return name != "" && !strings.ContainsFunc(name, func(r rune) bool {
		return !(r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || strings.ContainsRune("!#$%&'*+-.^_`|~", r))
	})
}
