package wabatest

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"time"
)

// ControlPrefix is where the simulator itself is read and set, in JSON: it is no part of any platform. GET of it lists what
// there is.
const ControlPrefix = "/_sim/"

// control is one address of the control API.
type control struct {
	Call  string                           `json:"call"`
	About string                           `json:"about"`
	do    func(*http.Request) (any, error) // an error is the caller's fault
}

// controls serve the control API.
func (s *Server) controls() http.Handler {
	done := map[string]bool{"ok": true}
	calls := []control{
		{"GET /_sim/tally", "everything counted", func(*http.Request) (any, error) { return s.Tally(), nil }},
		{"GET /_sim/sent", "accepted messages: phone_number_id, to, tracking (a part of it), after, limit (1,000)", s.sent},
		{"GET /_sim/recipients", "who was sent at_least (1) messages, most first", func(r *http.Request) (any, error) {
			n, err := natural(r, "at_least", 1)
			return map[string]any{"recipients": list(s.Recipients(n))}, err
		}},
		{"GET /_sim/dropped", "facts that were never acknowledged and never will be", func(*http.Request) (any, error) {
			return map[string]any{"dropped": list(s.Dropped())}, nil
		}},
		{"GET /_sim/callbacks", "what became of callbacks", func(*http.Request) (any, error) { return s.Callbacks(), nil }},
		{"GET /_sim/prompts", "what the language model was asked", func(*http.Request) (any, error) {
			return map[string]any{"prompts": list(s.Prompts())}, nil
		}},
		{"POST /_sim/inbound", "a customer writes: from, and text, media, type with content, or kind", func(r *http.Request) (any, error) {
			in, err := read[Inbound](r)
			if err != nil {
				return nil, err
			}
			id, err := s.Receive(in)
			return map[string]string{"id": id}, err
		}},
		{"POST /_sim/window", "when a customer last wrote: phone_number_id, customer, hours_ago", s.window},
		{"GET /_sim/faults", "what goes wrong", func(*http.Request) (any, error) { return map[string]any{"faults": wireFaults(s.Faults())}, nil }},
		{"POST /_sim/faults", "let something go wrong: kind, at, share, recipient, next, times, code, status, delay (\"2s\"), after, only, text", func(r *http.Request) (any, error) {
			f, err := read[wireFault](r)
			if err == nil {
				f.Fault.Delay, err = f.delay()
			}
			if err == nil {
				err = s.AddFaults(f.Fault)
			}
			return done, err
		}},
		{"DELETE /_sim/faults", "let everything go well", func(*http.Request) (any, error) { s.ClearFaults(); return done, nil }},
		{"POST /_sim/personas", "let customers answer: replies, taps, bot, think (\"1s\"), share, limit, customer", func(r *http.Request) (any, error) {
			p, err := read[wirePersona](r)
			if err == nil && p.Think != "" {
				p.Persona.Think, err = time.ParseDuration(p.Think)
			}
			if err == nil {
				s.AddPersonas(p.Persona)
			}
			return done, err
		}},
		{"DELETE /_sim/personas", "let customers be silent", func(*http.Request) (any, error) { s.ClearPersonas(); return done, nil }},
		{"POST /_sim/media", "a file to be fetched: mime_type, file_size, served_mime_type, served_file_size", func(r *http.Request) (any, error) {
			m, err := read[Media](r)
			if err != nil {
				return nil, err
			}
			id, err := s.AddMedia(m)
			return map[string]string{"id": id}, err
		}},
		{"POST /_sim/apps", "add or replace an app", set(s.SetApp)},
		{"POST /_sim/wabas", "add or replace an account", set(s.SetWABA)},
		{"POST /_sim/numbers", "add or replace a number", set(s.SetNumber)},
		{"POST /_sim/tokens", "add or replace a token: value, scopes, wabas, expires, revoked", set(s.SetToken)},
		{"POST /_sim/templates", "add or replace a template: waba_id, name, language, status, category, components", set(func(t wireTemplate) {
			t.Template.WABAID = t.WABAID
			s.SetTemplate(t.Template)
		})},
		{"POST /_sim/groups", "add or replace a group", set(s.SetGroup)},
		{"POST /_sim/keys", "give a number another key at the provider, which revokes the old one and removes the webhook", func(r *http.Request) (any, error) {
			k, err := read[Key](r)
			if err != nil {
				return nil, err
			}
			value := s.SetKey(k)
			if value == "" {
				return nil, fmt.Errorf("there is no number %q", k.PhoneNumberID)
			}
			return map[string]string{"key": value}, nil
		}},
		{"POST /_sim/reset", "forget what was sent, posted and lost, and what travels", func(*http.Request) (any, error) { s.Reset(); return done, nil }},
	}
	mux := http.NewServeMux()
	for _, c := range calls {
		mux.HandleFunc(c.Call, func(w http.ResponseWriter, r *http.Request) {
			body, err := c.do(r)
			if err != nil {
				answer(w, http.StatusBadRequest, map[string]string{"error": err.Error()})
				return
			}
			answer(w, http.StatusOK, body)
		})
	}
	mux.HandleFunc("GET "+ControlPrefix+"{$}", func(w http.ResponseWriter, _ *http.Request) { answer(w, http.StatusOK, map[string]any{"calls": calls}) })
	mux.HandleFunc(ControlPrefix, func(w http.ResponseWriter, r *http.Request) {
		answer(w, http.StatusNotFound, map[string]string{"error": fmt.Sprintf("there is no %s %s; GET %s lists what there is", r.Method, r.URL.Path, ControlPrefix)})
	})
	return mux
}

