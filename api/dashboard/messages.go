package dashboard

// Messages is the history of deliveries over all webhooks of a business.
type Messages struct {
	Shell
	// Period is the time that the page is about, in words; Periods are others to choose.
	Period  string
	Periods []Tab
	// Error is what is wrong with what was asked for, where it is none of the fields.
	Error string
	Cards []Stat
	// Chart is drawn where it has bars. Note says what cards and chart do not tell apart.
	Chart Chart
	Note  string

	Search, Webhook, Status, From, To Field
	// Events are the types to choose from, EventMore what was chosen besides.
	Events    []EventGroup
	EventMore string
	// Kept are the parameters that the form sends along.
	Kept []Choice
	Hint string // how moments are written
	Zone string // in which they are read
	// Narrowed says that a filter is set; Clear leads to the page without one.
	Narrowed bool
	Clear    string

	// Understood is what the search was taken for, with Text as it was written; both may be empty.
	Understood, Text string
	Found            []Link // what the search leads to besides
	Rows             []MessageRow
	Pager            Pager
	// Partly says that only a part was looked through, and that there may be more behind the pager's Older.
	Partly bool
	// Replay leads to making again what is listed; empty: that needs one webhook.
	Replay      string
	HasWebhooks bool
}

// MessageRow is a delivery and its webhook.
type MessageRow struct {
	Item    DeliveryItem
	Webhook string
}

func (Messages) template() string { return "messages.html" }
