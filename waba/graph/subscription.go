package graph

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"unicode/utf8"
)

// App is one that gets the callbacks of an account.
type App struct {
	ID, Name, Link string
	Override       string // where it gets them instead of at its own address; empty: there
}

type subscribedApp struct {
	App struct {
		ID   text `json:"id"`
		Name text `json:"name"`
		Link text `json:"link"`
	} `json:"whatsapp_business_api_data"`
	Override text `json:"override_callback_uri"`
}

// SubscribedApps lists the apps that get the callbacks of the account's WABA. Cloud only.
func (c *Client) SubscribedApps(ctx context.Context, a Account) ([]App, error) {
	const op = "list the subscribed apps"
	if err := a.only(op, Cloud); err != nil {
		return nil, err
	}
	list, err := pages[subscribedApp](ctx, c, a, op, "", a.WABAID, "subscribed_apps")
	apps := make([]App, len(list))
	for i, s := range list {
		apps[i] = App{string(s.App.ID), string(s.App.Name), string(s.App.Link), string(s.Override)}
	}
	return apps, err
}

// overrideLimit is the longest alternate address that the platform takes, in characters.
const overrideLimit = 200

type overrideBody struct {
	Override    *string `json:"override_callback_uri,omitempty"`
	VerifyToken string  `json:"verify_token,omitempty"`
}

func newOverride(op, address, verifyToken string) (overrideBody, error) {
	if count := utf8.RuneCountInString(address); count > overrideLimit {
		return overrideBody{}, fmt.Errorf("%s: %w: the alternate address has %d characters, at most %d are allowed", op, ErrAccount, count, overrideLimit)
	}
	return overrideBody{&address, verifyToken}, nil
}

// Subscribe connects the token's app to the account's WABA: without it no callback of a real user arrives. An override sends
// them to another address than the app's own, which the platform verifies by its handshake with verifyToken before it
// answers; an empty one removes an earlier override. Cloud only.
func (c *Client) Subscribe(ctx context.Context, a Account, override, verifyToken string) error {
	const op = "subscribe the app"
	if err := a.only(op, Cloud); err != nil {
		return err
	}
	var body overrideBody
	if override != "" {
		var err error
		if body, err = newOverride(op, override, verifyToken); err != nil {
			return err
		}
	}
	return c.post(ctx, a, op, body, nil, a.WABAID, "subscribed_apps")
}

// Unsubscribe ends that: the WABA's callbacks no longer come to this app. Cloud only.
func (c *Client) Unsubscribe(ctx context.Context, a Account) error {
	const op = "unsubscribe the app"
	if err := a.only(op, Cloud); err != nil {
		return err
	}
	return c.exchange(ctx, a, op, http.MethodDelete, nil, nil, nil, a.WABAID, "subscribed_apps")
}

// SetOverride sends the callbacks of the account's number to another address, before that of its WABA and that of the app.
// The platform verifies it as with Subscribe; an empty address removes it. Cloud only.
func (c *Client) SetOverride(ctx context.Context, a Account, address, verifyToken string) error {
	const op = "set the number's callback address"
	if err := a.only(op, Cloud); err != nil {
		return err
	}
	if address == "" {
		verifyToken = ""
	}
	override, err := newOverride(op, address, verifyToken)
	if err != nil {
		return err
	}
	return c.post(ctx, a, op, map[string]overrideBody{"webhook_configuration": override}, nil, a.of()...)
}

// Callbacks are the addresses that callbacks go to, by priority: that of the number, of its WABA, of the app. An empty one is
// not set.
type Callbacks struct{ Number, WABA, App string }

type callbacks struct {
	ID            text `json:"id"`
	Configuration struct {
		Number text `json:"phone_number"`
		WABA   text `json:"whatsapp_business_account"`
		App    text `json:"application"`
	} `json:"webhook_configuration"`
}

func (c *callbacks) complete() bool { return c.ID != "" || c.Configuration.App != "" }

// Callbacks reads where the callbacks of the account's number go. Cloud only.
func (c *Client) Callbacks(ctx context.Context, a Account) (Callbacks, error) {
	const op = "read the number's callback addresses"
	if err := a.only(op, Cloud); err != nil {
		return Callbacks{}, err
	}
	var answer callbacks
	err := c.get(ctx, a, op, url.Values{"fields": {"webhook_configuration"}}, &answer, a.of()...)
	at := answer.Configuration
	return Callbacks{string(at.Number), string(at.WABA), string(at.App)}, err
}
