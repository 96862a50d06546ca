package dashboard

// Conversations lists the conversations of a business, those whose customers wrote last first.
type Conversations struct {
	Shell
	// Search is what was looked for; Filters are the rest of the bar.
	Search  string
	Filters []Field
	// Filtered says that something narrows the list.
	Filtered bool
	Items    []ConversationItem
	Pager    Pager
}

// ConversationItem is one line of the list.
type ConversationItem struct {
	Path, Name string
	// Phone is the customer's; empty where it is not known. Number is the business's, where there are several.
	Phone, Number string
	// Said is the last message in a line, By who sent it where it was not the customer.
	Said, By string
	At       When
	// Badges are what is unusual about it, Tags its labels.
	Badges []Badge
	Tags   []string
}

// Conversation shows one thread with what people set about it.
type Conversation struct {
	Shell
	ID          int64
	Above       []Crumb
	Name, Phone string
	Number      string
	Contact     string // path of the customer's page
	Status      Badge
	// Bubbles are a part of the thread, oldest first. Latest says that it is the end of it, which is kept up to date.
	Bubbles []Bubble
	Latest  bool
	Pager   Pager
	// Window tells in a sentence whether the customer may be written to freely, until Until.
	Window     string
	WindowOpen bool
	Until      When
	// Answers tells in a sentence who answers now, and Why in another; empty: nothing to say. HasAI says that an AI could, and
	// AI that it may.
	Answers, Why string
	Since        When
	HasAI, AI    bool
	// Write is the box to write in; nil where it cannot be done, and Cannot says why.
	Write  *Write
	Cannot string
	// Fields are what people set about it, Wrong what is wrong with all of them.
	Fields []Field
	Wrong  string
	Tags   []string
}

// Write is a message that is being written.
type Write struct {
	Text Field
	// Key makes that it is sent once, however often the form is.
	Key string
}

func (Conversations) template() string { return "conversations.html" }
func (Conversation) template() string  { return "conversation.html" }
