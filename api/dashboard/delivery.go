package dashboard

// Link leads to something that this page's thing belongs to. Kind says what that is.
type Link struct{ Kind, Label, Path string }

// Delivery shows one delivery with every attempt.
type Delivery struct {
	Shell
	Item  DeliveryItem
	Above []Crumb
	// About is what the event is about in a few words.
	About, URL string
	Links      []Link
	// Refresh is after how many seconds the page looks again; 0: nothing is going to change by itself.
	Refresh int
	// Payload is what was posted, in the form that its webhook has now. Changed says that the webhook was changed since, Erased
	// that the content is gone.
	Payload         string
	Changed, Erased bool
	Headers         []SentHeader
	// Curl is where a command that posts it again is to be had; empty: there is nothing to post. CurlNote says what is to be
	// known of it.
	Curl, CurlNote string
	CanResend      bool
	Refused        string // why it cannot be resent; empty where it can, and where the viewer may not
	Steps          []Step // what comes next and the attempts, newest first
}

// SentHeader is a header of a delivery. Note stands for a value that is not shown, or not known.
type SentHeader struct{ Name, Value, Note string }

// EventPage shows one event and what became of it.
type EventPage struct {
	Shell
	Above                        []Crumb
	ID, Type, Description, About string
	Created                      When
	Links                        []Link
	// Callback is the size of the callback that it came in; empty: the gateway made it, or the callback is no longer kept.
	Callback   string
	Received   When
	JSON       string // empty: its content is gone
	Deliveries []EventDelivery
}

// EventDelivery is what became of an event at one webhook.
type EventDelivery struct {
	Item      DeliveryItem
	Webhook   Crumb
	CanResend bool
	Refused   string
}

// Timeline shows a message from the callback to its receivers.
type Timeline struct {
	Shell
	Above []Crumb
	Wamid string
	// Known says that the message itself is, besides its events.
	Known                 bool
	Direction, Kind, Text string
	Actor                 string // who sent it, in words
	Status                Badge
	Sent, Edited, Deleted When
	WasEdited, WasDeleted bool
	Links                 []Link
	Reports               []Report // the first of each status, the earliest first
	Counts                []Stat
	Steps                 []Step // oldest first
	Cut                   bool   // older events are left out
	Refresh               bool   // something is going to happen soon
}

// Report is a status of a message that upstream reported.
type Report struct {
	Badge Badge
	At    When // by the upstream clock
	Note  string
}

func (Delivery) template() string  { return "delivery.html" }
func (EventPage) template() string { return "event.html" }
func (Timeline) template() string  { return "timeline.html" }
