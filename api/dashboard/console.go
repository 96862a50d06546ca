package dashboard

// ConsoleSections are the navigation of the console for operations, in its order.
func ConsoleSections() []Section {
	return []Section{
		{Name: "operations-queues", Path: "/operations", Title: "Queues"},
		{Name: "operations-tasks", Path: "/operations/tasks", Title: "Tasks"},
		{Name: "operations-webhooks", Path: "/operations/webhooks", Title: "Webhooks"},
		{Name: "operations-gateway", Path: "/operations/gateway", Title: "Gateway"},
		{Name: "operations-businesses", Path: "/operations/businesses", Title: "Businesses", Apart: true},
		{Name: "operations-apps", Path: "/operations/apps", Title: "Apps"},
		{Name: "operations-audit", Path: "/operations/audit", Title: "Audit log"},
		{Name: "operations-monitor", Path: "/monitor/", Title: "asynq", Apart: true},
		{Name: "operations-leave", Path: "/", Title: "Your business"},
	}
}

// ConsoleQueues shows how full the queues are, and for whom most waits.
type ConsoleQueues struct {
	Shell
	Cards      []Stat
	Queues     []QueueItem
	Webhooks   []WaitingItem
	Businesses []WaitingItem
	// Counted is when what waits for webhooks was counted; the zero moment: it is being counted for the first time.
	Counted When
}

// QueueItem is a queue. Counts are in words.
type QueueItem struct {
	Name                                        string
	Pending, Active, Scheduled, Retry, Archived string
	// Oldest is how long the task at the head has been ready, Late that this is long.
	Oldest string
	Late   bool
	// Rate is how many tasks workers are given in a second, Failed in how many of them they failed, FailedToday since midnight.
	Rate, Failed, FailedToday string
	Bad                       bool // some fail
	Paused                    bool
}

// WaitingItem is how much waits for a webhook, or for all of a business.
type WaitingItem struct {
	ID         int64
	Name       string
	BusinessID int64 // of a webhook
	Business   string
	Deliveries string
	Webhooks   string // of a business: how many of its webhooks
	Due        When   // of the oldest
	Status     Badge
}

// ConsoleWebhooks shows the webhooks of all businesses that somebody should look after.
type ConsoleWebhooks struct {
	Shell
	Lists []TroubleList
}

// TroubleList is webhooks with the same trouble.
type TroubleList struct {
	ID, Title, Hint, None string
	Items                 []TroubleItem
}

// TroubleItem is a webhook in trouble.
type TroubleItem struct {
	ID         int64
	Name       string
	BusinessID int64
	Business   string
	Status     Badge
	Note       string // about it
	Since      When
	Tasks      string // where its tasks are
}

// ConsoleGateway shows how the gateway as a whole is.
type ConsoleGateway struct {
	Shell
	Cards      []Stat
	Reconciler *ReconcilerState // nil: not known
	Retention  RetentionState
	Silent     []SilentItem
}

// ReconcilerState is what reconcilers do, and did.
type ReconcilerState struct {
	Status  Badge
	Leader  string
	Workers string
	Lately  []ReconciledItem
}

// ReconciledItem is work that was put in again.
type ReconciledItem struct {
	What, Why string
	At        When
}

// RetentionState is how long things are kept, and when that was last looked after.
type RetentionState struct {
	Status     Badge
	Last, Next When
	Pairs      []Pair
	Error      string
	Tables     []KeptItem
	Parts      bool // the tables have parts
}

// KeptItem is how far back a table goes.
type KeptItem struct {
	Name, Parts, Oldest, Newest, Size string
}

// SilentItem is a number for which nothing comes although it should.
type SilentItem struct {
	Name, Phone  string
	BusinessID   int64
	Business     string
	Since, Found When
}

// ConsoleAudit tells what was done to the gateway as a whole, and by those who operate it.
type ConsoleAudit struct {
	Shell
	Fields   []Field
	Error    string
	Narrowed bool
	Entries  []AuditEntry
	Pager    Pager
}

func (ConsoleQueues) template() string   { return "console_queues.html" }
func (ConsoleWebhooks) template() string { return "console_webhooks.html" }
func (ConsoleGateway) template() string  { return "console_gateway.html" }
func (ConsoleAudit) template() string    { return "console_audit.html" }
