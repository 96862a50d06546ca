package dashboard

// Contacts lists the customers of a business.
type Contacts struct {
	Shell
	Search string
	Items  []ContactItem
	Pager  Pager
}

// ContactItem is one line of the list.
type ContactItem struct {
	Path, Name, Phone, UserID, Username string
	Updated                             When
}

// Pair is a key with a value. Value is text that somebody wrote, or an id or a number (Plain), which runs from left to right.
type Pair struct {
	Key, Value string
	Plain      bool
	// Rest is what follows of a long value.
	Rest string
}

// Contact shows one customer.
type Contact struct {
	Shell
	ID    int64
	Above []Crumb
	Name  string
	// Known is what is known of them now, Names every name that finds them, Changes how that came, newest first.
	Known, Names  []Pair
	Changes       []Step
	Conversations []ConversationItem
	Orders        []OrderItem
	OptOuts       []OptOutItem
	// Reachable says that there is a name to keep an opt-out by.
	Reachable bool
	// Erase is nil for who may not; Erasure is the path of the receipt of one that was asked for, empty for none.
	Erase   *Danger
	Erasure string
	// Wrong says why the contact could not be erased.
	Wrong string
}

// OptOutItem is a name under which somebody wants no broadcasts.
type OptOutItem struct {
	Name, Why string
	Since     When
}

// Erasures lists what was erased.
type Erasures struct {
	Shell
	Above []Crumb
	Items []ErasureItem
	Pager Pager
}

// ErasureItem is one erasure, without anything personal.
type ErasureItem struct {
	Path    string
	Contact int64
	By      string
	Status  Badge
	Started When
}

// Erasure is the receipt of one.
type Erasure struct {
	Shell
	Above []Crumb
	Item  ErasureItem
	// Running is how far it is; nil once it is over. Action goes on with it by a POST.
	Running *Progress
	Action  string
	Ended   When
	Counts  []ErasedCount
	Note    string
}

// ErasedCount is how much of something was erased.
type ErasedCount struct{ Label, Where, N string }

func (Contacts) template() string { return "contacts.html" }
func (Contact) template() string  { return "contact.html" }
func (Erasures) template() string { return "erasures.html" }
func (Erasure) template() string  { return "erasure.html" }
