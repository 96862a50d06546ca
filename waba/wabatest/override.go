package wabatest

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"
)

// addressLimit is how long an alternate callback address may be.
const addressLimit = 200

// handshake tries a callback address as the platform does before it takes it.
func (s *Server) handshake(ctx context.Context, callback, verifyToken string) *refusal {
	failed := func(why string) *refusal {
		return &refusal{code: 2200, message: "(#2200) Callback verification failed with the following errors: " + why}
	}
	u, err := url.Parse(callback)
	if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
		return parameter("override_callback_uri is not a valid URI.")
	}
	challenge := fmt.Sprint(1_000_000_000 + mix(uint64(time.Now().UnixNano()))%1_000_000_000)
	q := u.Query()
	q.Set("hub.mode", "subscribe")
	q.Set("hub.challenge", challenge)
	q.Set("hub.verify_token", verifyToken)
	u.RawQuery = q.Encode()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, u.String(), nil)
	if err != nil {
		return failed("the address could not be used")
	}
	req.Header.Set("User-Agent", "facebookplatform/1.0 (+http://developers.facebook.com)")
	res, err := s.o.Posts.Do(req)
	if err != nil {
		return failed("Couldn't connect to server")
	}
	defer func() { _ = res.Body.Close() }()
	body, _ := io.ReadAll(io.LimitReader(res.Body, 1024)) // what came of it is compared
	switch {
	case res.StatusCode != http.StatusOK:
		return failed(fmt.Sprintf("HTTP Status Code = %d; HTTP Message = %s", res.StatusCode, http.StatusText(res.StatusCode)))
	case string(body) != challenge:
		return &refusal{code: 2200, message: fmt.Sprintf("(#2200) Callback verification failed: response does not match challenge, "+
			"expected value=%q, received=%.80q", challenge, body)}
	}
	return nil
}

// tryOverride checks an alternate address and tries it.
func (s *Server) tryOverride(r *http.Request, callback, verifyToken string) *refusal {
	switch {
	case len(callback) > addressLimit:
		return parameter(fmt.Sprintf("override_callback_uri must be at most %d characters long", addressLimit))
	case verifyToken == "":
		return parameter("The parameter verify_token is required.")
	}
	return s.handshake(r.Context(), callback, verifyToken)
}

// setOverride takes POST of a number: the webhook of this one number.
func (s *Server) setOverride(r *http.Request, n *number, t Token) (any, *refusal) {
	_, object, bad := values(r)
	if bad != nil {
		return nil, bad
	}
	var wanted struct {
		Callback *string `json:"override_callback_uri"`
		Token    string  `json:"verify_token"`
	}
	raw, given := object["webhook_configuration"]
	if !given || json.Unmarshal(raw, &wanted) != nil || wanted.Callback == nil {
		return nil, parameter("The parameter webhook_configuration['override_callback_uri'] is required.")
	}
	if *wanted.Callback != "" {
		if bad := s.tryOverride(r, *wanted.Callback, wanted.Token); bad != nil {
			return nil, bad
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if *wanted.Callback == "" {
		delete(n.overrides, t.AppID)
	} else {
		n.overrides[t.AppID] = *wanted.Callback
	}
	return success, nil
}

// webhookConfiguration says where the callbacks of a number go, by level, for the first app that it concerns. The caller holds
// the lock.
func (s *Server) webhookConfiguration(n *number) map[string]string {
	found := map[string]string{}
	for _, a := range s.apps {
		override, subscribed := n.account.overrides[a.ID]
		if own := n.overrides[a.ID]; own != "" && found["phone_number"] == "" {
			found["phone_number"] = own
		}
		if override != "" && found["whatsapp_business_account"] == "" {
			found["whatsapp_business_account"] = override
		}
		if subscribed && a.CallbackURL != "" && found["application"] == "" {
			found["application"] = a.CallbackURL
		}
	}
	return found
}

func (s *Server) subscribedApps(a *account) any {
	s.mu.Lock()
	defer s.mu.Unlock()
	list := []any{}
	for _, app := range s.apps {
		override, subscribed := a.overrides[app.ID]
		if !subscribed {
			continue
		}
		entry := map[string]any{"whatsapp_business_api_data": map[string]string{"id": app.ID, "link": "https://www.facebook.com/games/?app_id=" + app.ID, "name": app.Name}}
		if override != "" {
			entry["override_callback_uri"] = override
		}
		list = append(list, entry)
	}
	return map[string]any{"data": list}
}

// subscribe subscribes the app of the token to an account, with an address of its own or without.
func (s *Server) subscribe(r *http.Request, a *account, t Token) (any, *refusal) {
	given, _, bad := values(r)
	if bad != nil {
		return nil, bad
	}
	override := given.Get("override_callback_uri")
	if override != "" {
		if bad := s.tryOverride(r, override, given.Get("verify_token")); bad != nil {
			return nil, bad
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	a.overrides[t.AppID] = override
	return success, nil
}

func (s *Server) unsubscribe(a *account, t Token) (any, *refusal) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if _, subscribed := a.overrides[t.AppID]; !subscribed {
		return nil, parameter("The app is not subscribed to this WhatsApp Business Account")
	}
	delete(a.overrides, t.AppID)
	return success, nil
}

// subscriptions sets, or tells, what an app wants and where. It takes the app's own token.
func (s *Server) subscriptions(r *http.Request, app *App) (any, *refusal) {
	s.mu.Lock()
	own := s.appOf(bearer(r))
	s.mu.Unlock()
	if own != app {
		return nil, &refusal{code: 15, status: http.StatusForbidden, message: "(#15) This method must be called with an app access_token."}
	}
	given, object, bad := values(r)
	if bad != nil {
		return nil, bad
	}
	switch r.Method {
	case http.MethodGet:
		s.mu.Lock()
		defer s.mu.Unlock()
		list := []any{}
		if app.CallbackURL != "" {
			var fields []any
			for _, f := range app.Fields {
				fields = append(fields, map[string]string{"name": f, "version": "v26.0"})
			}
			list = append(list, map[string]any{"object": "whatsapp_business_account", "callback_url": app.CallbackURL, "active": true, "fields": fields})
		}
		return map[string]any{"data": list}, nil
	case http.MethodPost:
	default:
		return nil, unknownObject(r.Method, app.ID)
	}
	fields := strings.FieldsFunc(given.Get("fields"), func(c rune) bool { return c == ',' || c == ' ' })
	if raw, list := object["fields"]; list && len(fields) == 0 {
		_ = json.Unmarshal(raw, &fields) // anything else leaves none
	}
	switch {
	case given.Get("object") != "whatsapp_business_account":
		return nil, parameter("The parameter object must be whatsapp_business_account.")
	case given.Get("callback_url") == "" || given.Get("verify_token") == "":
		return nil, parameter("The parameters callback_url and verify_token are required.")
	case len(fields) == 0:
		return nil, parameter("The parameter fields is required.")
	}
	if bad := s.handshake(r.Context(), given.Get("callback_url"), given.Get("verify_token")); bad != nil {
		return nil, bad
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	app.CallbackURL, app.Fields = given.Get("callback_url"), slices.Clone(fields)
	return success, nil
}
