package dashboard

// Pager leads through a list that shows the newest first. Its links are empty where there is nothing to lead to.
type Pager struct {
	Newest, Older string
}

// Tab is one of several views of the same thing, or one value of a filter.
type Tab struct {
	Label, Path string
	Current     bool
}

// Crumb is a page above this one.
type Crumb struct{ Label, Path string }

// Stat is a number on a tile.
type Stat struct {
	Label, Value string
	// Note is a second, small line; Path makes the tile a link; Bad colours the number.
	Note, Path string
	Bad        bool
	// Meter draws Share, 0 to 100, as a bar.
	Meter bool
	Share float64
}

// Badge is a word in a colour: good, bad, wait, or none of them.
type Badge struct{ Tone, Text string }

// Field is a labelled input. Its hint and its error are tied to it for those who hear the page.
type Field struct {
	Name, Label string
	// Type is that of an input (empty: text), or "textarea" or "select".
	Type, Value string
	// Hint stands below the field, Error what is wrong with what was typed.
	Hint, Error string
	Placeholder string
	// Complete is the autocomplete attribute; empty leaves it out.
	Complete string
	Required bool
	// Focus puts the cursor here when the page opens.
	Focus bool
	// Max is the longest text; 0: no limit.
	Max int
	// Rows are those of a textarea; 0: three.
	Rows int
	// Options are those of a select.
	Options []Choice
}

// ID ties label, field, hint and error together.
func (f Field) ID() string { return "field-" + f.Name }

// Described names the elements that describe the field.
func (f Field) Described() string {
	switch {
	case f.Hint != "" && f.Error != "":
		return f.ID() + "-hint " + f.ID() + "-wrong"
	case f.Hint != "":
		return f.ID() + "-hint"
	case f.Error != "":
		return f.ID() + "-wrong"
	}
	return ""
}

// Danger is something that cannot be undone, behind a disclosure.
type Danger struct {
	// Summary opens it, Text says what will happen, Button does it by a POST to Action.
	Summary, Text, Button, Action string
	// Word has to be typed first, into the field confirm; empty: nothing has to. The handler checks it again.
	Word string
	// Error says what was wrong with what was typed; empty: nothing.
	Error string
}

// Progress is how far something is.
type Progress struct {
	Label string
	// Share is 0 to 100, Text says the same in numbers.
	Share float64
	Text  string
}

// Step is one thing that happened, on a line of time.
type Step struct {
	// Tone colours its dot: good, bad, wait, or none of them.
	Tone  string
	Title string
	// Who stands behind the title: a name that somebody gave. Status is that of a delivery. Both may be empty.
	Who, Status string
	Path        string // of the page about it; empty: none
	At          When   // the zero moment is not shown
	// After is how long after the first step, where it matters; empty: it does not.
	After string
	// Code is the status of an HTTP answer; Answered says that there was a request, whatever came of it.
	Code     int
	Answered bool
	// Note is a sentence about it, Latency how long it took.
	Note, Latency string
	// Detail is text to unfold, under DetailLabel. JSON is laid out.
	DetailLabel, Detail string
	// Open shows the detail from the beginning.
	Open bool
}

// Bubble is a message of a conversation.
type Bubble struct {
	// Out says that the business sent it.
	Out bool
	// Actor is who, where it is not clear from the side: agent, AI, broadcast.
	Actor string
	// Quote is what it answers; empty: nothing in particular.
	Quote string
	// Text is what was written, Rest what follows of a long one, unfolded by who wants to read it; Kind names what a message
	// without text is: image, location.
	Text, Rest, Kind string
	// Image is the path of a picture, File that of another file; Missing says why there is neither.
	Image, File, Missing string
	At                   When
	// Mark is a word about what became of it: edited, deleted. Reactions are what was added to it.
	Mark      string
	Reactions []string
	// Status is that of an outgoing message: accepted, sent, delivered, read, played or failed. Error says why it failed,
	// Advice what to do.
	Status, Error, Advice string
}

// Ticks is the sign of the bubble's status, as phones show it.
func (b Bubble) Ticks() string {
	switch b.Status {
	case "sent":
		return "✓"
	case "delivered", "read", "played":
		return "✓✓"
	}
	return ""
}
