package dashboard

// UsageMonth is what a business used in a month.
type UsageMonth struct {
	Shell
	Month        string // such as 2026-11
	InWords      string //: November 2026
	Before, Next string // paths of the months around it; empty: there is none
	CSV          string // path of the same as a table
	Counted      When
	Cards        []Stat
	// Messages and Work are charts by day.
	Messages, Work Chart
	// Numbers are those that had any traffic, Months and Days the newest first.
	Numbers, Months, Days UsageTable
}

// UsageTable is use by something, which Head names. Work says that it has deliveries and attempts.
type UsageTable struct {
	Head string
	Work bool
	Rows []UsageRow
}

// UsageRow is a line of a table of use.
type UsageRow struct {
	Name, Path             string // the path may be empty
	Received, Sent, Events string
	// Deliveries and Attempts are of all webhooks.
	Deliveries, Attempts string
}

func (UsageMonth) template() string { return "usage.html" }
