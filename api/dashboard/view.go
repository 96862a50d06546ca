package dashboard

import (
	"fmt"
	"strings"
	"time"
)

// When is a moment and how long ago it is.
type When struct {
	At  time.Time
	Ago string
}

// NewWhen describes a moment as seen from now. The zero moment is never.
func NewWhen(at, now time.Time) When { return When{At: at.UTC(), Ago: ago(at, now)} }

func ago(at, now time.Time) string {
	if at.IsZero() {
		return "never"
	}
	d := now.Sub(at)
	form := "%s ago"
	if d < 0 {
		d, form = -d, "in %s"
	}
	switch {
	case d < 2*time.Second:
		return "now"
	case d < 2*time.Minute:
		return fmt.Sprintf(form, fmt.Sprintf("%d s", int(d.Seconds())))
	case d < 2*time.Hour:
		return fmt.Sprintf(form, fmt.Sprintf("%d min", int(d.Minutes())))
	case d < 48*time.Hour:
		return fmt.Sprintf(form, fmt.Sprintf("%d h", int(d.Hours())))
	}
	return fmt.Sprintf(form, fmt.Sprintf("%d days", int(d.Hours()/24)))
}

// Login asks who is there.
type Login struct {
	Shell
	Next, Email, Error string
}

// Fields are what is asked for. The cursor is where the next word goes.
func (l Login) Fields() []Field {
	return []Field{
		{Name: "email", Label: "Email", Type: "email", Value: l.Email, Complete: "username", Required: true, Focus: l.Email == ""},
		{Name: "password", Label: "Password", Type: "password", Complete: "current-password", Required: true, Focus: l.Email != ""},
	}
}

// Webhooks lists a business's webhooks.
type Webhooks struct {
	Shell
	Items []WebhookItem
	Pager Pager
}

// WebhookItem is one line of the list.
type WebhookItem struct {
	ID        int64
	Name, URL string
	Dialect   string
	Events    []string
	Active    bool
	Disabled  string // why it is off, when it was not its owner
	// Unverified says that it gets nothing until its receiver has answered a challenge, and Missing why it has not.
	Unverified    bool
	Missing       string
	FailCount     int64
	LastTriggered When
	Inspector     string // path of the inspector it points at; empty for elsewhere
}

// WebhookForm makes or changes a webhook.
type WebhookForm struct {
	Shell
	// ID is the webhook's; 0 for a new one.
	ID     int64
	Values FormValues
	// Field and Error say what is wrong; Field is empty for what concerns no single one.
	Field, Error string
	Groups       []EventGroup
	Dialects     []Choice
	Numbers      []Choice
	Orderings    []Choice
	AuthTypes    []Choice
	Inspector    string // an address of the built-in inspector to try with; empty when unknown
	Local        string // an address of this machine to try with; empty where webhooks may not reach it
	Above        []Crumb
}

// Wrong is the error of a field, empty for the others.
func (f WebhookForm) Wrong(field string) string {
	if f.Field == field {
		return f.Error
	}
	return ""
}

// WrongIn reports whether a field or a part of it is wrong.
func (f WebhookForm) WrongIn(field string) bool {
	return f.Field == field || strings.HasPrefix(f.Field, field+".")
}

// FormValues are the fields as a person typed them.
type FormValues struct {
	Name, URL, Description, Dialect, Number string
	SecretMode, Secret                      string
	Rate, Timeout, Schedule, Headers        string
	Filter                                  string // JSON
	Ordering                                string
	AuthType, AuthUser                      string
	AuthPassword, AuthToken                 string
	Certificate, CertificateKey             string // PEM
	// More are subscriptions that have no box of their own, such as template.paused.
	More string
}

// Choice is an option of a list.
type Choice struct {
	Value, Label, Hint string
	Chosen             bool
	// Whole stands for every other option of its group.
	Whole bool
}

// EventGroup is a part of the event picker.
type EventGroup struct {
	Name   string
	Events []Choice
	// Folded groups are closed until somebody opens them, or has chosen from them.
	Folded bool
	// Chosen is how many options are.
	Chosen int
}

// Catching is a catch-up or replay that is running.
type Catching struct {
	ID              int64
	Kind            string // catch-up or replay
	Released, Total int64
	Share           int // percent
}

// Webhook shows one webhook with its record and its deliveries.
type Webhook struct {
	Shell
	Item WebhookItem
	// Held is how many deliveries are kept because the webhook is, or was, off.
	Held        int64
	Catching    *Catching // nil: none is running
	Description string
	Number      string
	Created     When
	Schedule    string
	Timeout     string
	Rate        string
	Headers     []string
	Filter      string // JSON; empty: none
	Ordering    string
	Auth        string
	Certificate string // the subject of the client certificate; empty: none
	Signed      bool
	// CertificateEnds is when the client certificate does.
	CertificateEnds When
	// Overlapping says that the secret before the present one signs too, until PreviousUntil.
	Overlapping   bool
	PreviousUntil When
	Overlaps      []Choice // how long the old secret goes on when it is rotated
	// SignsOnce is the dialect, if it has a signature header with room for one; empty otherwise.
	SignsOnce string
	// Secret is shown right after it was made; empty otherwise.
	Secret     string
	Hours      int // that the cards are about
	Cards      []Stat
	Samples    []EventGroup
	Trial      *Trial
	Delete     Danger
	Filters    []Tab // by status
	Deliveries []DeliveryItem
	Pager      Pager
}

// Trial is a sample that has just been sent.
type Trial struct {
	Event, EventID string
	OK             bool
	Status         int
	Reason         string
	Latency        string
	Payload        string
	Answer         string
}

// DeliveryItem is one line of the history.
type DeliveryItem struct {
	ID, EventID, Event, Status string
	Attempts                   int
	Code                       int // 0: no answer
	Reason, Latency            string
	Created, Next              When
	Planned                    bool // Next says when the next attempt is
}

// Delivery shows one delivery with every attempt.
type Delivery struct {
	Shell
	Item      DeliveryItem
	Above     []Crumb
	URL       string
	Payload   string
	CanResend bool
	Attempts  []Step // newest first
}

// Inspector shows what arrives at a bin.
type Inspector struct {
	Shell
	Bin, URL string
	Above    []Crumb // the webhooks that point here
	Stream   string  // where more comes from
	Arrivals []Arrival
}

// Arrival is one request that the inspector received.
type Arrival struct {
	ID       int64
	Received When
	Event    string // as far as the body says
	Size     string
	Headers  []Header
	Checks   []Check
	Body     string
}

// Header is one line of a request's head.
type Header struct{ Name, Value string }

// Check is what verifying one signature gave.
type Check struct {
	Scheme, Header string
	OK             bool
	Reason         string
}

// Failure says what went wrong.
type Failure struct {
	Shell
	Status  int
	Message string
}

func (Login) template() string       { return "login.html" }
func (Home) template() string        { return "home.html" }
func (Guide) template() string       { return "guide.html" }
func (Webhooks) template() string    { return "webhooks.html" }
func (WebhookForm) template() string { return "webhook_form.html" }
func (Webhook) template() string     { return "webhook.html" }
func (Delivery) template() string    { return "delivery.html" }
func (Inspector) template() string   { return "inspector.html" }
func (Failure) template() string     { return "failure.html" }
