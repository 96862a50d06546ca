package wabatest

import (
	"crypto/sha256"
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"regexp"
	"strings"
)

// KeyHeader carries the key of a number at a provider of the 360dialog style.
const KeyHeader = "D360-API-KEY"

// providerPaths are the addresses that only a provider has.
var providerPaths = regexp.MustCompile(`^/(v1/.*|messages|media|health_status|waba_webhook)$`)

func providerPath(path string) bool { return providerPaths.MatchString(path) }

// proxyRefusal answers an error of the provider itself.
func proxyRefusal(w http.ResponseWriter, status int, message string) {
	answer(w, status, map[string]any{"meta": map[string]any{"success": false, "http_code": status, "developer_message": message}})
}

// provider answers what is asked of the provider: what it passes on to the platform, in the platform's shape or in that of the
// On-Premises client, and what it does itself.
func (s *Server) provider(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	n := s.keys[r.Header.Get(KeyHeader)]
	shape := graph
	if n != nil && n.onPremises() {
		shape = onPremises
	}
	s.mu.Unlock()
	if n == nil {
		proxyRefusal(w, http.StatusUnauthorized, "Invalid api_key")
		return
	}
	path := strings.TrimPrefix(r.URL.Path, "/v1")
	id, isMedia := strings.CutPrefix(path, "/media/")
	switch call := r.Method + " " + path; {
	case call == "POST /messages":
		s.sends(w, r, n, false, shape)
	case call == "POST /marketing_messages" && shape == graph:
		s.sends(w, r, n, true, shape)
	case r.Method == http.MethodPut && strings.HasPrefix(path, "/messages/") && shape == onPremises:
		s.readOnPremises(w, r, n, strings.TrimPrefix(path, "/messages/"))
	case path == "/configs/webhook":
		if !s.trouble(w, r, AtManage, shape) {
			s.webhook(w, r, n)
		}
	case call == "GET /health_status":
		if !s.trouble(w, r, AtManage, shape) {
			s.health(w, n)
		}
	case call == "POST /media" && shape == onPremises:
		s.uploadOnPremises(w, r, n)
	case call == "POST /media":
		s.uploads(w, r, n, shape)
	case isMedia && shape == onPremises:
		s.mediaOnPremises(w, r, n, id)
	case shape == graph && strings.Count(r.URL.Path, "/") == 1 && len(r.URL.Path) > 1:
		s.mediaAtProvider(w, r, n, r.URL.Path[1:])
	default:
		proxyRefusal(w, http.StatusForbidden, "The path is blocked or does not exist")
	}
}

// webhook sets, tells or deletes where the provider posts. It tries no handshake.
func (s *Server) webhook(w http.ResponseWriter, r *http.Request, n *number) {
	switch r.Method {
	case http.MethodGet:
		s.mu.Lock()
		hook := n.hook
		s.mu.Unlock()
		if hook.URL == "" {
			proxyRefusal(w, http.StatusNotFound, "No webhook is set")
			return
		}
		answer(w, http.StatusOK, hook)
	case http.MethodPost:
		var wanted hook
		raw, err := io.ReadAll(io.LimitReader(r.Body, requestLimit))
		if err != nil || json.Unmarshal(raw, &wanted) != nil {
			proxyRefusal(w, http.StatusBadRequest, "The body must be JSON with url and, if needed, headers")
			return
		}
		u, err := url.Parse(wanted.URL)
		if wanted.URL != "" && (err != nil || u.Host == "" || strings.Contains(u.Hostname(), "_")) {
			proxyRefusal(w, http.StatusBadRequest, "The url is not valid")
			return
		}
		s.mu.Lock()
		n.hook = wanted
		s.mu.Unlock()
		answer(w, http.StatusOK, wanted)
	case http.MethodDelete:
		if !s.o.ProviderDelete {
			proxyRefusal(w, http.StatusMethodNotAllowed, "The method is not allowed")
			return
		}
		s.mu.Lock()
		n.hook = hook{}
		s.mu.Unlock()
		answer(w, http.StatusOK, map[string]any{"meta": map[string]bool{"success": true}})
	default:
		proxyRefusal(w, http.StatusMethodNotAllowed, "The method is not allowed")
	}
}

