package dashboard

import (
	"fmt"
	"iter"
)

// Webhooks lists a business's webhooks, those that want somebody to look at them first.
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
	FailingSince  When // zero: it does not fail
	LastTriggered When
	Inspector     string // path of the inspector it points at; empty for elsewhere
	// Trouble is what is wrong, in words; nil: nothing is.
	Trouble *Trouble
	// Rate is the share of the last 24 hours' deliveries that succeeded, in words, and Spark their course.
	Rate  string
	Spark Spark
}

// Path is the address of the webhook's page, or of one below it.
func (i WebhookItem) Path(below ...string) string {
	path := fmt.Sprintf("/webhooks/%d", i.ID)
	for _, b := range below {
		path += "/" + b
	}
	return path
}

// tagsShown is how many events a list names.
const tagsShown = 6

// Tags are the first events, and Rest how many more there are.
func (i WebhookItem) Tags() []string { return i.Events[:min(len(i.Events), tagsShown)] }
func (i WebhookItem) Rest() int      { return len(i.Events) - len(i.Tags()) }

// WebhookHead is what the pages of one webhook have in common.
type WebhookHead struct {
	Item        WebhookItem
	Description string
	Above       []Crumb
	Tabs        []Tab
	// Job is the newest catch-up or replay, while it runs and for some time after; nil: none.
	Job *WebhookJob
	// Held is what is kept because the webhook is, or was, off; nil: nothing, or a job is at it.
	Held *Held
}

// WebhookJob is a catch-up or replay.
type WebhookJob struct {
	ID    int64
	Title string
	// Running is false for one that has ended, and Tone says how: good, bad or neither.
	Running  bool
	Tone     string
	Progress Progress
	// Note says when it will be over, or why it ended.
	Note    string
	Started When
	// What says which deliveries it took, Again leads to choosing the same, and Failures to those that failed; each may be empty.
	What, Again, Failures string
}

// Held is how much is kept for a webhook.
type Held struct {
	Count  string // in words
	Oldest When
	// Estimate says how long it takes to deliver; empty: not known.
	Estimate string
}

// Webhook is the first page of a webhook: its record, its newest deliveries, and a test.
type Webhook struct {
	Shell
	WebhookHead
	// Secret is shown right after it was made; empty otherwise.
	Secret     string
	Ranges     []Tab
	Cards      []Stat
	Chart      Chart
	Deliveries []DeliveryItem
	Samples    []EventGroup
	Trial      *Trial
	Settings   WebhookSettings
}

// WebhookSettings are what the webhook is set to, in words.
type WebhookSettings struct {
	Number, Schedule, Timeout, Rate, Ordering, Auth string
	Headers                                         []string
	Filter                                          string // JSON; empty: none
	Certificate                                     string // the subject of the client certificate; empty: none
	CertificateEnds                                 When
	Created                                         When
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

// WebhookDeliveries lists the deliveries of a webhook.
type WebhookDeliveries struct {
	Shell
	WebhookHead
	Filters    []Tab // by status
	Status     string
	Event      Field
	Deliveries []DeliveryItem
	Pager      Pager
}

// WebhookReplay makes deliveries again: it counts them first.
type WebhookReplay struct {
	Shell
	WebhookHead
	Ranges []Tab
	Fields []Field
	// Count is what the fields choose; nil: nobody asked yet.
	Count *ReplayCount
	Error string // that concerns no single field
	// Hint says how moments are written, Zone in which time zone.
	Hint, Zone string
	Jobs       []WebhookJob
	Pager      Pager
}

// ReplayCount is how much a replay would deliver.
type ReplayCount struct {
	N              string // in words
	None, TooMany  bool
	Oldest, Newest When
	What           string // which deliveries, in words
	Estimate       string
	// Hidden are the fields as they were counted.
	Hidden []Choice
}

// WebhookSigning is the secret of a webhook and its rotation.
type WebhookSigning struct {
	Shell
	WebhookHead
	Signed bool
	// Overlap is the clock of an open rotation; nil: none is open.
	Overlap *Overlap
	Lengths Field // how long the old secret goes on when it is rotated
	// SignsOnce is the dialect, if it has a signature header with room for one; empty otherwise.
	SignsOnce string
	// Header is the one that carries the signature.
	Header string
}

// Overlap is a rotation that is open: two secrets sign.
type Overlap struct {
	Until    When
	Progress Progress
}

// WebhookCheck tries the receiver.
type WebhookCheck struct {
	Shell
	WebhookHead
	// Findings come one by one, as they are made; nil: nothing was checked yet.
	Findings iter.Seq[CheckFinding]
	// Report is asked for after the last of them.
	Report func() CheckReport
	// Planned is how many findings there will be.
	Planned int
}

// CheckFinding is one thing that was checked.
type CheckFinding struct {
	Title          string
	Badge          Badge
	Sent, Answered string
	Why, Change    string
	Exchanges      []CheckExchange
}

// CheckExchange is one request of a check and its answer.
type CheckExchange struct {
	EventID, Latency, Reason, Answer string
	Status                           int
}

// CheckReport is what a check came to.
type CheckReport struct {
	// Grade is A to F; Tone colours it.
	Grade, Tone, Summary, Facts string
	// Error says why there is none; empty otherwise.
	Error string
}

// WebhookDanger switches a webhook off or deletes it.
type WebhookDanger struct {
	Shell
	WebhookHead
	Delete Danger
	// Wrong is what is wrong with the word that was typed.
	Wrong string
}

func (Webhooks) template() string          { return "webhooks.html" }
func (Webhook) template() string           { return "webhook.html" }
func (WebhookDeliveries) template() string { return "webhook_deliveries.html" }
func (WebhookReplay) template() string     { return "webhook_replay.html" }
func (WebhookSigning) template() string    { return "webhook_signing.html" }
func (WebhookCheck) template() string      { return "webhook_check.html" }
func (WebhookDanger) template() string     { return "webhook_danger.html" }
