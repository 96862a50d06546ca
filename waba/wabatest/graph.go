package wabatest

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"mime"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

var version = regexp.MustCompile(`^v[0-9]+\.[0-9]+$`)

// graph answers what is asked of the Graph API.
func (s *Server) graph(w http.ResponseWriter, r *http.Request) {
	parts := strings.Split(strings.Trim(r.URL.Path, "/"), "/")
	if version.MatchString(parts[0]) {
		parts = parts[1:]
	}
	switch {
	case len(parts) == 1 && parts[0] == "debug_token":
		s.plain(w, r, s.debugToken)
		return
	case len(parts) == 0 || parts[0] == "" || len(parts) > 2:
		unknownPath(r).write(w, graph)
		return
	}
	id, edge := parts[0], ""
	if len(parts) == 2 {
		edge = parts[1]
	}
	s.mu.Lock()
	n, a, app, f := s.number(id), s.account(id), s.app(id), s.media.files[id]
	var wabaID string
	var atProvider bool
	if n != nil {
		wabaID, atProvider = n.WABAID, n.key != nil
	}
	s.mu.Unlock()
	switch {
	case atProvider:
		unknownObject(r.Method, id).write(w, graph)
	case n != nil:
		s.ofNumber(w, r, n, wabaID, edge)
	case a != nil:
		s.ofAccount(w, r, a, edge)
	case app != nil && edge == "subscriptions":
		s.plain(w, r, func(r *http.Request) (any, *refusal) { return s.subscriptions(r, app) })
	case f != nil && edge == "":
		s.ofMedia(w, r, f)
	default:
		s.plain(w, r, func(r *http.Request) (any, *refusal) {
			s.mu.Lock()
			defer s.mu.Unlock()
			if _, bad := s.token(bearer(r)); bad != nil {
				return nil, bad
			}
			return nil, unknownObject(r.Method, id)
		})
	}
}

// unknownPath is what the platform says of an address that means nothing.
func unknownPath(r *http.Request) *refusal {
	return &refusal{code: 2500, status: http.StatusBadRequest, message: fmt.Sprintf("Unknown path components: %.200s", r.URL.Path)}
}

// plain answers a call that has a JSON answer, unless something goes wrong with it.
func (s *Server) plain(w http.ResponseWriter, r *http.Request, do func(*http.Request) (any, *refusal)) {
	if s.trouble(w, r, AtManage, graph) {
		return
	}
	reply(w, r, do)
}

// reply answers a call that has a JSON answer.
func reply(w http.ResponseWriter, r *http.Request, do func(*http.Request) (any, *refusal)) {
	body, bad := do(r)
	if bad != nil {
		bad.write(w, graph)
		return
	}
	answer(w, http.StatusOK, body)
}

// allowed checks the token of a request for an account.
func (s *Server) allowed(r *http.Request, scope, wabaID, object string) (Token, *refusal) {
	s.mu.Lock()
	defer s.mu.Unlock()
	t, bad := s.token(bearer(r))
	if bad == nil {
		bad = t.allow(r, scope, wabaID, object)
	}
	return t, bad
}

func (s *Server) ofNumber(w http.ResponseWriter, r *http.Request, n *number, wabaID, edge string) {
	call := r.Method + " " + edge
	scope := ScopeManagement
	if edge == "messages" || edge == "marketing_messages" || edge == "media" {
		scope = ScopeMessaging
	}
	t, bad := s.allowed(r, scope, wabaID, n.ID)
	switch {
	case bad != nil && (call == "POST messages" || call == "POST marketing_messages"):
		s.mu.Lock()
		s.ledger.requests++
		s.mu.Unlock()
		s.refuse(w, bad, graph)
	case bad != nil:
		bad.write(w, graph)
	case call == "POST messages":
		s.sends(w, r, n, false, graph)
	case call == "POST marketing_messages":
		s.sends(w, r, n, true, graph)
	case call == "POST media":
		s.uploads(w, r, n, graph)
	case call == "GET ":
		s.plain(w, r, func(r *http.Request) (any, *refusal) { return s.fields(r, n) })
	case call == "POST ":
		s.plain(w, r, func(r *http.Request) (any, *refusal) { return s.setOverride(r, n, t) })
	default:
		unknownObject(r.Method, n.ID+"/"+edge).write(w, graph)
	}
}