func (s *Server) health(w http.ResponseWriter, n *number) {
	s.mu.Lock()
	defer s.mu.Unlock()
	answer(w, http.StatusOK, map[string]any{"health_status": n.describe()["health_status"], "id": n.ID})
}

// mediaAtProvider answers GET and DELETE of a media object. Its url is the platform's, to be fetched through the provider.
func (s *Server) mediaAtProvider(w http.ResponseWriter, r *http.Request, n *number, id string) {
	if s.trouble(w, r, AtMedia, graph) {
		return
	}
	reply(w, r, func(r *http.Request) (any, *refusal) {
		s.mu.Lock()
		defer s.mu.Unlock()
		f := s.media.files[id]
		if f == nil || f.PhoneNumberID != n.ID || r.Method != http.MethodGet && r.Method != http.MethodDelete {
			return nil, unknownObject(r.Method, id)
		}
		if r.Method == http.MethodDelete {
			s.media.remove(id)
			return success, nil
		}
		return s.describe(f, platformMedia), nil
	})
}

// mediaOnPremises answers GET of a media object with the file itself.
func (s *Server) mediaOnPremises(w http.ResponseWriter, r *http.Request, n *number, id string) {
	if s.trouble(w, r, AtMedia, onPremises) {
		return
	}
	s.mu.Lock()
	f := s.media.files[id]
	known := f != nil && f.PhoneNumberID == n.ID
	if known && r.Method == http.MethodDelete {
		s.media.remove(id)
	}
	s.mu.Unlock()
	switch {
	case !known:
		(&refusal{code: 33, status: http.StatusNotFound, details: "The media object does not exist"}).write(w, onPremises)
	case r.Method == http.MethodDelete:
		answer(w, http.StatusOK, map[string]any{"meta": onPremisesMeta})
	case r.Method == http.MethodGet:
		s.serve(w, r, f)
	default:
		proxyRefusal(w, http.StatusMethodNotAllowed, "The method is not allowed")
	}
}

// uploadOnPremises takes a file as the bare body of a POST.
func (s *Server) uploadOnPremises(w http.ResponseWriter, r *http.Request, n *number) {
	if s.trouble(w, r, AtMedia, onPremises) {
		return
	}
	content, err := io.ReadAll(http.MaxBytesReader(w, r.Body, 100<<20))
	if err != nil {
		(&refusal{code: 131053, details: "The file is too large, or broken off"}).write(w, onPremises)
		return
	}
	f := &file{Media: Media{MIME: r.Header.Get("Content-Type"), Size: int64(len(content))}, content: content, sum: sha256.Sum256(content)}
	if bad := f.fits(); bad != nil {
		bad.write(w, onPremises)
		return
	}
	answer(w, http.StatusOK, map[string]any{"media": []any{map[string]string{"id": s.keep(f, n)}}, "meta": onPremisesMeta})
}

// readOnPremises takes PUT of a message, which marks it as read.
func (s *Server) readOnPremises(w http.ResponseWriter, r *http.Request, n *number, id string) {
	s.mu.Lock()
	s.ledger.requests++
	known := s.ledger.received[id]
	if known {
		s.ledger.marked++
	}
	s.mu.Unlock()
	var body struct{ Status string }
	raw, _ := io.ReadAll(io.LimitReader(r.Body, requestLimit)) // what is cut off is no JSON
	switch {
	case json.Unmarshal(raw, &body) != nil || body.Status != "read":
		s.refuse(w, invalid("status", "must be one of {read}"), onPremises)
	case !known:
		s.refuse(w, invalid("message_id", "names no message that this number received"), onPremises)
	default:
		answer(w, http.StatusOK, map[string]any{"meta": onPremisesMeta})
	}
}
