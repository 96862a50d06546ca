package graph

import (
	"context"
	"net/url"
	"slices"
	"time"
)

// The permissions that a token needs: for messages, and for everything about accounts, numbers and templates.
const (
	ScopeMessaging  = "whatsapp_business_messaging"
	ScopeManagement = "whatsapp_business_management"
)

// Token is what the platform says about a token.
type Token struct {
	Valid       bool
	AppID       string
	Application string    // the app's name
	Type        string    // USER, SYSTEM_USER, PAGE, APP
	ExpiresAt   time.Time // zero: it does not expire
	// DataAccessExpiresAt is when the permission of the person behind the token runs out; zero: it does not.
	DataAccessExpiresAt time.Time
	Scopes              []string
	// Granular says for which accounts a scope was given; a scope that is not in it is for all.
	Granular map[string][]string
	Problem  string // why a token that is not valid is none, in the platform's words; empty otherwise
}

// Lacks lists the permissions that a number of the gateway needs and the token does not have. A token without the second can
// send, and can neither be checked nor be subscribed with.
func (t Token) Lacks() []string {
	var missing []string
	for _, scope := range []string{ScopeMessaging, ScopeManagement} {
		if !slices.Contains(t.Scopes, scope) {
			missing = append(missing, scope)
		}
	}
	return missing
}

type token struct {
	Data *struct {
		AppID       text     `json:"app_id"`
		Application text     `json:"application"`
		Type        text     `json:"type"`
		Expires     number   `json:"expires_at"`
		DataExpires number   `json:"data_access_expires_at"`
		Valid       bool     `json:"is_valid"`
		Scopes      []string `json:"scopes"`
		Granular    []struct {
			Scope   string `json:"scope"`
			Targets []text `json:"target_ids"`
		} `json:"granular_scopes"`
		Error problem `json:"error"`
	} `json:"data"`
}

func (t *token) complete() bool { return t.Data != nil }

// DebugToken asks about the account's token, with the app's own token ("{app id}|{app secret}") or, when the account has no
// app, with the token itself. A token that is not valid is an answer, no error, when the app asks. Cloud only.
func (c *Client) DebugToken(ctx context.Context, a Account) (Token, error) {
	const op = "check the token"
	if err := a.only(op, Cloud); err != nil {
		return Token{}, err
	}
	address, err := a.address(url.Values{"input_token": {a.Token}}, "debug_token")
	if err != nil {
		return Token{}, err
	}
	r := request{op: op, method: "GET", address: address}
	if a.AppID != "" && a.AppSecret != "" {
		r.key = a.AppID + "|" + a.AppSecret
	}
	var answer token
	if err := c.call(ctx, a, r, &answer); err != nil {
		return Token{}, err
	}
	data := answer.Data
	t := Token{
		Valid: data.Valid, AppID: string(data.AppID), Application: string(data.Application), Type: string(data.Type),
		ExpiresAt: instant(data.Expires), DataAccessExpiresAt: instant(data.DataExpires), Scopes: data.Scopes,
		Problem: a.hide(string(data.Error.Message)),
	}
	for _, granular := range data.Granular {
		if t.Granular == nil {
			t.Granular = map[string][]string{}
		}
		ids := make([]string, len(granular.Targets))
		for i, id := range granular.Targets {
			ids[i] = string(id)
		}
		t.Granular[granular.Scope] = ids
	}
	return t, nil
}

// instant reads Unix seconds; 0 is what the platform writes for never.
func instant(seconds number) time.Time {
	if seconds <= 0 {
		return time.Time{}
	}
	return time.Unix(int64(seconds), 0).UTC()
}
