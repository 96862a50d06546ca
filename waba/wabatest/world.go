package wabatest

import (
	"encoding/json"
	"slices"
	"strings"
	"time"

	"wabagate/waba/simulator"
)

// The permissions of a token.
const (
	ScopeMessaging  = "whatsapp_business_messaging"  // sending and media
	ScopeManagement = "whatsapp_business_management" // numbers, templates, subscriptions
)

// App is an app on the platform, to which accounts are subscribed.
type App struct {
	ID          string   `json:"id"`
	Name        string   `json:"name"`
	Secret      string   `json:"secret"`       // signs its callbacks
	CallbackURL string   `json:"callback_url"` // where callbacks without an override go; empty → nowhere
	Fields      []string `json:"fields"`       // subscribed to; none → messages
}

// WABA is a WhatsApp Business account.
type WABA struct {
	ID   string   `json:"id"`
	Name string   `json:"name"`
	Apps []string `json:"apps"` // subscribed from the start, by id
}

// Number is a business number.
type Number struct {
	ID           string `json:"id"`
	WABAID       string `json:"waba_id"`              // empty → the first account
	Display      string `json:"display_phone_number"` // with or without signs between the digits
	VerifiedName string `json:"verified_name"`
	Quality      string `json:"quality_rating"` // empty → GREEN
	Status       string `json:"status"`         // empty → CONNECTED; while it is anything else, sends are refused with 133010
	Throughput   int    `json:"throughput"`     // messages a second; 0 → [Options.Throughput], 1,000 and more is the level HIGH
}

// Token is an access token.
type Token struct {
	Value   string    `json:"value"`
	AppID   string    `json:"app_id"`  // empty → the first app
	Scopes  []string  `json:"scopes"`  // none → [ScopeMessaging] and [ScopeManagement]
	WABAs   []string  `json:"wabas"`   // that it may see, by id; none → all
	Expires time.Time `json:"expires"` // zero → never
	Revoked bool      `json:"revoked"`
}

// Key is what a customer of the provider has for one number in place of a token.
type Key struct {
	Value         string `json:"key"`
	PhoneNumberID string `json:"phone_number_id"`
	OnPremises    bool   `json:"on_premises"` // bodies without an envelope, other codes, /v1/messages
}

// Template is a message template of an account.
type Template struct {
	ID         string          `json:"id"` // empty → made up
	WABAID     string          `json:"-"`  // empty → the first account
	Name       string          `json:"name"`
	Language   string          `json:"language"`   // such as "en_US"
	Status     string          `json:"status"`     // empty → APPROVED
	Category   string          `json:"category"`   // empty → UTILITY
	Components json.RawMessage `json:"components"` // as the platform lists them; nil → none
}

// Group is a group chat of a number.
type Group struct {
	ID            string   `json:"id"`
	PhoneNumberID string   `json:"phone_number_id"`
	Participants  []string `json:"participants"` // digits
}

// Who exists when [Options] name nobody else.
const (
	DefaultAppID     = "700100"
	DefaultAppSecret = "simulated-app-secret"
	DefaultWABAID    = "500100200300400"
	DefaultNumberID  = "600700800900100"
	DefaultDisplay   = "15550100200"
	DefaultName      = "Demo Bakery" // of the account and, verified, of the number
	DefaultToken     = "simulated-token"
)

// DefaultTemplates are some of each category for an account: order_ready (one value) and hello_world, both of utility,
// spring_sale (marketing, a header with a picture and a button whose address ends in a value), login_code
// (authentication), and retired, which is paused.
func DefaultTemplates(wabaID string) []Template {
	list := []Template{
		{Name: "hello_world", Language: "en_US", Components: json.RawMessage(`[{"type":"BODY","text":"Hello and welcome."}]`)},
		{Name: "order_ready", Language: "en_US",
			Components: json.RawMessage(`[{"type":"BODY","text":"Hello {{1}}, your order is ready."},{"type":"BUTTONS","buttons":[{"type":"QUICK_REPLY","text":"Confirm"}]}]`)},
		{Name: "order_ready", Language: "pt_BR", Components: json.RawMessage(`[{"type":"BODY","text":"Olá {{1}}, seu pedido está pronto."}]`)},
		{Name: "spring_sale", Language: "en_US", Category: "MARKETING",
			Components: json.RawMessage(`[{"type":"HEADER","format":"IMAGE"},{"type":"BODY","text":"Spring is here, {{1}}: {{2}} off."},` +
				`{"type":"FOOTER","text":"Reply STOP to end this"},{"type":"BUTTONS","buttons":[{"type":"URL","text":"Shop","url":"https://shop.example/{{1}}"}]}]`)},
		{Name: "login_code", Language: "en_US", Category: "AUTHENTICATION",
			Components: json.RawMessage(`[{"type":"BODY","text":"{{1}} is your code."},{"type":"BUTTONS","buttons":[{"type":"OTP","otp_type":"COPY_CODE","text":"Copy"}]}]`)},
		{Name: "retired", Language: "en_US", Status: "PAUSED", Components: json.RawMessage(`[{"type":"BODY","text":"Hello."}]`)},
	}
	for i := range list {
		list[i].WABAID = wabaID
	}
	return list
}

// account is a WABA as it stands.
type account struct {
	WABA
	overrides map[string]string // of the subscribed apps, by id; empty for none
	templates []Template
}

// number is a Number as it stands.
type number struct {
	Number
	account   *account
	digits    string
	overrides map[string]string // by app
	key       *Key              // nil: it is on the platform itself
	hook      hook              // of the provider
	sim       *simulator.Simulator
	limit     *throughput
	pending   []event // to be posted
	queued    bool    // stands in Server.ready
}

