package graph

import (
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"slices"
	"strings"
)

// Style is the manner of an upstream: its paths, and the header that its key goes into.
type Style string

// The styles. The empty one is Cloud.
const (
	Cloud      Style = "cloud"      // the Graph API: bearer token, ids in paths
	Dialog360  Style = "360dialog"  // D360-API-KEY; a key is one number, so there are no ids in paths
	OnPremises Style = "onpremises" // D360-API-KEY; paths below /v1
)

// Where calls go when an account does not say.
const (
	CloudBase     = "https://graph.facebook.com"
	Dialog360Base = "https://waba-v2.360dialog.io"
	Version       = "v26.0" // of the Graph API, of 29 July 2026
)

// Account is a number and the key to it. It prints without its secrets.
type Account struct {
	Style Style
	// Base is the address of the upstream without a version; empty: CloudBase or Dialog360Base. The On-Premises style has
	// no default.
	Base    string
	Version string // of the Graph API; empty: Version. Other styles have none.

	Token         string // or API key
	PhoneNumberID string // needed by the Cloud calls about the number
	WABAID        string // needed by the Cloud calls about its account
	// AppID and AppSecret are needed by DebugToken alone; without them it asks with the token itself.
	AppID, AppSecret string
}

// ErrAccount is what a call ends with that this account cannot make: something it needs is missing, or its style has no
// such call. Nothing was sent.
var ErrAccount = errors.New("the account cannot make this call")

func (a Account) style() Style {
	if a.Style == "" {
		return Cloud
	}
	return a.Style
}

// String leaves out the token and the app's secret.
func (a Account) String() string {
	return fmt.Sprintf("%s account, number %s, WABA %s", a.style(), a.PhoneNumberID, a.WABAID)
}

// GoString does, too.
func (a Account) GoString() string { return a.String() }

// LogValue does, too.
func (a Account) LogValue() slog.Value { return slog.StringValue(a.String()) }

// only refuses a call that the account's style does not have.
func (a Account) only(call string, styles ...Style) error {
	if slices.Contains(styles, a.style()) {
		return nil
	}
	return fmt.Errorf("%w: accounts of the style %s have no call to %s", ErrAccount, a.style(), call)
}

// base is the address that paths are appended to.
func (a Account) base() (*url.URL, error) {
	base := a.Base
	switch {
	case base != "":
	case a.style() == Cloud:
		base = CloudBase
	case a.style() == Dialog360:
		base = Dialog360Base
	default:
		return nil, fmt.Errorf("%w: it needs the base address of its provider", ErrAccount)
	}
	u, err := url.Parse(base)
	if err != nil || u.Scheme != "https" && u.Scheme != "http" || u.Host == "" || u.User != nil || u.RawQuery != "" || u.Fragment != "" {
		return nil, fmt.Errorf("%w: its base must be an absolute address such as %s", ErrAccount, CloudBase)
	}
	if a.style() == Cloud {
		version := a.Version
		if version == "" {
			version = Version
		}
		u = u.JoinPath(version)
	}
	return u, nil
}

// address is that of a call: the path below the base, each part escaped. An empty part is an id that the account lacks.
func (a Account) address(query url.Values, parts ...string) (string, error) {
	u, err := a.base()
	if err != nil {
		return "", err
	}
	escaped := make([]string, len(parts))
	for i, part := range parts {
		if part == "" || part == "." || part == ".." {
			return "", fmt.Errorf("%w: an id that this call is about is missing", ErrAccount)
		}
		escaped[i] = url.PathEscape(part)
	}
	u = u.JoinPath(escaped...)
	u.RawQuery = query.Encode()
	return u.String(), nil
}

// of is the path of a call about the account's number: styles with a key per number have no id in it.
func (a Account) of(parts ...string) []string {
	switch a.style() {
	case Cloud:
		return append([]string{a.PhoneNumberID}, parts...)
	case OnPremises:
		return append([]string{"v1"}, parts...)
	}
	return parts
}

// sign puts a key into the header where the style wants it.
func (a Account) sign(h http.Header, key string) error {
	if key == "" || strings.ContainsFunc(key, func(c rune) bool { return c <= ' ' || c > '~' }) {
		return fmt.Errorf("%w: its token is missing, or holds spaces or other characters that no token has", ErrAccount)
	}
	if a.style() == Cloud {
		h.Set("Authorization", "Bearer "+key)
	} else {
		h.Set("D360-API-KEY", key)
	}
	return nil
}

// hide takes the account's secrets out of a text that somebody else wrote.
func (a Account) hide(s string) string {
	for _, secret := range []string{a.Token, a.AppSecret} {
		if secret != "" {
			s = strings.ReplaceAll(s, secret, "<secret>")
		}
	}
	return s
}