func (s *Server) ofAccount(w http.ResponseWriter, r *http.Request, a *account, edge string) {
	t, bad := s.allowed(r, ScopeManagement, a.ID, a.ID)
	if bad != nil {
		bad.write(w, graph)
		return
	}
	switch r.Method + " " + edge {
	case "GET ":
		s.plain(w, r, func(*http.Request) (any, *refusal) {
			s.mu.Lock()
			defer s.mu.Unlock()
			return map[string]string{"id": a.ID, "name": a.Name, "timezone_id": "1", "message_template_namespace": "ns_" + a.ID}, nil
		})
	case "GET phone_numbers":
		s.plain(w, r, func(r *http.Request) (any, *refusal) { return s.phoneNumbers(r, a) })
	case "GET message_templates":
		s.plain(w, r, func(r *http.Request) (any, *refusal) { return s.messageTemplates(r, a) })
	case "GET subscribed_apps":
		s.plain(w, r, func(*http.Request) (any, *refusal) { return s.subscribedApps(a), nil })
	case "POST subscribed_apps":
		s.plain(w, r, func(r *http.Request) (any, *refusal) { return s.subscribe(r, a, t) })
	case "DELETE subscribed_apps":
		s.plain(w, r, func(*http.Request) (any, *refusal) { return s.unsubscribe(a, t) })
	default:
		unknownObject(r.Method, a.ID+"/"+edge).write(w, graph)
	}
}

// ofMedia answers what is asked of one media object. It belongs to a number, and its address is good for a while.
func (s *Server) ofMedia(w http.ResponseWriter, r *http.Request, f *file) {
	if s.trouble(w, r, AtMedia, graph) {
		return
	}
	reply(w, r, func(r *http.Request) (any, *refusal) {
		s.mu.Lock()
		defer s.mu.Unlock()
		t, bad := s.token(bearer(r))
		if bad == nil {
			bad = t.allow(r, ScopeMessaging, s.number(f.PhoneNumberID).WABAID, f.ID)
		}
		if other := r.URL.Query().Get("phone_number_id"); bad == nil && other != "" && other != f.PhoneNumberID {
			bad = unknownObject(r.Method, f.ID)
		}
		if bad != nil {
			return nil, bad
		}
		switch r.Method {
		case http.MethodGet:
			base := s.host
			defaults(&base, "http://"+r.Host)
			return s.describe(f, base), nil
		case http.MethodDelete:
			s.media.remove(f.ID)
			return success, nil
		}
		return nil, unknownObject(r.Method, f.ID)
	})
}

// uploads takes a file.
func (s *Server) uploads(w http.ResponseWriter, r *http.Request, n *number, shape style) {
	if s.trouble(w, r, AtMedia, shape) {
		return
	}
	id, bad := s.upload(r, n)
	if bad != nil {
		bad.write(w, shape)
		return
	}
	answer(w, http.StatusOK, map[string]string{"id": id})
}

// describe is everything that the platform tells of a number. The caller holds the lock.
func (n *number) describe() map[string]any {
	level := "STANDARD"
	if n.Throughput >= 1000 {
		level = "HIGH"
	}
	return map[string]any{
		"id": n.ID, "display_phone_number": formatted(n.Display), "verified_name": n.VerifiedName, "quality_rating": n.Quality, "status": n.Status,
		"code_verification_status": "VERIFIED", "platform_type": "CLOUD_API", "throughput": map[string]string{"level": level}, "name_status": "APPROVED",
		"account_mode": "LIVE", "messaging_limit_tier": "TIER_100K", "is_official_business_account": false,
		"health_status": map[string]any{"can_send_message": "AVAILABLE",
			"entities": []any{map[string]string{"entity_type": "PHONE_NUMBER", "id": n.ID, "can_send_message": "AVAILABLE"}}},
	}
}

// numberFields are told when nothing is asked for.
var numberFields = []string{"verified_name", "code_verification_status", "display_phone_number", "quality_rating", "platform_type", "throughput", "id"}

// fields answers GET of a number.
func (s *Server) fields(r *http.Request, n *number) (any, *refusal) {
	s.mu.Lock()
	defer s.mu.Unlock()
	all := n.describe()
	all["webhook_configuration"] = s.webhookConfiguration(n)
	return choose(all, r.URL.Query().Get("fields"), numberFields, "WhatsAppBusinessPhoneNumber")
}