// hook is where a provider posts to.
type hook struct {
	URL     string            `json:"url"`
	Headers map[string]string `json:"headers,omitempty"`
}

func (n *number) onPremises() bool { return n.key != nil && n.key.OnPremises }

// digitsOf leaves out everything but the digits.
func digitsOf(s string) string {
	return strings.Map(func(r rune) rune {
		if r < '0' || r > '9' {
			return -1
		}
		return r
	}, s)
}

// formatted writes a number as the platform's lists do.
func formatted(display string) string {
	d := digitsOf(display)
	switch {
	case strings.ContainsAny(display, "+ -"):
		return display
	case len(d) == 11 && d[0] == '1':
		return "+1 " + d[1:4] + "-" + d[4:7] + "-" + d[7:]
	}
	return "+" + d
}

// The setters replace what has the same id, so that a test may change its mind.

// SetApp adds or replaces an app.
func (s *Server) SetApp(a App) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.setApp(a)
}

func (s *Server) setApp(a App) {
	if len(a.Fields) == 0 {
		a.Fields = []string{"messages"}
	}
	if i := slices.IndexFunc(s.apps, func(have *App) bool { return have.ID == a.ID }); i >= 0 {
		s.apps[i] = &a
		return
	}
	s.apps = append(s.apps, &a)
}

// SetWABA adds or replaces an account. Its templates, numbers and overrides stay.
func (s *Server) SetWABA(a WABA) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.setWABA(a)
}

func (s *Server) setWABA(a WABA) {
	have := s.account(a.ID)
	if have == nil {
		have = &account{overrides: map[string]string{}}
		s.accounts = append(s.accounts, have)
	}
	have.WABA = a
	for _, id := range a.Apps {
		if _, subscribed := have.overrides[id]; !subscribed {
			have.overrides[id] = ""
		}
	}
}

// SetNumber adds or replaces a number. Its key, its overrides and what travels stay.
func (s *Server) SetNumber(n Number) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.setNumber(n)
}

func (s *Server) setNumber(n Number) {
	defaults(&n.WABAID, s.accounts[0].ID)
	defaults(&n.Quality, "GREEN")
	defaults(&n.Status, "CONNECTED")
	defaults(&n.Throughput, s.o.Throughput)
	if s.account(n.WABAID) == nil {
		s.setWABA(WABA{ID: n.WABAID})
	}
	have := s.number(n.ID)
	if have == nil {
		have = &number{overrides: map[string]string{}}
		s.numbers = append(s.numbers, have)
	}
	have.Number, have.account, have.digits = n, s.account(n.WABAID), digitsOf(n.Display)
	have.limit = newThroughput(n.Throughput)
	s.simulate(have)
}

// simulate prepares what puts the facts of a number into bodies.
func (s *Server) simulate(n *number) {
	n.sim = simulator.New(simulator.Options{PhoneNumberID: n.ID, DisplayPhoneNumber: n.digits, WABAID: n.WABAID, Seed: s.o.Seed,
		OnPremises: n.onPremises(), Prefix: s.prefix + "s", Contacts: 50})
}

// SetToken adds or replaces a token.
func (s *Server) SetToken(t Token) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.setToken(t)
}

func (s *Server) setToken(t Token) {
	defaults(&t.AppID, s.apps[0].ID)
	if len(t.Scopes) == 0 {
		t.Scopes = []string{ScopeManagement, ScopeMessaging}
	}
	s.tokens[t.Value] = t
}

// SetTemplate adds a template, or replaces the one of the same name and language.
func (s *Server) SetTemplate(t Template) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.setTemplate(t)
}

func (s *Server) setTemplate(t Template) {
	defaults(&t.WABAID, s.accounts[0].ID)
	defaults(&t.Status, "APPROVED")
	defaults(&t.Category, "UTILITY")
	if t.Components == nil {
		t.Components = json.RawMessage(`[]`)
	}
	if s.account(t.WABAID) == nil {
		s.setWABA(WABA{ID: t.WABAID})
	}
	a := s.account(t.WABAID)
	i := slices.IndexFunc(a.templates, func(have Template) bool { return have.Name == t.Name && have.Language == t.Language })
	if i >= 0 {
		defaults(&t.ID, a.templates[i].ID)
		a.templates[i] = t
		return
	}
	defaults(&t.ID, s.newID())
	a.templates = append(a.templates, t)
}

// SetGroup adds or replaces a group.
func (s *Server) SetGroup(g Group) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.groups[g.ID] = &g
}

// SetKey moves a number to the provider, or gives it another key there. The old key is revoked, and the webhook is gone with
// it. A blank value makes up a key; the result is the key. An unknown number has none: the result is blank.
func (s *Server) SetKey(k Key) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.setKey(k)
}

func (s *Server) setKey(k Key) string {
	n := s.number(k.PhoneNumberID)
	if n == nil {
		return ""
	}
	defaults(&k.Value, "simulated-key-"+s.newID())
	if n.key != nil {
		delete(s.keys, n.key.Value)
	}
	n.key, n.hook = &k, hook{}
	s.keys[k.Value] = n
	s.simulate(n)
	return k.Value
}

func (s *Server) app(id string) *App {
	for _, a := range s.apps {
		if a.ID == id {
			return a
		}
	}
	return nil
}

func (s *Server) account(id string) *account {
	for _, a := range s.accounts {
		if a.ID == id {
			return a
		}
	}
	return nil
}

func (s *Server) number(id string) *number {
	for _, n := range s.numbers {
		if n.ID == id {
			return n
		}
	}
	return nil
}
