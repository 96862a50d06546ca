package dashboard

// ConsoleTasks lists and finds the tasks of all queues.
type ConsoleTasks struct {
	Shell
	Fields   []Field
	Error    string // what is wrong with no field
	Narrowed bool
	Tasks    []TaskItem
	// Owed is what became of the event that was looked for, webhook by webhook.
	Owed []OwedItem
	// Looked says how far a search came that ended early; empty: it is complete.
	Looked string
	Pager  Pager
	// Acts are what can be done to all that are found, at most so many at once; none without a filter.
	Acts  []TaskAct
	Most  int
	Query []Pair // the filter, to be sent along
}

// TaskAct is something that can be done to tasks.
type TaskAct struct {
	Name, Label, Text string
}

// TaskItem is a task in a list.
type TaskItem struct {
	Path, ID, Queue string
	State           Badge
	What            string // such as 3 deliveries
	EventID, Event  string
	WebhookID       int64 // 0: none
	Webhook         string
	BusinessID      int64 // 0: nobody's
	Business        string
	Why             string // it failed
	At              When   // due
	Next            bool   // At is still to come
}

// OwedItem is what became of an event for a webhook.
type OwedItem struct {
	WebhookID int64
	Webhook   string
	Status    string
	Text      string
	Path      string // of its task; empty: none
}

// ConsoleTask shows one task.
type ConsoleTask struct {
	Shell
	Above []Crumb
	Item  TaskItem
	Pairs []Pair
	Acts  []TaskAct
	// Error is why its worker failed, Reason why a receiver refused what it delivers.
	Error, Reason string
	// Payload is what it carries; empty: it is redacted. Contents are what that names, More how many of these are not shown.
	Payload  string
	Contents []TaskContent
	More     string
}

// TaskContent is an event or a callback that a task is about.
type TaskContent struct{ ID, Type, Data string }

func (ConsoleTasks) template() string { return "console_tasks.html" }
func (ConsoleTask) template() string  { return "console_task.html" }