// choose returns the members that are asked for, and the id.
func choose(all map[string]any, asked string, otherwise []string, node string) (map[string]any, *refusal) {
	names := otherwise
	if asked != "" {
		names = append(strings.Split(asked, ","), "id")
	}
	chosen := map[string]any{}
	for _, name := range names {
		name = strings.TrimSpace(name)
		value, known := all[name]
		if !known {
			return nil, &refusal{code: 100, message: fmt.Sprintf("(#100) Tried accessing nonexisting field (%.60s) on node type (%s)", name, node)}
		}
		chosen[name] = value
	}
	return chosen, nil
}

func (s *Server) phoneNumbers(r *http.Request, a *account) (any, *refusal) {
	s.mu.Lock()
	defer s.mu.Unlock()
	var list []map[string]any
	for _, n := range s.numbers {
		if n.account != a {
			continue
		}
		all := n.describe()
		all["webhook_configuration"] = s.webhookConfiguration(n)
		chosen, bad := choose(all, r.URL.Query().Get("fields"), numberFields, "WhatsAppBusinessPhoneNumber")
		if bad != nil {
			return nil, bad
		}
		list = append(list, chosen)
	}
	return page(r, list)
}

func (s *Server) messageTemplates(r *http.Request, a *account) (any, *refusal) {
	s.mu.Lock()
	defer s.mu.Unlock()
	q := r.URL.Query()
	var list []map[string]any
	for _, t := range a.templates {
		if name := q.Get("name"); name != "" && name != t.Name {
			continue
		}
		if status := q.Get("status"); status != "" && status != t.Status {
			continue
		}
		all := map[string]any{"id": t.ID, "name": t.Name, "language": t.Language, "status": t.Status, "category": t.Category, "components": t.Components,
			"parameter_format": "POSITIONAL", "quality_score": map[string]string{"score": "UNKNOWN"}}
		chosen, bad := choose(all, q.Get("fields"), []string{"name", "components", "language", "status", "category", "parameter_format", "id"}, "MessageTemplate")
		if bad != nil {
			return nil, bad
		}
		list = append(list, chosen)
	}
	return page(r, list)
}

// pageSize is how much a list shows at once unless it is asked for more or less.
const pageSize = 25

// page is the part of a list that a request asks for.
func page(r *http.Request, list []map[string]any) (any, *refusal) {
	q := r.URL.Query()
	limit, from := pageSize, 0
	if l := q.Get("limit"); l != "" {
		n, err := strconv.Atoi(l)
		if err != nil || n < 1 {
			return nil, parameter("Param limit must be a number of 1 or more")
		}
		limit = n
	}
	if after := q.Get("after"); after != "" {
		raw, err := base64.RawURLEncoding.DecodeString(after)
		n, numberErr := strconv.Atoi(string(raw))
		if err != nil || numberErr != nil || n < 0 {
			return nil, &refusal{code: 131059}
		}
		from = min(n, len(list))
	}
	to := min(from+limit, len(list))
	body := map[string]any{"data": append([]map[string]any{}, list[from:to]...)}
	if to > from {
		cursor := func(n int) string { return base64.RawURLEncoding.EncodeToString([]byte(strconv.Itoa(n))) }
		paging := map[string]any{"cursors": map[string]string{"before": cursor(from), "after": cursor(to)}}
		if to < len(list) {
			next := *r.URL
			query := r.URL.Query()
			query.Del("access_token")
			query.Set("after", cursor(to))
			next.Scheme, next.Host, next.RawQuery = "http", r.Host, query.Encode()
			paging["next"] = next.String()
		}
		body["paging"] = paging
	}
	return body, nil
}

// values reads the parameters of a call: those of the query, and those of a form or a JSON object in the body.
func values(r *http.Request) (url.Values, map[string]json.RawMessage, *refusal) {
	raw, err := io.ReadAll(io.LimitReader(r.Body, requestLimit))
	if err != nil {
		return nil, nil, parameter("The body could not be read")
	}
	given := r.URL.Query()
	kind, _, _ := mime.ParseMediaType(r.Header.Get("Content-Type"))
	if kind == "application/x-www-form-urlencoded" {
		form, err := url.ParseQuery(string(raw))
		if err != nil {
			return nil, nil, parameter("The form could not be read")
		}
		for name, list := range form {
			given[name] = slices.Concat(given[name], list)
		}
		return given, nil, nil
	}
	var object map[string]json.RawMessage
	if len(raw) > 0 && json.Unmarshal(raw, &object) != nil {
		return nil, nil, parameter("The body is not a JSON object")
	}
	for name, value := range object {
		var text string
		if json.Unmarshal(value, &text) == nil {
			given.Set(name, text)
		}
	}
	return given, object, nil
}
