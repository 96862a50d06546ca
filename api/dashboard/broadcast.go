package dashboard

// Broadcasts lists templates that were sent to many.
type Broadcasts struct {
	Shell
	Items []BroadcastItem
	Pager Pager
}

// BroadcastItem is a broadcast and how far it got.
type BroadcastItem struct {
	ID                     int64
	Name, Template, Number string
	Reference              string
	Status                 Badge
	Total, Sent, Delivered string
	Read, Failed           string
	Bad                    bool // some failed
	Started                When
	Elsewhere              bool // the gateway counts it and does not send it
	Progress               Progress
}

// BroadcastForm makes a broadcast that the gateway sends.
type BroadcastForm struct {
	Shell
	Above []Crumb
	Error string // of what concerns no single field
	// About, Template, Body and Pace are its fields.
	About, Template, Body, Pace []Field
	// BodyOpen unfolds the platform's body.
	BodyOpen bool
	Preview  LetterPreview
}

// LetterPreview is what a message would be, as far as it is known.
type LetterPreview struct {
	// Asked says that something was checked; Problems are what is wrong with it, none: nothing is.
	Asked    bool
	Problems []Problem
	// Variables are what every recipient must have, and Columns the first row of a table with them.
	Variables []string
	Columns   string
	// Bubble is the message as a phone may show it, Text its body as it goes out.
	Bubble Bubble
	Text   string
}

// Problem is what is wrong with a part of a message or a row of a list.
type Problem struct{ Where, Why string }

// BroadcastRegister makes a broadcast known that is sent elsewhere.
type BroadcastRegister struct {
	Shell
	Above  []Crumb
	Error  string
	Fields []Field
}

// Broadcast shows one broadcast.
type Broadcast struct {
	Shell
	Item BroadcastItem
	// Path is that of the page, and Live says that it changes by itself.
	Path  string
	Live  bool
	Above []Crumb
	Cards []Stat
	// Words say how it stands.
	Words                  string
	Created                When
	Ends                   When // when it should be over; zero: not known
	CanPause, CanResume    bool
	Failures               []Failed
	Draft                  *BroadcastDraft // nil: it is none
	Cancel                 Danger          // without an action it cannot be cancelled
	Schedule, Pace, Letter string
	Filters                []Tab
	Recipients             []RecipientItem
	Pager                  Pager
}

// BroadcastDraft is what is left to do before a start.
type BroadcastDraft struct {
	Recipients string
	CanStart   bool
	Rows       Field
	Error      string // of the list
	Preview    LetterPreview
	Tally      *Tally // of the list that was just read
}

// Tally is what became of a list of recipients.
type Tally struct {
	Added, Duplicate, Invalid string
	Bad                       bool
	Problems                  []Problem
	More                      bool // there are more than are shown
}

// RecipientItem is one to whom a broadcast goes.
type RecipientItem struct {
	Place          int64
	To             string
	Variables      []Header
	State          Badge
	Reason, SendID string
}

// OptOuts lists who wants no broadcasts.
type OptOuts struct {
	Shell
	Above  []Crumb
	Error  string
	Search Field
	Fields []Field
	Items  []OptOutName
	Pager  Pager
}

// OptOutName is a name of somebody who wants no broadcasts.
type OptOutName struct {
	WaID, UserID string
	Since        When
	Why          string
}

func (Broadcasts) template() string        { return "broadcasts.html" }
func (BroadcastForm) template() string     { return "broadcast_form.html" }
func (BroadcastRegister) template() string { return "broadcast_register.html" }
func (Broadcast) template() string         { return "broadcast.html" }
func (OptOuts) template() string           { return "optouts.html" }
