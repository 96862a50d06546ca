package dashboard

// AuditLog tells who did what.
type AuditLog struct {
	Shell
	Pages  []Tab
	Fields []Field
	// Error is what is wrong with the filter, where it is none of its fields. Narrowed says that there is a filter.
	Error    string
	Narrowed bool
	Entries  []AuditEntry
	Pager    Pager
}

// AuditEntry is one thing that was done, as a sentence: Actor Did Object, and Fields.
type AuditEntry struct {
	Actor, ActorPath string // the path of a page about it; empty: none
	Did              string
	Object           string // empty: the sentence needs none
	ObjectPath       string
	Business         string // whose it is, in the log of operations; empty: nobody's
	BusinessPath     string
	Fields           []string // what has changed, in words
	Values           []AuditValue
	IP               string // empty: from the gateway's own machine
	At               When
}

// AuditValue is how a field has changed. An empty Before is a field that had nothing, an empty After one that has nothing now.
type AuditValue struct{ Field, Before, After string }

func (AuditLog) template() string { return "audit.html" }
