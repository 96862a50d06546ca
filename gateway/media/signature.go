package media

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"
)

// credentials sign requests to a bucket.
type credentials struct {
	region, key, secret string
}

const (
	amzTime      = "20060102T150405Z"
	amzDay       = "20060102"
	amzAlgorithm = "AWS4-HMAC-SHA256"
	// sumHeader carries the hash of the body, in hex.
	sumHeader  = "X-Amz-Content-Sha256"
	dateHeader = "X-Amz-Date"
)

// sign adds a signature of version 4 to a request whose body has a hash: over the method, the path, the query, the host and
// every header that the request has by now. See the AWS documentation, "Authenticating Requests: Using the Authorization
// Header".
func (c credentials) sign(r *http.Request, sum string, now time.Time) {
	now = now.UTC()
	r.Header.Set(dateHeader, now.Format(amzTime))
	r.Header.Set(sumHeader, sum)
	host := r.Host
	if host == "" {
		host = r.URL.Host
	}
	names := []string{"host"}
	values := map[string]string{"host": host}
	for name, list := range r.Header {
		name = strings.ToLower(name)
		names = append(names, name)
		values[name] = strings.TrimSpace(strings.Join(list, ","))
	}
	slices.Sort(names)
	signed := strings.Join(names, ";")

	var canonical strings.Builder
	canonical.WriteString(r.Method + "\n" + escapePath(r.URL.Path) + "\n" + canonicalQuery(r.URL.Query()) + "\n")
	for _, name := range names {
		canonical.WriteString(name + ":" + values[name] + "\n")
	}
	canonical.WriteString("\n" + signed + "\n" + sum)

	scope := now.Format(amzDay) + "/" + c.region + "/s3/aws4_request"
	digest := sha256.Sum256([]byte(canonical.String()))
	text := amzAlgorithm + "\n" + now.Format(amzTime) + "\n" + scope + "\n" + hex.EncodeToString(digest[:])
	key := []byte("AWS4" + c.secret)
	for part := range strings.SplitSeq(scope, "/") {
		key = mac(key, part)
	}
	r.Header.Set("Authorization", amzAlgorithm+" Credential="+c.key+"/"+scope+",SignedHeaders="+signed+",Signature="+hex.EncodeToString(mac(key, text)))
}

func mac(key []byte, text string) []byte {
	h := hmac.New(sha256.New, key)
	h.Write([]byte(text))
	return h.Sum(nil)
}

func canonicalQuery(query url.Values) string {
	var parts []string
	for name, values := range query {
		for _, value := range values {
			parts = append(parts, escape(name)+"="+escape(value))
		}
	}
	slices.Sort(parts)
	return strings.Join(parts, "&")
}

// escapePath escapes all but the slashes.
func escapePath(path string) string {
	parts := strings.Split(path, "/")
	for i := range parts {
		parts[i] = escape(parts[i])
	}
	return strings.Join(parts, "/")
}

// escape leaves nothing but the unreserved characters of RFC 3986, as the signature wants it.
func escape(s string) string {
	const digits = "0123456789ABCDEF"
	var b strings.Builder
	for _, c := range []byte(s) {
		switch {
		case c >= 'a' && c <= 'z', c >= 'A' && c <= 'Z', c >= '0' && c <= '9', c == '-', c == '.', c == '_', c == '~':
			b.WriteByte(c)
		default:
			b.Write([]byte{'%', digits[c>>4], digits[c&15]})
		}
	}
	return b.String()
}
