package api

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"errors"
	"slices"
	"strings"
	"time"
	"unicode"

	"wabagate/fanout/event"
	"wabagate/models"
)

const (
	maxUsername    = 256
	maxPassword    = 1024
	maxToken       = 4096
	maxCertificate = 32 << 10
	maxKey         = 16 << 10
)

// authChange is what a request says of how the gateway logs in at a receiver.
type authChange struct{ kind, user, password, token string }

func parseAuth(raw maybe[json.RawMessage]) (maybe[authChange], error) {
	m := maybe[authChange]{given: raw.given, null: raw.null}
	if !raw.given || raw.null {
		return m, nil
	}
	o, err := parseNested("auth", raw.value, `null or an object such as {"type":"basic","username":"…","password":"…"} or {"type":"bearer","token":"…"}`, "type", "username", "password", "token")
	if err != nil {
		return m, err
	}
	kind, user := member[string](o, "type", `"basic" or "bearer"`), member[string](o, "username", "text")
	password, token := member[string](o, "password", "text"), member[string](o, "token", "text")
	if o.err != nil {
		return m, within("auth", o.err)
	}
	m.value = authChange{kind.value, user.value, password.value, token.value}
	return m, nil
}

// certificateChange is what a request says of the certificate that the gateway shows to a receiver, as PEM.
type certificateChange struct{ certificate, key string }

func parseCertificate(raw maybe[json.RawMessage]) (maybe[certificateChange], error) {
	m := maybe[certificateChange]{given: raw.given, null: raw.null}
	if !raw.given || raw.null {
		return m, nil
	}
	o, err := parseNested("client_certificate", raw.value, `null or an object of PEM texts: {"certificate":"-----BEGIN CERTIFICATE-----…","key":"-----BEGIN PRIVATE KEY-----…"}`, "certificate", "key")
	if err != nil {
		return m, err
	}
	certificate, key := member[string](o, "certificate", "PEM text"), member[string](o, "key", "PEM text")
	m.value = certificateChange{plainLines(certificate.value), plainLines(key.value)}
	return m, within("client_certificate", o.err)
}

// parseNested reads an object that is a member of a request. want says in words what it has to be.
func parseNested(field string, raw json.RawMessage, want string, names ...string) (*object, error) {
	if len(raw) == 0 || raw[0] != '{' {
		return nil, invalid(field, codeInvalid, "must be %s", want)
	}
	o := parseObject(raw, names...)
	return o, within(field, o.err)
}

// within names the member of a member that is wrong, as auth.username.
func within(field string, err error) error {
	var e *Error
	if !errors.As(err, &e) {
		return err
	}
	e.Field = field + "." + e.Field
	return e
}

// plainLines makes lines end as PEM files do; a form sends them as HTTP does.
func plainLines(text string) string {
	return strings.TrimSpace(strings.ReplaceAll(text, "\r\n", "\n"))
}

// applyIdentity puts in who the gateway says it is, and judges it together with the headers and the URL.
func (ch webhookChange) applyIdentity(w *models.Webhook) error {
	if ch.auth.given {
		kept := w.Auth
		w.Auth.Kind, w.Auth.User, w.Auth.Password, w.Auth.Token = "", "", "", ""
		if !ch.auth.null {
			if err := ch.auth.value.apply(&w.Auth, kept); err != nil {
				return err
			}
		}
	}
	if w.Auth.Kind != "" && w.Headers["Authorization"] != "" {
		field := "auth"
		if !ch.auth.given {
			field = "headers"
		}
		return invalid(field, codeInvalid, "cannot go together: auth and a header Authorization say the same; keep one of them")
	}
	if ch.certificate.given {
		pair := ch.certificate.value
		if pair.key == keepValue {
			pair.key = w.Auth.Key.Text()
		}
		w.Auth.Certificate, w.Auth.Key = "", ""
		if !ch.certificate.null {
			if _, err := checkCertificate(pair); err != nil {
				return err
			}
			w.Auth.Certificate, w.Auth.Key = pair.certificate, models.Secret(pair.key)
		}
	}
	if w.Auth.Certificate != "" && strings.HasPrefix(strings.ToLower(w.URL), "http:") {
		return invalid("client_certificate", codeInvalid, "is shown over https only, and the URL is plain http")
	}
	return nil
}

// apply judges who the gateway is to say it is, and fills in the secrets that are to stay as they were.
func (a authChange) apply(to *models.Auth, kept models.Auth) error {
	keep := func(field, given string, there models.Secret) (models.Secret, error) {
		switch {
		case given == "":
			return "", invalid(field, codeRequired, "is required")
		case given != keepValue:
			return models.Secret(given), nil
		case kept.Kind != a.kind || there == "":
			return "", invalid(field, codeInvalid, "%s leaves the one there is, and there is none", keepValue)
		}
		return there, nil
	}
	to.Kind = a.kind
	var err error
	switch a.kind {
	case models.AuthBasic:
		if to.Password, err = keep("auth.password", a.password, kept.Password); err != nil {
			return err
		}
		to.User = a.user
		switch {
		case a.user == "":
			return invalid("auth.username", codeRequired, "is required")
		case len(a.user) > maxUsername:
			return invalid("auth.username", codeTooLong, "must have at most %d bytes", maxUsername)
		case strings.Contains(a.user, ":") || strings.ContainsFunc(a.user, unicode.IsControl):
			return invalid("auth.username", codeInvalid, "must not hold a colon or a control character")
		case len(a.password) > maxPassword:
			return invalid("auth.password", codeTooLong, "must have at most %d bytes", maxPassword)
		case strings.ContainsFunc(a.password, unicode.IsControl):
			return invalid("auth.password", codeInvalid, "must not hold a control character")
		case a.token != "":
			return invalid("auth.token", codeInvalid, `goes with the type "bearer"`)
		}
	case models.AuthBearer:
		if to.Token, err = keep("auth.token", a.token, kept.Token); err != nil {
			return err
		}
		switch {
		case len(a.token) > maxToken:
			return invalid("auth.token", codeTooLong, "must have at most %d characters", maxToken)
		case strings.ContainsFunc(a.token, func(r rune) bool { return r <= ' ' || r > '~' }):
			return invalid("auth.token", codeInvalid, "must be visible ASCII without spaces; the word Bearer is put before it")
		case a.user != "" || a.password != "":
			return invalid("auth.username", codeInvalid, `goes with the type "basic"`)
		}
	default:
		return invalid("auth.type", codeInvalid, `must be "basic" or "bearer"; null for none`)
	}
	return nil
}

