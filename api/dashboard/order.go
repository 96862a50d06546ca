package dashboard

// Orders lists the orders of a business.
type Orders struct {
	Shell
	Tabs  []Tab
	Items []OrderItem
	Pager Pager
	// Export is the form of a range of time to download.
	Export Export
	// Filtered says that only orders of one status are shown.
	Filtered bool
}

// OrderItem is one line of the list.
type OrderItem struct {
	Path, Name    string
	Customer      string // empty: it goes without saying
	Total, Things string
	Status        Badge
	Payment       string
	Created       When
}

// Order shows one order.
type Order struct {
	Shell
	ID    int64
	Above []Crumb
	Item  OrderItem
	// Conversation is the path of the thread it came in; empty: none.
	Conversation string
	Facts        []Pair
	// Text is what the customer wrote with it, Rest what follows of a long one.
	Text, Rest string
	Lines      []OrderLine
	// Raw is the platform's own list of what was ordered, where it cannot be read as lines; Payment its payment object.
	Raw, Payment string
	Fields       []Field
}

// OrderLine is something that was ordered.
type OrderLine struct{ Product, Quantity, Price, Sum string }

// Forms lists what customers answered to forms.
type Forms struct {
	Shell
	Items  []FormItem
	Pager  Pager
	Export Export
}

// FormItem is one answer.
type FormItem struct {
	Name, Customer, Conversation string
	At                           When
	Fields                       []Pair
	// Erased says that nothing of it is left.
	Erased bool
}

// Export is a download of a range of days.
type Export struct{ Action, From, To string }

func (Orders) template() string { return "orders.html" }
func (Order) template() string  { return "order.html" }
func (Forms) template() string  { return "forms.html" }