// sentLimit is how many messages one answer lists unless it is asked for more or less.
const sentLimit = 1000

func (s *Server) sent(r *http.Request) (any, error) {
	q := r.URL.Query()
	f := Filter{PhoneNumberID: q.Get("phone_number_id"), To: q.Get("to"), Tracking: q.Get("tracking")}
	var err error
	if f.After, err = natural(r, "after", 0); err != nil {
		return nil, err
	}
	if f.Limit, err = natural(r, "limit", sentLimit); err != nil {
		return nil, err
	}
	return map[string]any{"tally": s.Tally(), "count": s.Count(f), "messages": list(s.Messages(f))}, nil
}

func (s *Server) window(r *http.Request) (any, error) {
	in, err := read[struct {
		PhoneNumberID string  `json:"phone_number_id"`
		Customer      string  `json:"customer"`
		HoursAgo      float64 `json:"hours_ago"`
	}](r)
	if err != nil {
		return nil, err
	}
	wrote := time.Now().Add(-time.Duration(in.HoursAgo * float64(time.Hour)))
	return map[string]bool{"ok": true}, s.LetWindow(in.PhoneNumberID, in.Customer, wrote)
}

// What JSON has in another shape than Go.
type (
	wireFault struct {
		Fault
		Delay string `json:"delay,omitempty"`
	}
	wirePersona struct {
		Persona
		Think string `json:"think,omitempty"`
	}
	wireTemplate struct {
		Template
		WABAID string `json:"waba_id"`
	}
)

func (f wireFault) delay() (time.Duration, error) {
	if f.Delay == "" {
		return 0, nil
	}
	return time.ParseDuration(f.Delay)
}

func wireFaults(faults []Fault) []wireFault {
	list := []wireFault{}
	for _, f := range faults {
		w := wireFault{Fault: f}
		if f.Delay > 0 {
			w.Delay = f.Delay.String()
		}
		list = append(list, w)
	}
	return list
}

// set is a call that takes an object and stores it.
func set[T any](do func(T)) func(*http.Request) (any, error) {
	return func(r *http.Request) (any, error) {
		v, err := read[T](r)
		if err == nil {
			do(v)
		}
		return map[string]bool{"ok": true}, err
	}
}

// read reads a JSON body. A member that nobody knows is a mistake worth telling.
func read[T any](r *http.Request) (T, error) {
	var v T
	d := json.NewDecoder(io.LimitReader(r.Body, requestLimit))
	d.DisallowUnknownFields()
	if err := d.Decode(&v); err != nil {
		return v, fmt.Errorf("the body: %w", err)
	}
	return v, nil
}

// natural reads a number of the query.
func natural(r *http.Request, name string, otherwise int) (int, error) {
	text := r.URL.Query().Get(name)
	if text == "" {
		return otherwise, nil
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < 0 {
		return 0, fmt.Errorf("%s %q: expected a number of 0 or more", name, text)
	}
	return n, nil
}

// list is never null.
func list[T any](l []T) []T {
	if l == nil {
		return []T{}
	}
	return l
}