// The fields of a client certificate, as errors name them.
const (
	fieldCertificate = "client_certificate.certificate"
	fieldKey         = "client_certificate.key"
)

// checkCertificate says what is wrong with a certificate and its key, all but its age.
func checkCertificate(c certificateChange) (*x509.Certificate, error) {
	switch {
	case c.certificate == "":
		return nil, invalid(fieldCertificate, codeRequired, "is required")
	case c.key == "":
		return nil, invalid(fieldKey, codeRequired, "is required")
	case len(c.certificate) > maxCertificate:
		return nil, invalid(fieldCertificate, codeTooLong, "must have at most %d KiB", maxCertificate>>10)
	case len(c.key) > maxKey:
		return nil, invalid(fieldKey, codeTooLong, "must have at most %d KiB", maxKey>>10)
	}
	if block, _ := pem.Decode([]byte(c.certificate)); block == nil || block.Type != "CERTIFICATE" {
		return nil, invalid(fieldCertificate, codeInvalid, "must be PEM that begins with -----BEGIN CERTIFICATE-----, the client's own certificate first")
	}
	block, _ := pem.Decode([]byte(c.key))
	switch {
	case block == nil || !strings.HasSuffix(block.Type, "PRIVATE KEY"):
		return nil, invalid(fieldKey, codeInvalid, "must be PEM that begins with -----BEGIN PRIVATE KEY-----")
	case block.Type == "ENCRYPTED PRIVATE KEY" || strings.Contains(block.Headers["Proc-Type"], "ENCRYPTED"):
		return nil, invalid(fieldKey, codeInvalid, "is encrypted: take its passphrase off with openssl pkey -in key.pem -out plain.pem; it is kept encrypted here")
	}
	pair, err := tls.X509KeyPair([]byte(c.certificate), []byte(c.key))
	if err != nil {
		if strings.Contains(err.Error(), "does not match") {
			return nil, invalid(fieldKey, codeInvalid, "is not the key of the certificate")
		}
		return nil, invalid("client_certificate", codeInvalid, "cannot be read: %s", strings.TrimPrefix(err.Error(), "tls: "))
	}
	uses := pair.Leaf.ExtKeyUsage
	if (len(uses) > 0 || len(pair.Leaf.UnknownExtKeyUsage) > 0) && !slices.Contains(uses, x509.ExtKeyUsageClientAuth) && !slices.Contains(uses, x509.ExtKeyUsageAny) {
		return nil, invalid(fieldCertificate, codeInvalid, "is not for clients: its extended key usage lacks clientAuth")
	}
	return pair.Leaf, nil
}

// checkAge says whether a certificate that is to be used from now on can be.
func (c certificateChange) checkAge(now time.Time) error {
	block, _ := pem.Decode([]byte(c.certificate))
	if block == nil {
		return nil // said by checkCertificate
	}
	leaf, err := x509.ParseCertificate(block.Bytes)
	if err == nil && now.After(leaf.NotAfter) {
		return invalid(fieldCertificate, codeInvalid, "ended on %s", leaf.NotAfter.UTC().Format(time.RFC3339))
	}
	return nil
}

// authJSON shows how the gateway logs in at a receiver; the secrets never leave again.
type authJSON struct {
	Type     string         `json:"type"`
	Username string         `json:"username,omitempty"`
	Password *models.Secret `json:"password,omitempty"`
	Token    *models.Secret `json:"token,omitempty"`
}

func authView(a models.Auth) *authJSON {
	switch a.Kind {
	case models.AuthBasic:
		return &authJSON{Type: a.Kind, Username: a.User, Password: new(models.Secret)}
	case models.AuthBearer:
		return &authJSON{Type: a.Kind, Token: new(models.Secret)}
	}
	return nil
}

// certificateJSON shows a certificate, and never its key.
type certificateJSON struct {
	Subject  string     `json:"subject"`
	Issuer   string     `json:"issuer"`
	Serial   string     `json:"serial"` // hexadecimal
	NotAfter event.Time `json:"not_after"`
}

func certificateView(a models.Auth) *certificateJSON {
	block, _ := pem.Decode([]byte(a.Certificate))
	if block == nil {
		return nil
	}
	leaf, err := x509.ParseCertificate(block.Bytes)
	if err != nil {
		return nil // only a row that did not come through here
	}
	return &certificateJSON{leaf.Subject.String(), leaf.Issuer.String(), leaf.SerialNumber.Text(16), event.Time{Time: leaf.NotAfter}}
}
