package dashboard

import (
	"fmt"
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
	Next, Email string
	// Error says what is wrong, with the field of that name or, where it is empty, with none.
	Error, Field string
}

// Fields are what is asked for. The cursor is where the next word goes.
func (l Login) Fields() []Field {
	fields := []Field{
		{Name: "email", Label: "Email", Type: "email", Value: l.Email, Complete: "username", Required: true, Focus: l.Email == "" || l.Field == "email"},
		{Name: "password", Label: "Password", Type: "password", Complete: "current-password", Required: true, Focus: l.Email != "" && l.Field != "email"},
	}
	for i := range fields {
		if fields[i].Name == l.Field {
			fields[i].Error = l.Error
		}
	}
	return fields
}

// Choice is an option of a list.
type Choice struct {
	Value, Label, Hint string
	Chosen             bool
	// Whole stands for every other option of its group.
	Whole bool
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

func (Login) template() string     { return "login.html" }
func (Home) template() string      { return "home.html" }
func (Guide) template() string     { return "guide.html" }
func (Inspector) template() string { return "inspector.html" }
func (Failure) template() string   { return "failure.html" }
